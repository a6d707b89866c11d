import { z } from 'zod';
import { checkHttpClient, httpClientConfigOf, httpClientShape } from '../core/http-config.ts';
import type { HttpClientConfig } from '../core/http-config.ts';
import { legacyRelabelConfig, relabelConfigsSchema } from '../core/relabel.ts';
import type { RelabelConfig } from '../core/relabel.ts';
import { durationSchema, filePathSchema, sizeSchema, textSchema } from '../core/schema.ts';
import { notInVersion } from '../core/validate-yaml.ts';
import { DISCOVERY_KEYS_NOT_IN_VERSION, discoveryConfigs, discoveryShape } from '../discovery/index.ts';
import type { DiscoveryConfig } from '../discovery/index.ts';
import type { HistogramChoice } from './parser/metric-entries.ts';
import { SCRAPE_PROTOCOLS } from './protocols.ts';
import { probeSchema } from './probe.ts';
import type { ProbeConfig } from './probe.ts';
import type { EscapingScheme, ScrapeProtocol } from './protocols.ts';

const DEFAULT_INTERVAL_MS = 60_000;
const DEFAULT_TIMEOUT_MS = 10_000;

const limitSchema = z.int().min(0).default(0);

const switchSchema = z.boolean().optional();

const protocolSchema = z
  .string()
  .superRefine((name, context) => {
    if ((SCRAPE_PROTOCOLS as readonly string[]).includes(name)) return;
    const message = `unknown scrape protocol ${name}, supported: ${SCRAPE_PROTOCOLS.join(' ')}`;
    context.addIssue({ code: 'custom', message });
  })
  .transform((name) => name as ScrapeProtocol);

const protocolsSchema = z
  .array(protocolSchema)
  .min(1, 'scrape_protocols cannot be empty')
  .refine((list) => new Set(list).size === list.length, 'duplicated protocol in scrape_protocols')
  .optional();

const validationSchema = z.enum(['utf8', 'legacy']).optional();
const escapingSchema = z.enum(['allow-utf-8', 'underscores', 'dots', 'values']).optional();

/** The keys that `global` and a job have in common. */
const sharedShape = {
  scrape_interval: durationSchema.optional(),
  scrape_timeout: durationSchema.optional(),
  scrape_protocols: protocolsSchema,
  body_size_limit: sizeSchema.default(0),
  sample_limit: limitSchema,
  target_limit: limitSchema,
  label_limit: limitSchema,
  label_name_length_limit: limitSchema,
  label_value_length_limit: limitSchema,
  keep_dropped_targets: limitSchema,
  metric_name_validation_scheme: validationSchema,
  metric_name_escaping_scheme: escapingSchema,
  scrape_native_histograms: switchSchema,
  convert_classic_histograms_to_nhcb: switchSchema,
  always_scrape_classic_histograms: switchSchema,
  extra_scrape_metrics: z.boolean().optional(),
  scrape_failure_log_file: filePathSchema.optional(),
} as const;

/** The keys of `global` that are about scraping, for use inside its object schema. */
export const globalScrapeShape = sharedShape;

const sharedSchema = z.strictObject(sharedShape);
/** The parsed values of {@link globalScrapeShape}. */
export type GlobalScrapeFields = z.output<typeof sharedSchema>;

const fieldsSchema = notInVersion(
  z.strictObject({
    job_name: z.string().min(1, 'job_name is empty'),
    ...sharedShape,
    fallback_scrape_protocol: protocolSchema.optional(),
    metrics_path: z.string().optional(),
    probe: probeSchema.optional(),
    scheme: z.string().default('http'),
    params: z.record(z.string(), z.array(textSchema)).default({}),
    enable_compression: z.boolean().default(true),
    honor_labels: z.boolean().default(false),
    honor_timestamps: z.boolean().default(true),
    track_timestamps_staleness: z.boolean().default(false),
    native_histogram_bucket_limit: limitSchema,
    native_histogram_min_bucket_factor: z.number().default(0),
    relabel_configs: relabelConfigsSchema,
    metric_relabel_configs: relabelConfigsSchema,
    ...discoveryShape,
    ...httpClientShape,
  }),
  DISCOVERY_KEYS_NOT_IN_VERSION,
);

/** The parsed fields of one `scrape_configs` entry, before `global` is applied. */
export type ScrapeConfigFields = z.output<typeof fieldsSchema>;

