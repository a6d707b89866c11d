/**
 * What the HTTP API answers, for whoever reads it in TypeScript (the UI does). Only types; field names are the wire's.
 *
 * @see reference: Prometheus' HTTP API v1 and Alertmanager's API v2
 */

/** Labels on the wire. */
export type WireLabels = Readonly<Record<string, string>>;

/** The envelope of `/api/v1/*`. */
export type ApiEnvelope<T> =
  | {
      readonly status: 'success';
      readonly data: T;
      readonly warnings?: readonly string[];
      readonly infos?: readonly string[];
    }
  | {
      readonly status: 'error';
      readonly errorType: string;
      readonly error: string;
      readonly data?: T;
      readonly warnings?: readonly string[];
    };

/** A sample: seconds and the value's text. */
export type WireSample = readonly [timeSeconds: number, value: string];

/** A native histogram: seconds, then its totals and the buckets that hold something (rule of the bounds, lower, upper, count). */
export type WireHistogram = readonly [
  timeSeconds: number,
  histogram: {
    readonly count: string;
    readonly sum: string;
    readonly buckets?: readonly (readonly [rule: number, lower: string, upper: string, count: string])[];
  },
];

/** `data` of `/api/v1/query` and `/api/v1/query_range`. */
export type QueryData =
  | { readonly resultType: 'scalar' | 'string'; readonly result: WireSample }
  | {
      readonly resultType: 'vector';
      readonly result: readonly {
        readonly metric: WireLabels;
        readonly value?: WireSample;
        readonly histogram?: WireHistogram;
      }[];
    }
  | {
      readonly resultType: 'matrix';
      readonly result: readonly {
        readonly metric: WireLabels;
        readonly values?: readonly WireSample[];
        readonly histograms?: readonly WireHistogram[];
      }[];
    };

/** One scrape target of `/api/v1/targets`. Times are RFC 3339. */
export interface ActiveTarget {
  readonly discoveredLabels: WireLabels;
  readonly labels: WireLabels;
  readonly scrapePool: string;
  readonly scrapeUrl: string;
  readonly globalUrl: string;
  readonly lastError: string;
  readonly lastScrape: string;
  /** Seconds. */
  readonly lastScrapeDuration: number;
  readonly health: 'up' | 'down' | 'unknown';
  readonly scrapeInterval: string;
  readonly scrapeTimeout: string;
}

/** `data` of `/api/v1/targets`. */
export interface TargetsData {
  readonly activeTargets: readonly ActiveTarget[];
  readonly droppedTargets: readonly { readonly discoveredLabels: WireLabels; readonly scrapePool: string }[];
  readonly droppedTargetCounts: Readonly<Record<string, number>> | null;
}

/** An alert of a rule, in `/api/v1/alerts` and `/api/v1/rules`. */
export interface RuleAlert {
  readonly labels: WireLabels;
  readonly annotations: WireLabels;
  readonly state: 'pending' | 'firing' | 'inactive';
  readonly activeAt?: string;
  readonly keepFiringSince?: string;
  readonly value: string;
}

/** An alerting rule of `/api/v1/rules`; durations in seconds. */
export interface AlertingRuleInfo {
  readonly type: 'alerting';
  readonly name: string;
  readonly query: string;
  readonly state: 'inactive' | 'pending' | 'firing' | 'unknown';
  readonly duration: number;
  readonly keepFiringFor: number;
  readonly labels: WireLabels;
  readonly annotations: WireLabels;
  readonly alerts: readonly RuleAlert[];
  readonly health: 'ok' | 'err' | 'unknown';
  readonly lastError?: string;
  readonly evaluationTime: number;
  readonly lastEvaluation: string;
}

/** A recording rule of `/api/v1/rules`. */
export interface RecordingRuleInfo {
  readonly type: 'recording';
  readonly name: string;
  readonly query: string;
  readonly labels?: WireLabels;
  readonly health: 'ok' | 'err' | 'unknown';
  readonly lastError?: string;
  readonly evaluationTime: number;
  readonly lastEvaluation: string;
}

/** A group of `/api/v1/rules`; `interval` in seconds. */
export interface RuleGroupInfo {
  readonly name: string;
  readonly file: string;
  readonly interval: number;
  readonly limit: number;
  readonly rules: readonly (AlertingRuleInfo | RecordingRuleInfo)[];
  readonly evaluationTime: number;
  readonly lastEvaluation: string;
}

/** `data` of `/api/v1/rules`. */
export interface RulesData {
  readonly groups: readonly RuleGroupInfo[];
}

