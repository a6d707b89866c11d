import { RE2JS } from 're2js';
import { z } from 'zod';
import { formatFloatPlain } from '../core/float-text.ts';
import { startDeadline } from '../core/clock.ts';
import { errorText } from '../core/errors.ts';
import type { HttpObservation, HttpResponse } from '../core/ports.ts';
import { readBody } from './body.ts';
import type { BodyBuffers, ReceivedBody } from './body.ts';
import type { FetchOptions, FetchOutcome } from './fetch-body.ts';

/** Of a body at most so much is looked at, unless `body_size_limit` says less; a longer one fails the probe. */
const MAX_BODY_BYTES = 1024 * 1024;
const METHOD = /^[A-Z]+$/;

const patternSchema = z.string().superRefine((pattern, context) => {
  try {
    RE2JS.compile(pattern);
  } catch (error) {
    context.addIssue({ code: 'custom', message: `not a valid regular expression: ${errorText(error)}` });
  }
});

/**
 * `probe`: the target has no metrics; it is asked, and what comes of that are its series. Keys mean what those of a
 * module of blackbox_exporter's `http` prober of the same names do.
 *
 * @see https://github.com/prometheus/blackbox_exporter/blob/master/CONFIGURATION.md
 */
export const probeSchema = z
  .strictObject({
    method: z.string().regex(METHOD, 'must be an HTTP method, as GET').default('GET'),
    body: z.string().optional(),
    valid_status_codes: z.array(z.int().min(100).max(599)).default([]),
    valid_http_versions: z.array(z.enum(['HTTP/1.1', 'HTTP/2.0'])).default([]),
    fail_if_body_matches_regexp: z.array(patternSchema).default([]),
    fail_if_body_not_matches_regexp: z.array(patternSchema).default([]),
    fail_if_ssl: z.boolean().default(false),
    fail_if_not_ssl: z.boolean().default(false),
  })
  .transform((fields) => ({
    method: fields.method,
    body: fields.body,
    validStatusCodes: fields.valid_status_codes,
    validHttpVersions: fields.valid_http_versions,
    failIfBodyMatches: fields.fail_if_body_matches_regexp,
    failIfBodyNotMatches: fields.fail_if_body_not_matches_regexp,
    failIfSsl: fields.fail_if_ssl,
    failIfNotSsl: fields.fail_if_not_ssl,
  }));

/** A checked `probe`. */
export type ProbeConfig = z.output<typeof probeSchema>;

/** What a probe found out. */
interface Findings {
  success: boolean;
  /** Why not; for the log. */
  reason: string;
  status: number;
  contentLength: number;
  bodyLength: number;
  failedByRegexp: boolean;
  transferMs: number;
  lastModifiedMs: number;
  isTls: boolean;
  observed: HttpObservation | undefined;
}

/**
 * Asks a target as its job's `probe` says. Whatever the target does, the outcome is a body of samples, `probe_success`
 * among them, under blackbox_exporter's names; `onFailure` is told why a probe failed.
 */
export async function probeTarget(
  options: FetchOptions,
  config: ProbeConfig,
  onFailure: (reason: string) => void,
): Promise<FetchOutcome> {
  const { clock, timeoutMs, signal, buffers } = options;
  const startMs = clock.monotonicMs();
  const findings: Findings = {
    success: false,
    reason: '',
    status: 0,
    contentLength: 0,
    bodyLength: 0,
    failedByRegexp: false,
    transferMs: 0,
    lastModifiedMs: NaN,
    isTls: false,
    observed: undefined,
  };
  const late = (): Error => new Error(`no answer within scrape_timeout`);
  const deadline = startDeadline(clock, timeoutMs, late, signal);
  try {
    await ask(options, config, deadline.signal, findings);
    judge(config, findings);
  } catch (error) {
    if (signal.aborted) return { kind: 'stopped' };
    findings.reason = errorText(error);
  } finally {
    deadline.dispose();
  }
  if (!findings.success) onFailure(findings.reason);
  const text = exposition(findings, (clock.monotonicMs() - startMs) / 1000);
  return { kind: 'body', body: bodyOf(text, buffers), contentType: 'text/plain; version=0.0.4' };
}

async function ask(
  options: FetchOptions,
  config: ProbeConfig,
  signal: AbortSignal,
  findings: Findings,
): Promise<void> {
  const response = await options.send({
    method: config.method,
    url: options.url,
    headers: {
      'User-Agent': options.userAgent,
      'Accept-Encoding': options.enableCompression ? 'gzip' : 'identity',
    },
    ...(config.body !== undefined && { body: config.body }),
    signal,
    observes: true,
  });
  findings.status = response.status;
  findings.observed = response.observed;
  findings.isTls = response.url.startsWith('https:');
  findings.contentLength = Number(response.headers['content-length'] ?? -1);
  findings.lastModifiedMs = Date.parse(response.headers['last-modified'] ?? '');
  const { clock, buffers } = options;
  const startMs = clock.monotonicMs();
  const body = await readAnswer(response, options);
  findings.transferMs = clock.monotonicMs() - startMs;
  findings.bodyLength = body.length;
  try {
    if (config.failIfBodyMatches.length + config.failIfBodyNotMatches.length > 0)
      findings.failedByRegexp = !bodyFits(config, body);
  } finally {
    buffers.give(body.bytes);
  }
}

