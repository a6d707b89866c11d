export { isResolved } from './alert.ts';
export type { Alert, AlertSink, PostedAlert, PutOutcome } from './alert.ts';
export { AlertPlane, DEFAULT_ALERT_PLANE_FLAGS } from './alert-plane.ts';
export type {
  AlertPlaneFlags,
  AlertPlaneOptions,
  AlertQuery,
  AlertSetup,
  AlertStatus,
  AlertView,
  FlushParts,
  GroupView,
} from './alert-plane.ts';
export type { AlertListener, AlertStore } from './alert-store.ts';
export { checkRouting, createAlertsSchemas } from './config.ts';
export type { AlertsConfig, InhibitRuleConfig, RouteConfig } from './config.ts';
export type { Flush, FlushContext, FlushOutcome, RouteOptions } from './flush.ts';
export type { FlushedState, Group } from './group.ts';
export { Inhibitor } from './inhibitor.ts';
export { MatcherParser } from './matcher-parser.ts';
export type { MatcherMode, MatcherParseResult } from './matcher-parser.ts';
export { formatMatcher, formatMatchers } from './matcher-text.ts';
export { compareAlerts, compareLabelSets } from './merge.ts';
export type { MuteMarks } from './mute-marks.ts';
export { Route, formatLabelSet } from './route.ts';
export { canUpdate, silenceState } from './silence.ts';
export type { DraftMatcher, Silence, SilenceDraft, SilenceState } from './silence.ts';
export type { SetSilenceOutcome, SilenceQuery, Silences } from './silences.ts';
export { TimeIntervals, entryContains } from './time-interval.ts';
export type { TimeInterval } from './time-interval.ts';
