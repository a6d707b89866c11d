import { GoTime, daysFromCivil } from './go-time.ts';
import { goQuote } from '../core/go-quote.ts';
import { MONTHS, WEEKDAYS, layoutChunks, type LayoutChunk } from './time-layout.ts';

/** A time that was read, or Go's message. */
export type ParsedTime = { readonly time: GoTime } | { readonly error: string };

interface Fields {
  year: number;
  month: number;
  day: number;
  yearDay: number;
  hour: number;
  minute: number;
  second: number;
  nanosecond: number;
  pm: boolean | undefined;
  zone: GoTime['fixed'];
}

interface FieldReader {
  readonly pattern: RegExp;
  readonly take: (fields: Fields, text: string) => void;
}

const short = (names: readonly string[]): string[] => names.map((name) => name.slice(0, 3));
const oneOf = (names: readonly string[]): RegExp => new RegExp(`^(?:${names.join('|')})`, 'i');

function monthOf(text: string): number {
  return MONTHS.findIndex((name) => name.slice(0, 3).toLowerCase() === text.slice(0, 3).toLowerCase()) + 1;
}

const number = (
  pattern: RegExp,
  key: 'month' | 'day' | 'yearDay' | 'hour' | 'minute' | 'second',
): FieldReader => ({
  pattern,
  take: (fields, text) => {
    fields[key] = Number(text);
  },
});
const ignored = (pattern: RegExp): FieldReader => ({ pattern, take: () => undefined });

const ONE_OR_TWO = /^\d{1,2}/;
const TWO = /^\d{2}/;

const month = (pattern: RegExp): FieldReader => ({
  pattern,
  take: (fields, text) => {
    fields.month = monthOf(text);
  },
});
const half = (pattern: RegExp): FieldReader => ({
  pattern,
  take: (fields, text) => {
    fields.pm = text.toUpperCase() === 'PM';
  },
});

const READERS: Readonly<Record<string, FieldReader>> = {
  January: month(oneOf(MONTHS)),
  Jan: month(oneOf(short(MONTHS))),
  Monday: ignored(oneOf(WEEKDAYS)),
  Mon: ignored(oneOf(short(WEEKDAYS))),
  2006: {
    pattern: /^\d{4}/,
    take: (fields, text) => {
      fields.year = Number(text);
    },
  },
  '06': {
    pattern: TWO,
    take: (fields, text) => {
      fields.year = Number(text) + (Number(text) >= 69 ? 1900 : 2000);
    },
  },
  1: number(ONE_OR_TWO, 'month'),
  '01': number(TWO, 'month'),
  2: number(ONE_OR_TWO, 'day'),
  _2: number(/^ ?\d{1,2}/, 'day'),
  '02': number(TWO, 'day'),
  __2: number(/^ {0,2}\d{1,3}/, 'yearDay'),
  '002': number(/^\d{3}/, 'yearDay'),
  15: number(ONE_OR_TWO, 'hour'),
  3: number(ONE_OR_TWO, 'hour'),
  '03': number(TWO, 'hour'),
  4: number(ONE_OR_TWO, 'minute'),
  '04': number(TWO, 'minute'),
  5: number(ONE_OR_TWO, 'second'),
  '05': number(TWO, 'second'),
  PM: half(/^(?:AM|PM)/),
  pm: half(/^(?:am|pm)/),
  MST: {
    pattern: /^(?:[A-Z]{3,5}|[+-]\d{2})/,
    take: (fields, text) => {
      if (text !== 'UTC') fields.zone ??= { offsetSeconds: 0, abbreviation: text };
    },
  },
};

function zoneReader(field: string): FieldReader {
  const shape = field.slice(1);
  const colon = shape.includes(':') ? ':' : '';
  const pairs = shape.replaceAll(':', '').length / 2;
  const offset = `[+-]\\d{2}${`${colon}\\d{2}`.repeat(pairs - 1)}`;
  return {
    pattern: new RegExp(`^(?:${field.startsWith('Z') ? 'Z|' : ''}${offset})`),
    take: (fields, text) => {
      if (text === 'Z') return;
      const [hours = 0, minutes = 0, seconds = 0] = text
        .slice(1)
        .replaceAll(':', '')
        .match(/\d\d/g)!
        .map(Number);
      const magnitude = hours * 3600 + minutes * 60 + seconds;
      const offsetSeconds = text.startsWith('-') ? -magnitude : magnitude;
      if (offsetSeconds !== 0)
        fields.zone = { offsetSeconds, abbreviation: fields.zone?.abbreviation ?? text };
    },
  };
}