async function readAnswer(response: HttpResponse, options: FetchOptions): Promise<ReceivedBody> {
  const { bodySizeLimitBytes, clock, buffers } = options;
  const limitBytes = bodySizeLimitBytes > 0 ? Math.min(bodySizeLimitBytes, MAX_BODY_BYTES) : MAX_BODY_BYTES;
  const isGzip = response.headers['content-encoding'] === 'gzip';
  const progress = { receivedBytes: 0 };
  return readBody(response.body, { isGzip, limitBytes, expectedBytes: 0, clock, buffers }, progress);
}

function bodyFits(config: ProbeConfig, body: ReceivedBody): boolean {
  const text = new TextDecoder().decode(body.bytes.subarray(0, body.length));
  const { wrong, needed } = patternsOf(config);
  const finds = (pattern: RE2JS): boolean => pattern.matcher(text).find();
  return !wrong.some(finds) && needed.every(finds);
}

interface Patterns {
  readonly wrong: readonly RE2JS[];
  readonly needed: readonly RE2JS[];
}

/** A config is plain data, so that it can be compared. */
const compiled = new WeakMap<ProbeConfig, Patterns>();

function patternsOf(config: ProbeConfig): Patterns {
  let patterns = compiled.get(config);
  if (patterns === undefined) {
    const compile = (pattern: string): RE2JS => RE2JS.compile(pattern);
    patterns = {
      wrong: config.failIfBodyMatches.map(compile),
      needed: config.failIfBodyNotMatches.map(compile),
    };
    compiled.set(config, patterns);
  }
  return patterns;
}

/** Whether what was found is a success. */
function judge(config: ProbeConfig, findings: Findings): void {
  const { status, observed, isTls } = findings;
  const version = observed?.httpVersion === 2 ? 'HTTP/2.0' : 'HTTP/1.1';
  const isValid =
    config.validStatusCodes.length === 0
      ? status >= 200 && status < 300
      : config.validStatusCodes.includes(status);
  if (!isValid) findings.reason = `the answer's status ${status} is not one of the valid ones`;
  else if (config.validHttpVersions.length > 0 && !config.validHttpVersions.includes(version))
    findings.reason = `the answer's version ${version} is not one of the valid ones`;
  else if (findings.failedByRegexp) findings.reason = 'the body is not as the regular expressions want it';
  else if (isTls && config.failIfSsl) findings.reason = 'the last request was over TLS';
  else if (!isTls && config.failIfNotSsl) findings.reason = 'the last request was not over TLS';
  else findings.success = true;
}

function exposition(findings: Findings, durationSeconds: number): string {
  const { observed, isTls, lastModifiedMs } = findings;
  const lines: string[] = [];
  const gauge = (
    name: string,
    help: string,
    ...samples: readonly [labels: string, value: number][]
  ): void => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} gauge`);
    for (const [labels, value] of samples) lines.push(`${name}${labels} ${formatFloatPlain(value)}`);
  };
  gauge('probe_success', 'Displays whether or not the probe was a success', ['', Number(findings.success)]);
  gauge('probe_duration_seconds', 'Returns how long the probe took to complete in seconds', [
    '',
    durationSeconds,
  ]);
  gauge('probe_failed_due_to_regex', 'Indicates if probe failed due to regex', [
    '',
    Number(findings.failedByRegexp),
  ]);
  gauge('probe_http_status_code', 'Response HTTP status code', ['', findings.status]);
  gauge('probe_http_content_length', 'Length of http content response', ['', findings.contentLength]);
  gauge('probe_http_uncompressed_body_length', 'Length of uncompressed response body', [
    '',
    findings.bodyLength,
  ]);
  gauge('probe_http_redirects', 'The number of redirects', ['', observed?.redirects ?? 0]);
  gauge('probe_http_ssl', 'Indicates if SSL was used for the final redirect', ['', Number(isTls)]);
  gauge('probe_http_version', 'Returns the version of HTTP of the probe response', [
    '',
    findings.status === 0 ? 0 : (observed?.httpVersion ?? 1.1),
  ]);
  const phase = (name: string, ms: number | undefined): [string, number] => [
    `{phase="${name}"}`,
    (ms ?? 0) / 1000,
  ];
  gauge(
    'probe_http_duration_seconds',
    'Duration of http request by phase, summed over all redirects',
    phase('resolve', observed?.resolveMs),
    phase('connect', observed?.connectMs),
    phase('tls', observed?.tlsMs),
    phase('processing', observed?.processingMs),
    phase('transfer', findings.transferMs),
  );
  if (Number.isFinite(lastModifiedMs))
    gauge(
      'probe_http_last_modified_timestamp_seconds',
      'Returns the Last-Modified HTTP response header in unixtime',
      ['', lastModifiedMs / 1000],
    );
  if (observed?.tls !== undefined) {
    const { version, earliestExpiryMs } = observed.tls;
    gauge('probe_tls_version_info', 'Returns the TLS version used or NaN when unknown', [
      `{version="${version}"}`,
      1,
    ]);
    if (Number.isFinite(earliestExpiryMs))
      gauge('probe_ssl_earliest_cert_expiry', 'Returns last SSL chain expiry in unixtime', [
        '',
        earliestExpiryMs / 1000,
      ]);
  }
  return `${lines.join('\n')}\n`;
}

function bodyOf(text: string, buffers: BodyBuffers): ReceivedBody {
  const encoded = Buffer.from(text);
  const bytes = buffers.take(encoded.length + 1);
  bytes.set(encoded);
  return { bytes, length: encoded.length };
}
