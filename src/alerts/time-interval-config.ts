import { z } from 'zod';
import type { InclusiveRange, MinuteRange, TimeInterval, TimeIntervalEntry } from './time-interval.ts';

type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly message: string };

const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const MONTHS = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
];
const TIME = /^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$/;
const INTEGER = /^[+-]?\d{1,15}$/;

function failure(message: string): { readonly ok: false; readonly message: string } {
  return { ok: false, message };
}

function parseInteger(text: string): number | undefined {
  return INTEGER.test(text) ? Number(text) : undefined;
}

/** `a` or `a:b`, case-insensitive; `member` gives the number of one side. */
function parseRange(
  text: string,
  noun: string,
  member: (text: string) => number | undefined,
): Parsed<InclusiveRange> {
  const parts = text.toLowerCase().split(':');
  if (parts.length > 2) return failure(`couldn't parse range ${text}, invalid format`);
  const numbers: number[] = [];
  for (const part of parts) {
    const value = member(part);
    if (value === undefined) return failure(`${JSON.stringify(part)} is not a valid ${noun}`);
    numbers.push(value);
  }
  return { ok: true, value: { begin: numbers[0]!, end: numbers.at(-1)! } };
}

/** @see alertmanager timeinterval.go WeekdayRange.UnmarshalYAML */
function parseWeekdayRange(text: string): Parsed<InclusiveRange> {
  const range = parseRange(text, 'weekday', (day) => indexOrUndefined(WEEKDAYS, day));
  if (range.ok && range.value.begin > range.value.end) {
    return failure(`start day cannot be after end day in ${text}; write two ranges to go past saturday`);
  }
  return range;
}

function indexOrUndefined(names: readonly string[], name: string): number | undefined {
  const index = names.indexOf(name);
  return index === -1 ? undefined : index;
}

/** @see alertmanager timeinterval.go MonthRange.UnmarshalYAML */
function parseMonthRange(text: string): Parsed<InclusiveRange> {
  const range = parseRange(text, 'month', (month) => {
    const index = MONTHS.indexOf(month);
    return index === -1 ? parseInteger(month) : index + 1;
  });
  if (range.ok && range.value.begin > range.value.end) {
    return failure(`end month is before start month in ${text}; write two ranges to go past december`);
  }
  return range;
}

/** @see alertmanager timeinterval.go YearRange.UnmarshalYAML */
function parseYearRange(text: string): Parsed<InclusiveRange> {
  const range = parseRange(text, 'year', parseInteger);
  if (range.ok && range.value.begin > range.value.end) {
    return failure(`end year ${range.value.end} is before start year ${range.value.begin}`);
  }
  return range;
}

/** @see alertmanager timeinterval.go DayOfMonthRange.UnmarshalYAML */
function parseDayOfMonthRange(text: string): Parsed<InclusiveRange> {
  const range = parseRange(text, 'day of the month', parseInteger);
  if (!range.ok) return range;
  const { begin, end } = range.value;
  for (const day of [begin, end]) {
    if (day === 0 || Math.abs(day) > 31)
      return failure(`${day} is not a valid day of the month: out of range`);
  }
  if (begin < 0 && end > 0) return failure('end day must be negative if start day is negative');
  // Months differ in length: what is refused is only what no month can have (the shortest has 28 days).
  const earliest = begin < 0 ? 28 + begin : begin;
  const latest = end < 0 ? 28 + end : end;
  return earliest > latest ? failure(`end day ${end} is always before start day ${begin}`) : range;
}

function parseMinute(text: string): number | undefined {
  if (!TIME.test(text)) return undefined;
  return Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
}

/** @see alertmanager timeinterval.go TimeRange.UnmarshalYAML */
function parseTimeRange(start: string, end: string): Parsed<MinuteRange> {
  if (start === '' || end === '') return failure('both start and end times must be provided');
  const startMinute = parseMinute(start);
  const endMinute = parseMinute(end);
  if (startMinute === undefined)
    return failure(`couldn't parse timestamp ${start}, invalid format (write HH:MM)`);
  if (endMinute === undefined)
    return failure(`couldn't parse timestamp ${end}, invalid format (write HH:MM)`);
  if (startMinute >= endMinute) {
    return failure(
      'start time cannot be equal or greater than end time; write two ranges to go past midnight',
    );
  }
  return { ok: true, value: { startMinute, endMinute } };
}

/** The zone's IANA name; `Local` is the machine's, an empty name UTC. */
function parseLocation(text: string): Parsed<string> {
  if (text === '' || text === 'UTC') return { ok: true, value: 'UTC' };
  if (text === 'Local') return { ok: true, value: new Intl.DateTimeFormat('en').resolvedOptions().timeZone };
  try {
    // Offsets such as +01:00 are no locations.
    if (/^[A-Za-z]/.test(text)) {
      new Intl.DateTimeFormat('en', { timeZone: text });
      return { ok: true, value: text };
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return failure(`unknown time zone ${text} (write an IANA name such as Europe/Berlin)`);
}

function parsedSchema<T>(parse: (text: string) => Parsed<T>): z.ZodType<T, string> {
  return z.string().transform((text, context) => {
    const parsed = parse(text);
    if (parsed.ok) return parsed.value;
    context.addIssue({ code: 'custom', message: parsed.message });
    return z.NEVER;
  });
}

const minuteRangeSchema = z
  .strictObject({ start_time: z.string().default(''), end_time: z.string().default('') })
  .transform((range, context) => {
    const parsed = parseTimeRange(range.start_time, range.end_time);
    if (parsed.ok) return parsed.value;
    context.addIssue({ code: 'custom', message: parsed.message });
    return z.NEVER;
  });

const entrySchema = z
  .strictObject({
    times: z.array(minuteRangeSchema).optional(),
    weekdays: z.array(parsedSchema(parseWeekdayRange)).optional(),
    days_of_month: z.array(parsedSchema(parseDayOfMonthRange)).optional(),
    months: z.array(parsedSchema(parseMonthRange)).optional(),
    years: z.array(parsedSchema(parseYearRange)).optional(),
    location: parsedSchema(parseLocation).default('UTC'),
  })
  .transform((entry): TimeIntervalEntry => {
    const { times, weekdays, days_of_month: daysOfMonth, months, years, location } = entry;
    return {
      location,
      ...(times !== undefined && { times }),
      ...(weekdays !== undefined && { weekdays }),
      ...(daysOfMonth !== undefined && { daysOfMonth }),
      ...(months !== undefined && { months }),
      ...(years !== undefined && { years }),
    };
  });

/** An item of `time_intervals` or `mute_time_intervals`. */
export const timeIntervalSchema: z.ZodType<TimeInterval> = z
  .strictObject({
    name: z.string().min(1, 'missing name in time interval'),
    time_intervals: z.array(entrySchema).default([]),
  })
  .transform(({ name, time_intervals: entries }) => ({ name, entries }));
