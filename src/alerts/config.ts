import { z } from 'zod';
import { LEGACY_LABEL_NAME, Labels } from '../core/labels.ts';
import { Matcher } from '../core/matcher.ts';
import type { MatchOp } from '../core/matcher.ts';
import { durationSchema, positiveDurationSchema, regexpSchema } from '../core/schema.ts';
import { notInVersion } from '../core/validate-yaml.ts';
import { MatcherParser } from './matcher-parser.ts';
import { compareMatchers } from './matcher-text.ts';
import { timeIntervalSchema } from './time-interval-config.ts';
import type { TimeInterval } from './time-interval.ts';

/** A node of `route` as written; what is absent is inherited. */
export interface RouteConfig {
  /** undefined = the parent's. */
  readonly receiver: string | undefined;
  /** undefined = the parent's; `all` is `['...']`; an empty list puts everything in one group. */
  readonly groupBy: 'all' | readonly string[] | undefined;
  /** All of `match`, `match_re` and `matchers`, sorted. */
  readonly matchers: readonly Matcher[];
  readonly continue: boolean;
  readonly groupWaitMs: number | undefined;
  readonly groupIntervalMs: number | undefined;
  readonly repeatIntervalMs: number | undefined;
  readonly muteTimeIntervals: readonly string[];
  readonly activeTimeIntervals: readonly string[];
  /** Values are templates. */
  readonly labels: Labels;
  readonly routes: readonly RouteConfig[];
}

/** An item of `inhibit_rules`. */
export interface InhibitRuleConfig {
  readonly name: string;
  readonly sourceMatchers: readonly Matcher[];
  readonly targetMatchers: readonly Matcher[];
  readonly equal: readonly string[];
}

/** The part of an Alertmanager configuration that this room lives by. */
export interface AlertsConfig {
  readonly route: RouteConfig;
  readonly inhibitRules: readonly InhibitRuleConfig[];
  /** `time_intervals` and `mute_time_intervals` together. */
  readonly timeIntervals: readonly TimeInterval[];
  /** `global.resolve_timeout`. */
  readonly resolveTimeoutMs: number;
}

/** Default of `global.resolve_timeout`. */
export const DEFAULT_RESOLVE_TIMEOUT_MS = 300_000;

/** What this room's part of the configuration is read with. */
export interface AlertsSchemas {
  /** `route`; hold {@link checkRouting} against the whole afterwards. */
  readonly route: z.ZodType<RouteConfig>;
  readonly inhibitRules: z.ZodType<readonly InhibitRuleConfig[]>;
  readonly timeIntervals: z.ZodType<readonly TimeInterval[]>;
}

/** Own keys of a route that the contract has and this version doesn't. */
const LATER_ROUTE_KEYS = ['escalate', 'fallback', 'digest', 'flap'];

/** Schemas whose matchers are read with `parser`, whose mode also says which label names are allowed. */
export function createAlertsSchemas(parser: MatcherParser = new MatcherParser()): AlertsSchemas {
  return {
    route: createRouteSchema(parser),
    inhibitRules: z.array(createInhibitRuleSchema(parser)),
    timeIntervals: z.array(timeIntervalSchema),
  };
}

/** Legacy names only; the reading of `match`, `source_match` and the like. */
function legacyMatchersSchema<T>(value: z.ZodType<T>, toMatcher: (name: string, value: T) => Matcher) {
  return z.record(z.string(), value).transform((entries, context) => {
    const matchers: Matcher[] = [];
    for (const [name, entry] of Object.entries(entries)) {
      if (!LEGACY_LABEL_NAME.test(name)) {
        const message = `invalid label name ${JSON.stringify(name)}`;
        context.addIssue({ code: 'custom', path: [name], message });
      } else matchers.push(toMatcher(name, entry));
    }
    return matchers;
  });
}

function matcherOf(op: MatchOp) {
  return (name: string, value: string): Matcher => new Matcher(name, op, value);
}