const readers = new Map<string, FieldReader>(Object.entries(READERS));

function readerOf(field: string): FieldReader {
  const known = readers.get(field);
  if (known !== undefined) return known;
  const made = zoneReader(field);
  readers.set(field, made);
  return made;
}

/** Go's time.ParseInLocation(layout, text, UTC). */
export function parseTime(layout: string, text: string): ParsedTime {
  const fields: Fields = {
    year: 0,
    month: 0,
    day: 0,
    yearDay: 0,
    hour: 0,
    minute: 0,
    second: 0,
    nanosecond: 0,
    pm: undefined,
    zone: undefined,
  };
  const intro = `parsing time ${goQuote(text)}`;
  let rest = text;
  const chunks = layoutChunks(layout);
  for (const [i, chunk] of chunks.entries()) {
    const taken = takeChunk(chunk, rest, fields);
    if (taken === undefined) {
      return {
        error: `${intro} as ${goQuote(layout)}: cannot parse ${goQuote(rest)} as ${goQuote(chunkText(chunk))}`,
      };
    }
    rest = rest.slice(taken);
    const isSecond = chunk.kind === 'field' && (chunk.field === '5' || chunk.field === '05');
    if (isSecond && chunks[i + 1]?.kind !== 'fraction') rest = takeFraction(rest, fields);
  }
  if (rest !== '') return { error: `${intro}: extra text: ${goQuote(rest)}` };
  const wrong = outOfRange(fields);
  return wrong === undefined ? { time: toTime(fields) } : { error: `${intro}: ${wrong} out of range` };
}

function chunkText(chunk: LayoutChunk): string {
  if (chunk.kind === 'text') return chunk.text;
  if (chunk.kind === 'field') return chunk.field;
  return chunk.separator + (chunk.trim ? '9' : '0').repeat(chunk.digits);
}

function takeChunk(chunk: LayoutChunk, rest: string, fields: Fields): number | undefined {
  if (chunk.kind === 'text') return rest.startsWith(chunk.text) ? chunk.text.length : undefined;
  if (chunk.kind === 'fraction') {
    const digits = /^[.,](\d+)/.exec(rest);
    if (digits === null) return chunk.trim || fields.nanosecond !== 0 ? 0 : undefined;
    if (!chunk.trim && digits[1]!.length !== chunk.digits) return undefined;
    fields.nanosecond = Number(digits[1]!.slice(0, 9).padEnd(9, '0'));
    return digits[0].length;
  }
  const reader = readerOf(chunk.field);
  const match = reader.pattern.exec(rest);
  if (match === null) return undefined;
  reader.take(fields, match[0].trim());
  return match[0].length;
}

/** Go takes a fraction after the seconds even where the layout has none. */
function takeFraction(rest: string, fields: Fields): string {
  const digits = /^[.,](\d+)/.exec(rest);
  if (digits === null) return rest;
  fields.nanosecond = Number(digits[1]!.slice(0, 9).padEnd(9, '0'));
  return rest.slice(digits[0].length);
}

function outOfRange(fields: Fields): string | undefined {
  if (fields.month > 12) return 'month';
  if (fields.hour > 23 || (fields.pm !== undefined && fields.hour > 12)) return 'hour';
  if (fields.minute > 59) return 'minute';
  if (fields.second > 59) return 'second';
  const m = fields.month === 0 ? 1 : fields.month;
  const nextYear = m === 12 ? fields.year + 1 : fields.year;
  const length = daysFromCivil(nextYear, (m % 12) + 1, 1) - daysFromCivil(fields.year, m, 1);
  return fields.day > length ? 'day' : undefined;
}

function toTime(fields: Fields): GoTime {
  let { hour } = fields;
  if (fields.pm === true && hour < 12) hour += 12;
  if (fields.pm === false && hour === 12) hour = 0;
  const days =
    fields.yearDay > 0
      ? daysFromCivil(fields.year, 1, 1) + fields.yearDay - 1
      : daysFromCivil(fields.year, Math.max(fields.month, 1), Math.max(fields.day, 1));
  const offset = fields.zone?.offsetSeconds ?? 0;
  const seconds = days * 86_400 + hour * 3600 + fields.minute * 60 + fields.second - offset;
  return new GoTime(BigInt(seconds) * 1_000_000_000n + BigInt(fields.nanosecond), 'UTC', fields.zone);
}
