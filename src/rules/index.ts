export { parseRuleFile } from './config.ts';
export type {
  AlertingRuleConfig,
  RecordingRuleConfig,
  RuleConfig,
  RuleFileOptions,
  RuleGroupConfig,
  RuleTexts,
} from './config.ts';
export { RuleGroup } from './group.ts';
export type { RuleGroupView } from './group.ts';
export { RuleManager } from './manager.ts';
export type { BuiltInRules } from './manager.ts';
export type { RuleManagerOptions } from './manager.ts';
export { RuleMetrics } from './metrics.ts';
export { DEFAULT_RULE_SETTINGS, elementsOf } from './ports.ts';
export type { ExpandTemplate, RuleSettings } from './ports.ts';
export type { ActiveAlertView, AlertingRuleView, RecordingRuleView, RuleHealth, RuleView } from './rule.ts';
export { groupSchedule, slotAtOrBefore } from './schedule.ts';
export type { GroupSchedule } from './schedule.ts';