const equalitiesSchema = legacyMatchersSchema(z.string(), matcherOf('=')).default([]);
/** Alertmanager keeps the anchors in the text, and so in group keys. */
const regexpsSchema = legacyMatchersSchema(regexpSchema, (name, regexp) =>
  matcherOf('=~')(name, `^(?:${regexp.source})$`),
).default([]);

function matchersSchema(parser: MatcherParser) {
  return z
    .array(
      z.string().transform((line, context) => {
        const result = parser.parseMatchers(line, 'config');
        if (result.kind === 'ok') return result.matchers;
        context.addIssue({ code: 'custom', message: result.reason });
        return z.NEVER;
      }),
    )
    .default([])
    .transform((lines) => lines.flat());
}

function labelNamesSchema(parser: MatcherParser, where: string, alsoAllowed?: string) {
  return z.array(
    z.string().superRefine((name, context) => {
      if (name === alsoAllowed || parser.isValidLabelName(name)) return;
      const message = `invalid label name ${JSON.stringify(name)} in ${where}`;
      context.addIssue({ code: 'custom', message });
    }),
  );
}

const ALL_LABELS = '...';

function groupBySchema(parser: MatcherParser) {
  return labelNamesSchema(parser, 'group_by list', ALL_LABELS).transform((names, context) => {
    const plain = names.filter((name) => name !== ALL_LABELS);
    if (plain.length < names.length) {
      if (plain.length === 0) return 'all' as const;
      const message = 'cannot have wildcard group_by (`...`) and other labels at the same time';
      context.addIssue({ code: 'custom', message });
    }
    const seen = new Set<string>();
    for (const name of plain) {
      if (seen.has(name)) {
        context.addIssue({ code: 'custom', message: `duplicated label ${JSON.stringify(name)} in group_by` });
      }
      seen.add(name);
    }
    return plain;
  });
}

function routeLabelsSchema(parser: MatcherParser) {
  return z
    .record(z.string(), z.string())
    .superRefine((labels, context) => {
      for (const name of Object.keys(labels)) {
        if (parser.isValidLabelName(name)) continue;
        const message = `invalid label name ${JSON.stringify(name)} in route labels`;
        context.addIssue({ code: 'custom', path: [name], message });
      }
    })
    .transform((labels) => Labels.fromObject(labels));
}

function createRouteSchema(parser: MatcherParser): z.ZodType<RouteConfig> {
  const plain = z.strictObject({
    receiver: z.string().optional(),
    group_by: groupBySchema(parser).optional(),
    match: equalitiesSchema,
    match_re: regexpsSchema,
    matchers: matchersSchema(parser),
    continue: z.boolean().default(false),
    group_wait: durationSchema.optional(),
    group_interval: positiveDurationSchema.optional(),
    repeat_interval: positiveDurationSchema.optional(),
    mute_time_intervals: z.array(z.string()).default([]),
    active_time_intervals: z.array(z.string()).default([]),
    labels: routeLabelsSchema(parser).default(Labels.EMPTY),
    routes: z.array(z.lazy((): z.ZodType<RouteConfig> => schema)).default([]),
  });
  const schema: z.ZodType<RouteConfig> = notInVersion(plain, LATER_ROUTE_KEYS).transform(
    (route): RouteConfig => ({
      receiver: route.receiver === '' ? undefined : route.receiver,
      groupBy: route.group_by,
      matchers: [...route.match, ...route.match_re, ...route.matchers].toSorted(compareMatchers),
      continue: route.continue,
      groupWaitMs: route.group_wait,
      groupIntervalMs: route.group_interval,
      repeatIntervalMs: route.repeat_interval,
      muteTimeIntervals: route.mute_time_intervals,
      activeTimeIntervals: route.active_time_intervals,
      labels: route.labels,
      routes: route.routes,
    }),
  );
  return schema;
}

