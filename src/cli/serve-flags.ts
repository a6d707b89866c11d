import { TocsinError } from '../core/errors.ts';
import { type FlagKind, type FlagSpec, type FlagStanding, type ParsedFlags, parseFlags } from './flag-set.ts';

/** Features of `--enable-feature` that Prometheus knows, and what they do here. */
const FEATURES: Readonly<Record<string, 'used' | 'ignored' | 'notInVersion'>> = {
  'exemplar-storage': 'used',
  'expand-external-labels': 'ignored',
  'memory-snapshot-on-shutdown': 'ignored',
  'extra-scrape-metrics': 'used',
  'new-service-discovery-manager': 'ignored',
  agent: 'notInVersion',
  'promql-at-modifier': 'ignored',
  'promql-negative-offset': 'ignored',
  'promql-per-step-stats': 'used',
  'promql-experimental-functions': 'used',
  'promql-duration-expr': 'used',
  'promql-delayed-name-removal': 'used',
  'promql-extended-range-selectors': 'used',
  'promql-binop-fill-modifiers': 'used',
  'native-histograms': 'ignored',
  'created-timestamp-zero-ingestion': 'used',
  'delayed-compaction': 'ignored',
  'old-ui': 'ignored',
  'xor2-encoding': 'used',
  'histograms-st-encoding': 'ignored',
  'otlp-deltatocumulative': 'notInVersion',
  'otlp-native-delta-ingestion': 'used',
  'concurrent-rule-eval': 'ignored',
  'metadata-wal-records': 'used',
  'auto-gomaxprocs': 'ignored',
  'auto-gomemlimit': 'ignored',
  'auto-reload-config': 'used',
  'no-default-scrape-port': 'ignored',
  'remote-write-receiver': 'notInVersion',
  'otlp-write-receiver': 'notInVersion',
  'search-api': 'notInVersion',
  'st-storage': 'used',
  'st-synthesis': 'notInVersion',
  'type-and-unit-labels': 'used',
  'use-start-timestamps': 'used',
  'use-uncached-io': 'ignored',
  'tocsin-functions': 'used',
  'openmetrics-2.0': 'used',
};

/** What does what a feature without effect did. */
const FEATURE_HINTS: Readonly<Record<string, string>> = {
  'native-histograms': ': set scrape_native_histograms in the configuration to scrape native histograms',
};

function flag(
  standing: FlagStanding,
  name: string,
  kind: FlagKind,
  byDefault: string,
  help: string,
  more: Partial<FlagSpec> = {},
): FlagSpec {
  return { name, kind, byDefault, help, standing, ...more };
}

const used = flag.bind(undefined, 'used');
const ignored = flag.bind(undefined, 'ignored');
const later = flag.bind(undefined, 'notInVersion');
const HIDDEN = { hidden: true } as const;

/**
 * Every flag of Prometheus 3.14, hidden and deprecated ones included, and tocsin's own.
 *
 * @see prometheus docs/command-line/prometheus.md, cmd/prometheus/main.go
 */
