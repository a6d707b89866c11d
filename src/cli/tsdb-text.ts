import { formatFloatGeneral } from '../core/float-text.ts';
import { goQuote } from '../core/go-quote.ts';
import { LEGACY_LABEL_NAME } from '../core/labels.ts';
import type { Labels } from '../core/labels.ts';
import type { ListedBlock } from '../storage/index.ts';

const MIN_WIDTH = 13;
const PADDING = 2;
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
const HEADER = [
  'BLOCK ULID',
  'MIN TIME',
  'MAX TIME',
  'DURATION',
  'NUM SAMPLES',
  'NUM CHUNKS',
  'NUM SERIES',
  'SIZE',
];

/** Blocks as promtool's table shows them. */
export function blockTable(blocks: readonly ListedBlock[], withHeader: boolean, readable: boolean): string {
  const rows = blocks.map(({ meta, sizeBytes }) => [
    meta.ulid,
    ...[meta.minTime, meta.maxTime].map((timeMs) => (readable ? readableTime(timeMs) : String(timeMs))),
    goDuration(meta.maxTime - meta.minTime),
    ...[meta.stats.numSamples, meta.stats.numChunks, meta.stats.numSeries].map(String),
    readable ? readableBytes(sizeBytes) : String(sizeBytes),
  ]);
  if (withHeader) rows.unshift(HEADER);
  const widths = HEADER.map((_, i) => Math.max(MIN_WIDTH, ...rows.map((row) => row[i]!.length + PADDING)));
  return rows
    .map((row) => `${row.map((cell, i) => (i + 1 < row.length ? cell.padEnd(widths[i]!) : cell)).join('')}\n`)
    .join('');
}

function readableTime(timeMs: number): string {
  const text = new Date(Math.trunc(timeMs / 1000) * 1000).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 19)} +0000 UTC`;
}

/** `1MiB20KiB5B`: every unit that is not 0. */
export function readableBytes(bytes: number): string {
  let text = '';
  let rest = bytes;
  for (const unit of UNITS) {
    if (rest % 1024 !== 0) text = `${rest % 1024}${unit}${text}`;
    rest = Math.floor(rest / 1024);
  }
  return text === '' ? '0B' : text;
}

/** Go's `time.Duration.String()`: `2h0m0s`, `1.5s`, `20ms`. */
export function goDuration(durationMs: number): string {
  const sign = durationMs < 0 ? '-' : '';
  const ms = Math.abs(durationMs);
  if (ms === 0) return '0s';
  if (ms < 1000) return `${sign}${ms}ms`;
  const seconds = `${(ms % 60_000) / 1000}s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes === 0) return sign + seconds;
  return minutes < 60
    ? `${sign}${minutes}m${seconds}`
    : `${sign}${Math.floor(minutes / 60)}h${minutes % 60}m${seconds}`;
}

/** `{__name__="m", a="b"}`. */
export function seriesText(labels: Labels): string {
  const pairs = Array.from(
    labels,
    ([name, value]) => `${LEGACY_LABEL_NAME.test(name) ? name : goQuote(name)}=${goQuote(value)}`,
  );
  return `{${pairs.join(', ')}}`;
}

/** `m{a="b"}`, as dump-openmetrics writes it. */
export function openMetricsSeries(labels: Labels): string {
  const pairs = Array.from(labels.without('__name__'), ([name, value]) => `${name}=${goQuote(value)}`);
  return `${labels.metricName}{${pairs.join(',')}}`;
}

/** Go's `%g`. */
export const sampleText = formatFloatGeneral;

/** Promtool's histogram of figures: as a bar chart. */
export function figuresChart(what: string, figures: readonly number[], total: number): string {
  if (figures.length === 0) return `${what}: N/A\n\n`;
  let [min, max, sum] = [Infinity, -Infinity, 0];
  for (const figure of figures) {
    min = Math.min(min, figure);
    max = Math.max(max, figure);
    sum += figure;
  }
  const wanted = Math.trunc((max - min) / 10);
  let step = 10;
  while (step < wanted && step <= 10_000) step *= 10;
  const start = min - (min % step);
  const end = max - (max % step) + step;
  const buckets = Array.from({ length: Math.floor((end - start) / step) + 1 }, () => 0);
  for (const figure of figures) buckets[Math.floor((figure - start) / step)]!++;
  const widths = [end, end + step, Math.max(...buckets)].map((figure) => String(figure).length);
  const lines = buckets.map((count, i) => {
    const from = String(i * step + start + 1).padStart(widths[0]!);
    const to = String((i + 1) * step + start).padStart(widths[1]!);
    return `[${from}, ${to}]: ${String(count).padStart(widths[2]!)} ${'#'.repeat(Math.trunc((100 * count) / total))}\n`;
  });
  const average = Math.trunc(sum / figures.length);
  return `${what} (min/avg/max): ${min}/${average}/${max}\n${lines.join('')}\n`;
}
