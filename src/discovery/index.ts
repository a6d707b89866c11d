export {
  DISCOVERY_KEYS_NOT_IN_VERSION,
  discoveryConfigs,
  discoveryShape,
  fileSdConfigsSchema,
  staticConfigsSchema,
} from './config.ts';
export type { DiscoveryFields, FileDiscoveryConfig } from './config.ts';
export { DiscoveryManager } from './discovery-manager.ts';
export type { DiscoveryManagerOptions, TargetSets } from './discovery-manager.ts';
export { fileDiscovery } from './file-provider.ts';
export type { FileDiscoveryOptions } from './file-provider.ts';
export { DiscoveryMetrics } from './metrics.ts';
export type { DiscoveryConfig, Provider, ProviderContext, SendGroups } from './provider.ts';
export { staticDiscovery } from './static-provider.ts';
export { makeTargetGroup } from './target-group.ts';
export type { TargetGroup } from './target-group.ts';
export { groupsFileSchema, writtenGroupSchema } from './written-group.ts';
export type { WrittenGroup } from './written-group.ts';