export const SERVE_FLAGS: readonly FlagSpec[] = [
  used('config.file', 'text', '', 'Configuration file; tocsin.yml when it is there, else prometheus.yml.'),
  used('config.auto-reload', 'switch', 'false', 'Reload when a configuration or rule file changes.'),
  used(
    'config.auto-reload-interval',
    'duration',
    '30s',
    'How often files are compared for --config.auto-reload.',
  ),
  used('web.listen-address', 'list', '0.0.0.0:9090', 'Address to listen on; may be given more than once.'),
  ignored('auto-gomaxprocs', 'switch', 'true', 'about the Go runtime'),
  ignored('auto-gomemlimit', 'switch', 'true', 'about the Go runtime'),
  ignored('auto-gomemlimit.ratio', 'text', '0.9', 'about the Go runtime'),
  later('web.config.file', 'text', '', 'TLS and basic auth of the server.'),
  used('web.read-timeout', 'duration', '5m', 'Longest time for reading a request, and for idle connections.'),
  used('web.max-connections', 'integer', '512', 'Most connections at a time, over all listeners.'),
  ignored('web.max-notifications-subscribers', 'integer', '16', 'about live notifications of the old page'),
  used(
    'web.external-url',
    'text',
    '',
    'URL under which tocsin is reached from outside, for links in notifications.',
  ),
  used('web.route-prefix', 'text', '', "Prefix of every route; the external URL's path when absent."),
  ignored('web.user-assets', 'text', '', 'about static assets of console pages'),
  used('web.enable-lifecycle', 'switch', 'false', 'Allow reload and shutdown over HTTP.'),
  used('web.enable-admin-api', 'switch', 'false', 'Allow deleting series and making snapshots over HTTP.'),
  used(
    'web.enable-remote-write-receiver',
    'switch',
    'false',
    'Take samples by remote write, at /api/v1/write.',
  ),
  used(
    'web.remote-write-receiver.accepted-protobuf-messages',
    'list',
    'prometheus.WriteRequest,io.prometheus.write.v2.Request',
    'Message of remote write that is taken; may be given more than once.',
    { choices: ['prometheus.WriteRequest', 'io.prometheus.write.v2.Request'] },
  ),
  used('web.enable-otlp-receiver', 'switch', 'false', 'Take metrics by OTLP, at /api/v1/otlp/v1/metrics.'),
  ignored('web.console.templates', 'text', 'consoles', 'about console pages'),
  ignored('web.console.libraries', 'text', 'console_libraries', 'about console pages'),
  ignored('web.local-assets', 'text', '', "about Debian's packaging of the old page", HIDDEN),
  used('web.page-title', 'text', 'tocsin', 'Title of the web app.'),
  used('web.cors.origin', 'text', '.*', 'Expression, fully anchored, of origins that may read the API.'),
  used('storage.tsdb.path', 'text', 'data/', 'Folder for samples and state.'),
  used('storage.tsdb.min-block-duration', 'duration', '2h', 'Shortest time that a block has.', HIDDEN),
  used(
    'storage.tsdb.max-block-duration',
    'duration',
    '',
    'Longest time that a block has; a tenth of the retention, 31d at most, when not given.',
    HIDDEN,
  ),
  used(
    'storage.tsdb.max-block-chunk-segment-size',
    'text',
    '',
    'Most bytes of a file of chunks; 512MB when not given.',
    HIDDEN,
  ),
  used(
    'storage.tsdb.wal-segment-size',
    'text',
    '',
    'Size at which segments of the log end, 10MB to 256MB; 128MB when not given.',
    HIDDEN,
  ),
  used('storage.tsdb.retention', 'duration', '', 'Old name of --storage.tsdb.retention.time.', HIDDEN),
  used(
    'storage.tsdb.retention.time',
    'duration',
    '',
    'How long samples are kept; 15d when neither this nor the configuration says.',
  ),
  used(
    'storage.tsdb.retention.size',
    'text',
    '',
    'Most bytes that blocks and log may take, as 512MB; the oldest blocks go first. 0 is no limit.',
  ),
  used(
    'storage.memory-limit',
    'text',
    '',
    'Memory in use from which on new series are refused, as 4GB; three quarters of what the process may have when not given, 0 is no limit.',
  ),
  used('storage.tsdb.no-lockfile', 'switch', 'false', 'Do not write a lock file into the data folder.'),
  ignored(
    'storage.tsdb.use-lockfile',
    'switch',
    'true',
    "Debian's inverse of --storage.tsdb.no-lockfile",
    HIDDEN,
  ),
  ignored('storage.tsdb.allow-overlapping-blocks', 'switch', 'true', 'always so', HIDDEN),
  ignored('storage.tsdb.allow-overlapping-compaction', 'switch', 'true', 'always so', HIDDEN),
  used('storage.tsdb.wal-compression', 'switch', 'true', 'Compress the records of the log.', HIDDEN),
  used(
    'storage.tsdb.wal-compression-type',
    'text',
    'snappy',
    'How records of the log are compressed: snappy or zstd.',
    HIDDEN,
  ),
  ignored('storage.tsdb.head-chunks-write-queue-size', 'integer', '0', 'there is no such queue', HIDDEN),
  ignored('storage.tsdb.samples-per-chunk', 'integer', '120', 'always 120', HIDDEN),
  ignored(
    'storage.tsdb.delayed-compaction.max-percent',
    'integer',
    '10',
    'compaction is never delayed',
    HIDDEN,
  ),
  ignored('storage.tsdb.delay-compact-file.path', 'text', '', 'compaction is never delayed', HIDDEN),
  later('agent', 'switch', 'false', 'Agent mode.'),
  later('storage.agent.path', 'text', 'data-agent/', 'Agent mode.'),
  later('storage.agent.wal-segment-size', 'text', '', 'Agent mode.', HIDDEN),
  later('storage.agent.wal-compression', 'switch', 'true', 'Agent mode.', HIDDEN),
  later('storage.agent.wal-compression-type', 'text', 'snappy', 'Agent mode.', HIDDEN),
  later('storage.agent.wal-truncate-frequency', 'duration', '', 'Agent mode.', HIDDEN),
  later('storage.agent.retention.min-time', 'duration', '', 'Agent mode.'),
  later('storage.agent.retention.max-time', 'duration', '', 'Agent mode.'),
  later('storage.agent.no-lockfile', 'switch', 'false', 'Agent mode.'),
  used(
    'storage.remote.flush-deadline',
    'duration',
    '1m',
    'How long to wait flushing samples on shutdown or configuration reload.',
  ),
  used(
    'storage.remote.read-sample-limit',
    'integer',
    '5e7',
    'Most samples of a remote read that does not ask for streamed chunks, for each of its queries; 0 is no limit.',
  ),
  used(
    'storage.remote.read-concurrent-limit',
    'integer',
    '10',
    'Most remote reads at a time; 0 is no limit.',
  ),
  used(
    'storage.remote.read-max-bytes-in-frame',
    'integer',
    '1048576',
    'About the most bytes of a frame of streamed chunks; a client may refuse longer ones.',
  ),
  used(
    'rules.alert.for-outage-tolerance',
    'duration',
    '1h',
    "Longest outage after which an alert's `for` goes on.",
  ),
  used(
    'rules.alert.for-grace-period',
    'duration',
    '10m',
    'After a restart, least time before a restored alert fires.',
  ),
  used('rules.alert.resend-delay', 'duration', '1m', 'Least time before an alert is sent again.'),
  ignored('rules.max-concurrent-evals', 'integer', '4', 'rules of a group run one after the other'),
  used(
    'alertmanager.notification-queue-capacity',
    'integer',
    '10000',
    'Alerts waiting for an outside Alertmanager.',
  ),
  used(
    'alertmanager.notification-batch-size',
    'integer',
    '256',
    'Alerts in one request to an outside Alertmanager.',
  ),
  used(
    'alertmanager.drain-notification-queue-on-shutdown',
    'switch',
    'true',
    'Send what waits for outside Alertmanagers before stopping.',
  ),
  ignored('alertmanager.timeout', 'duration', '', 'set per Alertmanager in the configuration', HIDDEN),
  used('alertmanager.config.file', 'text', '', "Alertmanager's configuration for the embedded one."),
  used(
    'alertmanager.data.retention',
    'duration',
    '120h',
    'How long silences and the notification log are kept.',
  ),
  used('alertmanager.data.maintenance-interval', 'duration', '15m', 'How often what is too old is removed.'),
  used('alertmanager.alerts.gc-interval', 'duration', '30m', 'How often resolved alerts are removed.'),
  used('alertmanager.alerts.per-alertname-limit', 'integer', '0', 'Most alerts of one name; 0 is no limit.'),
  used('alertmanager.dispatch.start-delay', 'duration', '0s', 'After start, how long nothing is sent.'),
  ignored('alertmanager.dispatch.maintenance-interval', 'duration', '30s', 'empty groups go at once'),
  used(
    'alertmanager.silences.max-silences',
    'integer',
    '0',
    'Most silences, expired ones included; 0 is no limit.',
  ),
  used(
    'alertmanager.silences.max-silence-size-bytes',
    'integer',
    '0',
    'Most bytes of a silence; 0 is no limit.',
  ),
  used('query.lookback-delta', 'duration', '5m', 'How far back an instant selector looks.'),
  used('query.timeout', 'duration', '2m', 'Longest time of a query, waiting included.'),
  used('query.max-concurrency', 'integer', '20', 'Most queries at a time.'),
  used('query.max-samples', 'integer', '50000000', 'Most samples that one query may hold.'),
  used(
    'scrape.shard',
    'text',
    '',
    'Scrape only part i of n of the targets, as 0/3: n processes with the same configuration share a fleet.',
  ),
  ignored('scrape.adjust-timestamps', 'switch', 'true', 'always so', HIDDEN),
  ignored('scrape.timestamp-tolerance', 'duration', '2ms', 'always 2ms', HIDDEN),
  ignored('scrape.discovery-reload-interval', 'duration', '5s', 'always 5s', HIDDEN),
  ignored('scrape.name-escaping-scheme', 'text', 'values', 'set in the configuration', HIDDEN),
  ignored('web.search.max-limit', 'integer', '10000', 'the search API is a later version'),
  used('enable-feature', 'list', '', 'Features to switch on, comma-separated; may be given more than once.'),
  used('log.level', 'text', 'info', 'Least severe lines to log.', {
    choices: ['debug', 'info', 'warn', 'error'],
  }),
  used('log.format', 'text', 'logfmt', 'How lines look.', { choices: ['logfmt', 'json'] }),
];

