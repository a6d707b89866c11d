import { formatFloat } from './go-float.ts';
import { GoDuration, GoTime } from './go-time.ts';
import { parseFloatText } from '../core/float-text.ts';
import { goQuote } from '../core/go-quote.ts';
import { typeName } from './kinds.ts';
import type { TemplateValue } from './value.ts';

const LARGE = ['k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'];
const BINARY = ['ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei', 'Zi', 'Yi'];
const SMALL = ['m', 'u', 'n', 'p', 'f', 'a', 'z', 'y'];

const general = (value: number): string => formatFloat(value, 'g', 4);

/** A number, text of one or a duration (in seconds) as a float; throws for anything else. */
export function toFloat(value: TemplateValue): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof GoDuration) return value.seconds;
  if (typeof value !== 'string') throw new Error(`can't convert ${typeName(value)} to float`);
  const parsed = parseFloatText(value);
  if (parsed === undefined) throw new Error(`strconv.ParseFloat: parsing ${goQuote(value)}: invalid syntax`);
  return parsed;
}

function scale(value: number, prefixes: readonly string[], base: number): string {
  let rest = value;
  let prefix = '';
  for (const next of prefixes) {
    if (Math.abs(rest) < base) break;
    prefix = next;
    rest /= base;
  }
  return general(rest) + prefix;
}

function scaleUp(value: number): string {
  let rest = value;
  let prefix = '';
  for (const next of SMALL) {
    if (Math.abs(rest) >= 1) break;
    prefix = next;
    rest *= 1000;
  }
  return general(rest) + prefix;
}

/** `1234` → `1.234k`, `0.0012` → `1.2m` */
export function humanize(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return general(value);
  return Math.abs(value) >= 1 ? scale(value, LARGE, 1000) : scaleUp(value);
}

/** `1536` → `1.5ki` */
export function humanize1024(value: number): string {
  if (Math.abs(value) <= 1 || !Number.isFinite(value)) return general(value);
  return scale(value, BINARY, 1024);
}

/** Seconds: `3661` → `1h 1m 1s`, `0.0012` → `1.2ms` */
export function humanizeDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return general(seconds);
  if (seconds === 0) return `${general(seconds)}s`;
  if (Math.abs(seconds) < 1) return `${scaleUp(seconds)}s`;
  const sign = seconds < 0 ? '-' : '';
  const magnitude = Math.abs(seconds);
  const whole = Math.trunc(magnitude);
  const s = whole % 60;
  const m = Math.floor(whole / 60) % 60;
  const h = Math.floor(whole / 3600) % 24;
  const d = Math.floor(whole / 86_400);
  if (d !== 0) return `${sign}${d}d ${h}h ${m}m ${s}s`;
  if (h !== 0) return `${sign}${h}h ${m}m ${s}s`;
  if (m !== 0) return `${sign}${m}m ${s}s`;
  return `${sign}${general(magnitude)}s`;
}

/** `0.1234` → `12.34%` */
export function humanizePercentage(value: number): string {
  return `${general(value * 100)}%`;
}

/** Unix seconds as a time; throws where Go could not hold it. */
export function floatToTime(seconds: number): GoTime {
  if (!Number.isFinite(seconds)) throw new Error('value is NaN or Inf');
  const ns = seconds * 1e9;
  if (ns > 2 ** 63 || ns < -(2 ** 63)) {
    const shown = formatFloat(seconds, 'g', -1);
    throw new Error(`${shown} cannot be represented as a nanoseconds timestamp since it overflows int64`);
  }
  return GoTime.fromMs(Math.trunc(Math.trunc(ns) / 1e6));
}

/** Unix seconds: `1435065584.128` → `2015-06-23 13:19:44.128 +0000 UTC` */
export function humanizeTimestamp(seconds: number): string {
  return Number.isFinite(seconds) ? floatToTime(seconds).toString() : general(seconds);
}
