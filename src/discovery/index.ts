export { DISCOVERY_KEYS_NOT_IN_VERSION, discoveryConfigs, discoveryShape } from './config.ts';
export { DiscoveryManager } from './discovery-manager.ts';
export type { TargetSets } from './discovery-manager.ts';
export { checkTargetFiles, fileDiscovery } from './file-provider.ts';
export type { DiscoveryConfig } from './provider.ts';
export { staticDiscovery } from './static-provider.ts';
export { makeTargetGroup } from './target-group.ts';
export type { TargetGroup } from './target-group.ts';
