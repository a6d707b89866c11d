import { z } from 'zod';
import { createAlertsSchemas } from '../alerts/config.ts';
import type { AlertsConfig, InhibitRuleConfig, RouteConfig } from '../alerts/config.ts';
import { notInVersion } from '../core/validate-yaml.ts';
import { notifyShape } from '../notify/config.ts';
import type { NotifyFields } from '../notify/config.ts';

/** Reads matchers; its mode also says which label names are allowed. `app/` makes it from the feature flags. */
export type MatcherReader = NonNullable<Parameters<typeof createAlertsSchemas>[0]>;

/** What {@link createAlertmanagerSchema} reads. */
export interface AlertmanagerFields extends NotifyFields {
  readonly route?: RouteConfig | undefined;
  readonly inhibit_rules: readonly InhibitRuleConfig[];
  readonly time_intervals: AlertsConfig['timeIntervals'];
  readonly mute_time_intervals: AlertsConfig['timeIntervals'];
}

/** The whole of `alertmanager.yml`, also as the key `alertmanager:`. */
export function createAlertmanagerSchema(matchers?: MatcherReader): z.ZodType<AlertmanagerFields> {
  const schemas = createAlertsSchemas(matchers);
  return notInVersion(
    z.strictObject({
      ...notifyShape,
      route: schemas.route.optional(),
      inhibit_rules: schemas.inhibitRules.default([]),
      time_intervals: schemas.timeIntervals.default([]),
      mute_time_intervals: schemas.timeIntervals.default([]),
    }),
    ['tracing', 'event_recorder'],
  );
}