function createInhibitRuleSchema(parser: MatcherParser): z.ZodType<InhibitRuleConfig> {
  return z
    .strictObject({
      name: z.string().default(''),
      source_match: equalitiesSchema,
      source_match_re: regexpsSchema,
      source_matchers: matchersSchema(parser),
      target_match: equalitiesSchema,
      target_match_re: regexpsSchema,
      target_matchers: matchersSchema(parser),
      equal: labelNamesSchema(parser, 'equal list').default([]),
    })
    .transform((rule) => ({
      name: rule.name,
      sourceMatchers: [...rule.source_match, ...rule.source_match_re, ...rule.source_matchers],
      targetMatchers: [...rule.target_match, ...rule.target_match_re, ...rule.target_matchers],
      equal: [...new Set(rule.equal)],
    }));
}

/** A check that failed, with its place below the document's root. */
export interface RoutingProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** The parts of a configuration that {@link checkRouting} holds against each other. */
export interface RoutingParts {
  readonly route: RouteConfig;
  readonly receiverNames: readonly string[];
  readonly timeIntervals: readonly TimeInterval[];
  readonly muteTimeIntervals: readonly TimeInterval[];
}

/**
 * What no single block can check: the root's rules, and that receivers and time intervals exist and are unique.
 *
 * @see alertmanager config/config.go Config.UnmarshalYAML
 */
export function checkRouting(parts: RoutingParts): RoutingProblem[] {
  const problems: RoutingProblem[] = [];
  const root = parts.route;
  const report = (path: (string | number)[], message: string): void => void problems.push({ path, message });
  if (root.receiver === undefined) report(['route'], 'root route must specify a default receiver');
  if (root.matchers.length > 0) report(['route'], 'root route must not have any matchers');
  if (root.continue) report(['route', 'continue'], 'cannot have continue in root route');
  if (root.muteTimeIntervals.length > 0) {
    report(['route', 'mute_time_intervals'], 'root route must not have any mute time intervals');
  }
  if (root.activeTimeIntervals.length > 0) {
    report(['route', 'active_time_intervals'], 'root route must not have any active time intervals');
  }
  const receivers = new Set<string>();
  for (const [i, name] of parts.receiverNames.entries()) {
    if (receivers.has(name))
      report(['receivers', i], `notification config name ${JSON.stringify(name)} is not unique`);
    receivers.add(name);
  }
  const intervals = new Set<string>();
  for (const [key, list] of [
    ['mute_time_intervals', parts.muteTimeIntervals],
    ['time_intervals', parts.timeIntervals],
  ] as const) {
    const noun = key === 'time_intervals' ? 'time interval' : 'mute time interval';
    for (const [i, { name }] of list.entries()) {
      if (intervals.has(name)) report([key, i], `${noun} ${JSON.stringify(name)} is not unique`);
      intervals.add(name);
    }
  }
  checkReferences(root, ['route'], receivers, intervals, problems);
  return problems;
}

function checkReferences(
  route: RouteConfig,
  path: readonly (string | number)[],
  receivers: ReadonlySet<string>,
  intervals: ReadonlySet<string>,
  problems: RoutingProblem[],
): void {
  if (route.receiver !== undefined && !receivers.has(route.receiver)) {
    const message = `undefined receiver ${JSON.stringify(route.receiver)} used in route`;
    problems.push({ path: [...path, 'receiver'], message });
  }
  for (const [key, names] of [
    ['active_time_intervals', route.activeTimeIntervals],
    ['mute_time_intervals', route.muteTimeIntervals],
  ] as const) {
    for (const [i, name] of names.entries()) {
      if (intervals.has(name)) continue;
      const message = `undefined time interval ${JSON.stringify(name)} used in route`;
      problems.push({ path: [...path, key, i], message });
    }
  }
  for (const [i, child] of route.routes.entries()) {
    checkReferences(child, [...path, 'routes', i], receivers, intervals, problems);
  }
}
