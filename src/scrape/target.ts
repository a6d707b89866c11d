import { LabelsBuilder } from '../core/labels-builder.ts';
import { parseDuration, formatDuration } from '../core/duration.ts';
import { fnv1a64 } from '../core/fnv.ts';
import { formatFloatPlain } from '../core/float-text.ts';
import type { Labels } from '../core/labels.ts';
import { relabelBuilder } from '../core/relabel.ts';
import type { TargetGroup } from '../discovery/index.ts';
import type { ScrapeConfig } from './config.ts';
import type { HistogramChoice } from './parser/metric-entries.ts';

const ADDRESS = '__address__';
const SCHEME = '__scheme__';
const METRICS_PATH = '__metrics_path__';
const INTERVAL = '__scrape_interval__';
const TIMEOUT = '__scrape_timeout__';
const PARAM_PREFIX = '__param_';
const META_PREFIX = '__meta_';
const RESERVED_PREFIX = '__';

/** Labels by which a target says what is made of its histograms. */
const HISTOGRAM_SWITCHES = [
  ['__convert_classic_histograms_to_nhcb__', 'convertClassic'],
  ['__always_scrape_classic_histograms__', 'alwaysClassic'],
  ['__scrape_native_histograms__', 'native'],
] as const;
/** What Go's `strconv.ParseBool` takes. */
const TRUE = /^(?:1|t|T|TRUE|true|True)$/;
const FALSE = /^(?:0|f|F|FALSE|false|False)$/;

/** Something to scrape, as made from a discovered target by a scrape config. Immutable. */
export interface Target {
  /** All labels after relabelling, `__…` ones included. */
  readonly allLabels: Labels;
  /** The labels that its series get. */
  readonly labels: Labels;
  /** The labels before relabelling. */
  readonly discoveredLabels: Labels;
  readonly url: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly histograms: HistogramChoice;
  /** Equal exactly for targets that are the same: all labels and the URL. */
  readonly key: string;
  /** As `key`, but how often it is scraped does not count: what goes on under another interval is the same. */
  readonly identity: string;
}

/** What became of one discovered target. */
export type TargetResult =
  | { readonly kind: 'active'; readonly target: Target }
  | { readonly kind: 'dropped'; readonly discoveredLabels: Labels }
  | { readonly kind: 'invalid'; readonly discoveredLabels: Labels; readonly reason: string };

/**
 * The targets of a group.
 *
 * @see prometheus scrape/target.go PopulateLabels, TargetsFromGroup
 */
export function* targetsOfGroup(group: TargetGroup, config: ScrapeConfig): Generator<TargetResult> {
  for (const target of group.targets) {
    yield makeTarget(discoveredLabels(target, group.labels, config), config);
  }
}

/** What a target has before relabelling. The target's own labels go before the group's, both before the config's. */
function discoveredLabels(target: Labels, group: Labels, config: ScrapeConfig): Labels {
  const labels = new Map<string, string>([...group, ...target]);
  const setDefault = (name: string, value: string): void => {
    if ((labels.get(name) ?? '') === '') labels.set(name, value);
  };
  setDefault('job', config.jobName);
  setDefault(INTERVAL, formatDuration(config.scrapeIntervalMs));
  setDefault(TIMEOUT, formatDuration(config.scrapeTimeoutMs));
  setDefault(METRICS_PATH, config.metricsPath);
  setDefault(SCHEME, config.scheme);
  for (const [name, key] of HISTOGRAM_SWITCHES) setDefault(name, String(config.histograms[key]));
  for (const [name, values] of Object.entries(config.params)) {
    if (values.length > 0) setDefault(PARAM_PREFIX + name, values[0]!);
  }
  return target.merge(labels);
}

function makeTarget(discovered: Labels, config: ScrapeConfig): TargetResult {
  const builder = new LabelsBuilder(discovered);
  if (!relabelBuilder(builder, config.relabelConfigs))
    return { kind: 'dropped', discoveredLabels: discovered };
  const invalid = (reason: string): TargetResult => ({
    kind: 'invalid',
    discoveredLabels: discovered,
    reason,
  });
  const address = builder.get(ADDRESS);
  if (address === '') return invalid('no address');
  if (address.includes('/')) return invalid(`${JSON.stringify(address)} is not a valid hostname`);
  const timing = readTiming(builder.get(INTERVAL), builder.get(TIMEOUT));
  if (typeof timing === 'string') return invalid(timing);
  const histograms = readSwitches(builder, config);
  if (typeof histograms === 'string') return invalid(histograms);
  for (const name of builder.labels().names()) if (name.startsWith(META_PREFIX)) builder.delete(name);
  if (builder.get('instance') === '') builder.set('instance', address);
  const allLabels = builder.labels();
  for (const [name, value] of allLabels) {
    if (!value.isWellFormed()) return invalid(`invalid label value for ${JSON.stringify(name)}`);
  }
  const url = urlOf(allLabels, config);
  if (!URL.canParse(url)) return invalid(`${JSON.stringify(url)} is not a valid URL`);
  const publicNames = allLabels.names().filter((name) => !name.startsWith(RESERVED_PREFIX));
  const labels = allLabels.only(publicNames);
  const key = `${allLabels.key}\n${url}`;
  const identity = `${allLabels.without(INTERVAL, TIMEOUT).key}\n${url}`;
  const target = {
    allLabels,
    labels,
    discoveredLabels: discovered,
    url,
    ...timing,
    histograms,
    key,
    identity,
  };
  return { kind: 'active', target };
}