/** One entry of `scrape_configs`; {@link resolveScrapeConfig} makes a {@link ScrapeConfig} of it. */
export const scrapeConfigSchema: z.ZodType<ScrapeConfigFields> = fieldsSchema.superRefine(
  (fields, context) => {
    checkHttpClient(fields, context);
    if (fields.relabel_configs.length > 0) return;
    // Relabel rules may make an address of a URL (as for the blackbox exporter); without any it is a mistake.
    fields.static_configs.forEach((group, i) => {
      group.targets.forEach((target, j) => {
        if (!target.includes('/')) return;
        const message = `${JSON.stringify(target)} is not a valid hostname`;
        context.addIssue({ code: 'custom', path: ['static_configs', i, 'targets', j], message });
      });
    });
  },
);

/** A job with everything filled in. Immutable. */
export interface ScrapeConfig {
  readonly jobName: string;
  readonly scrapeIntervalMs: number;
  readonly scrapeTimeoutMs: number;
  readonly metricsPath: string;
  /** Set where targets have no metrics and are only asked. */
  readonly probe: ProbeConfig | undefined;
  readonly scheme: string;
  readonly params: Readonly<Record<string, readonly string[]>>;
  readonly honorLabels: boolean;
  readonly honorTimestamps: boolean;
  readonly trackTimestampsStaleness: boolean;
  /** Formats to ask for, most wanted first; undefined leaves that to {@link defaultProtocols}. */
  readonly scrapeProtocols: readonly ScrapeProtocol[] | undefined;
  readonly fallbackScrapeProtocol: ScrapeProtocol | undefined;
  readonly enableCompression: boolean;
  /** Limits: 0 is none. */
  readonly bodySizeLimitBytes: number;
  readonly sampleLimit: number;
  readonly targetLimit: number;
  readonly labelLimit: number;
  readonly labelNameLengthLimit: number;
  readonly labelValueLengthLimit: number;
  readonly keepDroppedTargets: number;
  readonly metricNameValidationScheme: 'utf8' | 'legacy';
  readonly metricNameEscapingScheme: EscapingScheme;
  /** What is made of histograms; targets may have labels that say otherwise. */
  readonly histograms: HistogramChoice;
  /** Buckets that a native histogram may have; 0 is no limit. */
  readonly nativeHistogramBucketLimit: number;
  /** Factor by which neighbouring bounds of native histograms differ at least; up to 1 is none. */
  readonly nativeHistogramMinBucketFactor: number;
  readonly extraScrapeMetrics: boolean;
  /** Where failed scrapes are written down; '' is nowhere. */
  readonly scrapeFailureLogFile: string;
  readonly relabelConfigs: readonly RelabelConfig[];
  readonly metricRelabelConfigs: readonly RelabelConfig[];
  readonly discovery: readonly DiscoveryConfig[];
  readonly http: HttpClientConfig;
}

/** What a job inherits from `global`. */
export interface ScrapeGlobals {
  readonly scrapeIntervalMs: number;
  readonly scrapeTimeoutMs: number;
  readonly fields: GlobalScrapeFields;
}

/** A setting that does not go with another; `path` is relative to the block it is in. */
interface ScrapeConfigProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** The value, or what is wrong. */
export type Resolved<T> =
  { readonly ok: true; readonly value: T } | ({ readonly ok: false } & ScrapeConfigProblem);

/** Applies the defaults of `global`. */
export function resolveScrapeGlobals(fields: GlobalScrapeFields): Resolved<ScrapeGlobals> {
  const scrapeIntervalMs = fields.scrape_interval || DEFAULT_INTERVAL_MS;
  const timeoutMs = fields.scrape_timeout ?? 0;
  if (timeoutMs > scrapeIntervalMs) {
    return fail('scrape_timeout', 'global scrape timeout greater than scrape interval');
  }
  const scrapeTimeoutMs = timeoutMs || Math.min(DEFAULT_TIMEOUT_MS, scrapeIntervalMs);
  return { ok: true, value: { scrapeIntervalMs, scrapeTimeoutMs, fields } };
}

/**
 * A job with what it does not say taken from `global`. A limit of 0 is inherited too: a job cannot lift a global limit.
 *
 * @see prometheus config/config.go ScrapeConfig.Validate
 */