/** Features that were asked for, and a line for each that means nothing. Refuses those that are not built. */
export function readFeatures(flags: ParsedFlags): {
  readonly enabled: ReadonlySet<string>;
  readonly warnings: string[];
} {
  const enabled = new Set<string>();
  const warnings: string[] = [];
  for (const name of flags.list('enable-feature').flatMap((text) => text.split(','))) {
    if (name === '') continue;
    switch (FEATURES[name]) {
      case 'used':
        enabled.add(name);
        break;
      case 'ignored':
        warnings.push(`--enable-feature=${name} has no effect in tocsin${FEATURE_HINTS[name] ?? ''}`);
        break;
      case 'notInVersion': {
        const message = `--enable-feature=${name} is not in this version of tocsin`;
        throw new TocsinError('TOCSIN_ERR_NOT_IN_VERSION', message);
      }
      case undefined:
        warnings.push(`unknown option for --enable-feature: ${name}`);
    }
  }
  return { enabled, warnings };
}

/** {@link parseFlags} for `tocsin serve`. */
export function parseServeFlags(args: readonly string[]): ParsedFlags {
  const flags = parseFlags(SERVE_FLAGS, args);
  const [extra] = flags.positional;
  if (extra !== undefined) throw new TocsinError('TOCSIN_ERR_USAGE', `unexpected ${extra}`);
  return flags;
}