function readSwitches(builder: LabelsBuilder, config: ScrapeConfig): HistogramChoice | string {
  const choice = { ...config.histograms };
  for (const [name, key] of HISTOGRAM_SWITCHES) {
    const value = builder.get(name);
    if (value === '') continue;
    if (!TRUE.test(value) && !FALSE.test(value))
      return `error parsing ${name}: ${JSON.stringify(value)} is neither true nor false`;
    choice[key] = TRUE.test(value);
  }
  return choice;
}

function readTiming(
  interval: string,
  timeout: string,
): { readonly intervalMs: number; readonly timeoutMs: number } | string {
  const intervalMs = parseDuration(interval);
  if (intervalMs === undefined) {
    return `error parsing scrape interval: not a valid duration string: ${JSON.stringify(interval)}`;
  }
  if (intervalMs === 0) return 'scrape interval cannot be 0';
  const timeoutMs = parseDuration(timeout);
  if (timeoutMs === undefined) {
    return `error parsing scrape timeout: not a valid duration string: ${JSON.stringify(timeout)}`;
  }
  if (timeoutMs === 0) return 'scrape timeout cannot be 0';
  if (timeoutMs > intervalMs) {
    return `scrape timeout cannot be greater than scrape interval ("${timeout}" > "${interval}")`;
  }
  return { intervalMs, timeoutMs };
}

/** The URL to scrape: Go's url.URL with the parameters sorted by name. */
function urlOf(labels: Labels, config: ScrapeConfig): string {
  const params = new Map<string, string[]>();
  for (const [name, values] of Object.entries(config.params)) params.set(name, [...values]);
  for (const [label, value] of labels) {
    if (!label.startsWith(PARAM_PREFIX)) continue;
    const name = label.slice(PARAM_PREFIX.length);
    params.set(name, [value, ...(params.get(name) ?? []).slice(1)]);
  }
  const query = [...params.keys()]
    .sort()
    .flatMap((name) => params.get(name)!.map((value) => `${queryEscape(name)}=${queryEscape(value)}`))
    .join('&');
  const path = labels.get(METRICS_PATH);
  const slash = path === '' || path.startsWith('/') ? '' : '/';
  const shownPath = encodeURI(path)
    .replaceAll(/%25([0-9A-Fa-f]{2})/g, '%$1')
    .replaceAll(/[?#]/g, encodeURIComponent);
  return `${labels.get(SCHEME)}://${labels.get(ADDRESS)}${slash}${shownPath}${query === '' ? '' : `?${query}`}`;
}

/** Go's url.QueryEscape. */
function queryEscape(text: string): string {
  return encodeURIComponent(text)
    .replaceAll('%20', '+')
    .replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** 64 random-looking bits in two halves, of which a target's place within its interval is made. */
export type Seed = readonly [high: number, low: number];

/** FNV-1a 64 of a text. */
export function seedOf(text: string): Seed {
  return fnv1a64(Buffer.from(text));
}

/**
 * Milliseconds after a multiple of the interval at which the target is scraped: spreads targets, and replicas with
 * another seed, evenly; the same after every restart.
 *
 * @see prometheus scrape/target.go offset
 */
function scrapeOffsetMs(target: Target, seed: Seed): number {
  const [high, low] = seedOf(target.key);
  const mixed = (BigInt((high ^ seed[0]) >>> 0) << 32n) | BigInt((low ^ seed[1]) >>> 0);
  return Number(mixed % BigInt(target.intervalMs));
}

/** First time after `nowMs` at which the target is due. */
export function firstScrapeMs(target: Target, seed: Seed, nowMs: number): number {
  const { intervalMs } = target;
  let waitMs = intervalMs - (nowMs % intervalMs) + scrapeOffsetMs(target, seed);
  if (waitMs > intervalMs) waitMs -= intervalMs;
  return nowMs + waitMs;
}

/** Seconds as the header X-Prometheus-Scrape-Timeout-Seconds wants them. */
export function secondsText(durationMs: number): string {
  return formatFloatPlain(durationMs / 1000);
}
