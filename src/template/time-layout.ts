import type { TimeFields } from './go-time.ts';

/** Month names, January first. */
export const MONTHS: readonly string[] = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];

/** Day names, Sunday first. */
export const WEEKDAYS: readonly string[] = [
  'Sunday',
  'Monday',
  'Tuesday',
  'Wednesday',
  'Thursday',
  'Friday',
  'Saturday',
];

/** A piece of a layout: text that stands for itself, or a field written as the reference time shows it. */
export type LayoutChunk =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'field'; readonly field: string }
  | {
      readonly kind: 'fraction';
      readonly digits: number;
      readonly trim: boolean;
      readonly separator: string;
    };

/** Fields, longest first where one starts another. `Jan` and `Mon` may not be followed by a small letter. */
const FIELD =
  /January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|2006|__2|_2(?!006)|002|0[1-6]|15|PM|pm|Z07:00:00|Z070000|Z07:00|Z0700|Z07|-07:00:00|-070000|-07:00|-0700|-07|[.,](?:0+|9+)(?!\d)|[1-5]/g;

const chunkCache = new Map<string, readonly LayoutChunk[]>();

/** Takes a layout apart, as Go's nextStdChunk. */
export function layoutChunks(layout: string): readonly LayoutChunk[] {
  const cached = chunkCache.get(layout);
  if (cached !== undefined) return cached;
  const chunks: LayoutChunk[] = [];
  let at = 0;
  for (const match of layout.matchAll(FIELD)) {
    if (match.index > at) chunks.push({ kind: 'text', text: layout.slice(at, match.index) });
    chunks.push(fieldChunk(match[0]));
    at = match.index + match[0].length;
  }
  if (at < layout.length) chunks.push({ kind: 'text', text: layout.slice(at) });
  if (chunkCache.size > 500) chunkCache.clear();
  chunkCache.set(layout, chunks);
  return chunks;
}

function fieldChunk(text: string): LayoutChunk {
  const first = text[0]!;
  if (first !== '.' && first !== ',') return { kind: 'field', field: text };
  return { kind: 'fraction', digits: text.length - 1, trim: text[1] === '9', separator: first };
}

/** Go's Time.Format. */
export function formatLayout(layout: string, time: TimeFields): string {
  let out = '';
  for (const chunk of layoutChunks(layout)) {
    if (chunk.kind === 'text') out += chunk.text;
    else if (chunk.kind === 'fraction') out += formatFraction(chunk, time.nanosecond);
    else out += formatField(chunk.field, time);
  }
  return out;
}

function formatFraction(
  chunk: { readonly digits: number; readonly trim: boolean; readonly separator: string },
  nanosecond: number,
): string {
  let digits = String(nanosecond).padStart(9, '0').slice(0, chunk.digits).padEnd(chunk.digits, '0');
  if (chunk.trim) digits = digits.replace(/0+$/, '');
  return digits === '' ? '' : chunk.separator + digits;
}

function pad(value: number, width: number, fill = '0'): string {
  return String(value).padStart(width, fill);
}

const FORMATTERS: Readonly<Record<string, (time: TimeFields) => string>> = {
  January: (t) => MONTHS[t.month - 1]!,
  Jan: (t) => MONTHS[t.month - 1]!.slice(0, 3),
  Monday: (t) => WEEKDAYS[t.weekday]!,
  Mon: (t) => WEEKDAYS[t.weekday]!.slice(0, 3),
  MST: (t) => t.abbreviation,
  2006: (t) => (t.year < 0 ? `-${pad(-t.year, 4)}` : pad(t.year, 4)),
  '06': (t) => pad(((t.year % 100) + 100) % 100, 2),
  1: (t) => String(t.month),
  '01': (t) => pad(t.month, 2),
  2: (t) => String(t.day),
  _2: (t) => pad(t.day, 2, ' '),
  '02': (t) => pad(t.day, 2),
  __2: (t) => pad(t.yearDay, 3, ' '),
  '002': (t) => pad(t.yearDay, 3),
  15: (t) => pad(t.hour, 2),
  3: (t) => String(t.hour % 12 === 0 ? 12 : t.hour % 12),
  '03': (t) => pad(t.hour % 12 === 0 ? 12 : t.hour % 12, 2),
  4: (t) => String(t.minute),
  '04': (t) => pad(t.minute, 2),
  5: (t) => String(t.second),
  '05': (t) => pad(t.second, 2),
  PM: (t) => (t.hour >= 12 ? 'PM' : 'AM'),
  pm: (t) => (t.hour >= 12 ? 'pm' : 'am'),
};

function formatField(field: string, time: TimeFields): string {
  const format = FORMATTERS[field];
  if (format !== undefined) return format(time);
  if (field.startsWith('Z') && time.offsetSeconds === 0) return 'Z';
  return formatOffset(field.slice(1), time.offsetSeconds);
}

function formatOffset(shape: string, offsetSeconds: number): string {
  const seconds = Math.abs(offsetSeconds);
  const parts = [pad(Math.floor(seconds / 3600), 2)];
  const digits = shape.replaceAll(':', '').length;
  if (digits >= 4) parts.push(pad(Math.floor((seconds % 3600) / 60), 2));
  if (digits >= 6) parts.push(pad(seconds % 60, 2));
  return (offsetSeconds < 0 ? '-' : '+') + parts.join(shape.includes(':') ? ':' : '');
}
