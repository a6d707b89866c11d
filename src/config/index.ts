export { loadAlertmanagerFile, loadAlertmanagerText } from './alertmanager.ts';
export type { AlertmanagerSource, LoadedAlertmanager } from './alertmanager.ts';
export type { MatcherReader } from './alertmanager-schema.ts';
export type { Environment } from './expand-environment.ts';
export { expandGlob } from './glob.ts';
export { diffConfig, loadConfig } from './load.ts';
export type { ConfigSection, GlobalConfig, LoadedConfig, LoadedRuleFile, LoadOptions } from './load.ts';