/** `data` of `/api/v1/alerts`. */
export interface AlertsData {
  readonly alerts: readonly RuleAlert[];
}

/** `data` of `/api/v1/status/buildinfo`. */
export interface BuildInfo {
  readonly version: string;
  readonly revision: string;
  readonly branch: string;
  readonly buildUser: string;
  readonly buildDate: string;
  readonly goVersion: string;
}

/** `data` of `/api/v1/status/runtimeinfo`. */
export interface RuntimeInfo {
  readonly startTime: string;
  readonly CWD: string;
  readonly hostname: string;
  readonly serverTime: string;
  readonly reloadConfigSuccess: boolean;
  readonly lastConfigTime: string;
  readonly corruptionCount: number;
  readonly goroutineCount: number;
  readonly GOMAXPROCS: number;
  readonly GOMEMLIMIT: number;
  readonly GOGC: string;
  readonly GODEBUG: string;
  readonly storageRetention: string;
}

/** State of an alert in Alertmanager's API. */
export interface GettableAlertStatus {
  readonly state: 'unprocessed' | 'active' | 'suppressed';
  readonly silencedBy: readonly string[];
  readonly inhibitedBy: readonly string[];
  readonly mutedBy: readonly string[];
}

/** An alert of `/api/v2/alerts`. */
export interface GettableAlert {
  readonly labels: WireLabels;
  readonly annotations: WireLabels;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly updatedAt: string;
  readonly generatorURL: string;
  readonly fingerprint: string;
  readonly receivers: readonly { readonly name: string }[];
  readonly status: GettableAlertStatus;
}

/** A group of `/api/v2/alerts/groups`. */
export interface AlertGroup {
  readonly labels: WireLabels;
  readonly routeLabels?: WireLabels;
  readonly receiver: { readonly name: string };
  readonly alerts: readonly GettableAlert[];
}

/** A matcher of a silence on the wire. */
export interface WireMatcher {
  readonly name: string;
  readonly value: string;
  readonly isRegex: boolean;
  readonly isEqual?: boolean;
}

/** What `POST /api/v2/silences` takes; with `id` it changes that silence. */
export interface PostableSilence {
  readonly id?: string;
  readonly matchers: readonly WireMatcher[];
  readonly startsAt: string;
  readonly endsAt: string;
  readonly createdBy: string;
  readonly comment: string;
  readonly annotations?: WireLabels;
}

/** A silence of `/api/v2/silences`. */
export interface GettableSilence extends PostableSilence {
  readonly id: string;
  readonly updatedAt: string;
  readonly status: { readonly state: 'pending' | 'active' | 'expired' };
}

/** `/api/v2/status`. */
export interface AlertmanagerStatus {
  readonly cluster: {
    readonly name?: string;
    readonly status: 'ready' | 'settling' | 'disabled';
    readonly peers: readonly { readonly name: string; readonly address: string }[];
  };
  readonly versionInfo: BuildInfo;
  readonly config: { readonly original: string };
  readonly uptime: string;
}

/** A notification that is not out yet, in `data` of `/api/tocsin/v1/outbox`; oldest first. */
export interface OpenNotification {
  readonly id: string;
  readonly groupKey: string;
  readonly receiver: string;
  readonly integration: string;
  readonly index: number;
  readonly state: 'pending' | 'sending' | 'sent' | 'failed' | 'withdrawn';
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly nextAttemptAt: string;
  readonly attempts: number;
  /** Whether an earlier request may have arrived although nobody knows. */
  readonly ambiguous: boolean;
  readonly lastError: string;
}

/** A query that waits or runs, in `data` of `/api/tocsin/v1/queries`; oldest first. Times are RFC 3339. */
export interface RunningQueryInfo {
  /** For `DELETE /api/tocsin/v1/queries/{id}`. */
  readonly id: number;
  readonly kind: 'instant' | 'range';
  readonly query: string;
  readonly state: 'queued' | 'running';
  /** First and last time that is asked for. */
  readonly start: string;
  readonly end: string;
  /** Seconds; 0 for an instant query. */
  readonly step: number;
  /** When it came. */
  readonly since: string;
  /** Seconds since then. */
  readonly elapsed: number;
  /** Samples read so far; brought up to date a few times a second. */
  readonly samplesRead: number;
  /** Who asked over HTTP. */
  readonly client?: { readonly address: string; readonly method: string; readonly path: string };
  /** The rule that asked. */
  readonly rule?: { readonly file: string; readonly group: string; readonly name: string };
}