export function resolveScrapeConfig(
  fields: ScrapeConfigFields,
  globals: ScrapeGlobals,
): Resolved<ScrapeConfig> {
  const shared = globals.fields;
  const job = JSON.stringify(fields.job_name);
  const scrapeIntervalMs = fields.scrape_interval || globals.scrapeIntervalMs;
  const timeoutMs = fields.scrape_timeout ?? 0;
  if (timeoutMs > scrapeIntervalMs) {
    return fail(
      'scrape_timeout',
      `scrape timeout greater than scrape interval for scrape config with job name ${job}`,
    );
  }
  const validation = fields.metric_name_validation_scheme ?? shared.metric_name_validation_scheme ?? 'utf8';
  const escaping = escapingOf(fields, shared, validation);
  if (escaping === 'allow-utf-8' && validation === 'legacy') {
    return fail(
      'metric_name_escaping_scheme',
      'utf8 metric names requested but validation scheme is not set to UTF8',
    );
  }
  const rules = relabelRules(fields, validation);
  if (!rules.ok) return rules;
  return {
    ok: true,
    value: {
      jobName: fields.job_name,
      scrapeIntervalMs,
      scrapeTimeoutMs: timeoutMs || Math.min(globals.scrapeTimeoutMs, scrapeIntervalMs),
      metricsPath: fields.metrics_path ?? (fields.probe === undefined ? '/metrics' : '/'),
      probe: fields.probe,
      scheme: fields.scheme,
      params: fields.params,
      honorLabels: fields.honor_labels,
      honorTimestamps: fields.honor_timestamps,
      trackTimestampsStaleness: fields.track_timestamps_staleness,
      scrapeProtocols: fields.scrape_protocols ?? shared.scrape_protocols,
      fallbackScrapeProtocol: fields.fallback_scrape_protocol,
      enableCompression: fields.enable_compression,
      bodySizeLimitBytes: fields.body_size_limit || shared.body_size_limit,
      sampleLimit: fields.sample_limit || shared.sample_limit,
      targetLimit: fields.target_limit || shared.target_limit,
      labelLimit: fields.label_limit || shared.label_limit,
      labelNameLengthLimit: fields.label_name_length_limit || shared.label_name_length_limit,
      labelValueLengthLimit: fields.label_value_length_limit || shared.label_value_length_limit,
      keepDroppedTargets: fields.keep_dropped_targets || shared.keep_dropped_targets,
      metricNameValidationScheme: validation,
      metricNameEscapingScheme: escaping,
      histograms: histogramChoice(fields, shared),
      nativeHistogramBucketLimit: fields.native_histogram_bucket_limit,
      nativeHistogramMinBucketFactor: fields.native_histogram_min_bucket_factor,
      scrapeFailureLogFile: fields.scrape_failure_log_file ?? shared.scrape_failure_log_file ?? '',
      extraScrapeMetrics: fields.extra_scrape_metrics ?? shared.extra_scrape_metrics ?? false,
      ...rules.value,
      discovery: discoveryConfigs(fields),
      http: httpClientConfigOf(fields),
    },
  };
}

/** The rules as the names that the job allows want them. */
function relabelRules(
  fields: ScrapeConfigFields,
  scheme: 'utf8' | 'legacy',
): Resolved<Pick<ScrapeConfig, 'relabelConfigs' | 'metricRelabelConfigs'>> {
  if (scheme === 'utf8') {
    const { relabel_configs: relabelConfigs, metric_relabel_configs: metricRelabelConfigs } = fields;
    return { ok: true, value: { relabelConfigs, metricRelabelConfigs } };
  }
  const rules: Record<'relabel_configs' | 'metric_relabel_configs', RelabelConfig[]> = {
    relabel_configs: [],
    metric_relabel_configs: [],
  };
  for (const key of ['relabel_configs', 'metric_relabel_configs'] as const) {
    for (const [i, given] of fields[key].entries()) {
      const rule = legacyRelabelConfig(given);
      if ('message' in rule) return { ok: false, path: [key, i, rule.key], message: rule.message };
      rules[key].push(rule);
    }
  }
  return {
    ok: true,
    value: { relabelConfigs: rules.relabel_configs, metricRelabelConfigs: rules.metric_relabel_configs },
  };
}

function histogramChoice(fields: ScrapeConfigFields, shared: GlobalScrapeFields): HistogramChoice {
  return {
    native: fields.scrape_native_histograms ?? shared.scrape_native_histograms ?? false,
    alwaysClassic:
      fields.always_scrape_classic_histograms ?? shared.always_scrape_classic_histograms ?? false,
    convertClassic:
      fields.convert_classic_histograms_to_nhcb ?? shared.convert_classic_histograms_to_nhcb ?? false,
  };
}

function escapingOf(
  fields: ScrapeConfigFields,
  shared: GlobalScrapeFields,
  validation: 'utf8' | 'legacy',
): EscapingScheme {
  const byValidation = validation === 'legacy' ? 'underscores' : 'allow-utf-8';
  if (fields.metric_name_escaping_scheme !== undefined) return fields.metric_name_escaping_scheme;
  return fields.metric_name_validation_scheme === undefined
    ? (shared.metric_name_escaping_scheme ?? byValidation)
    : byValidation;
}

function fail(key: string, message: string): { ok: false; path: string[]; message: string } {
  return { ok: false, path: [key], message };
}
