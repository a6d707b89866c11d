import { assert } from '../core/errors.ts';

/** From `begin` to `end`, both included. */
export interface InclusiveRange {
  readonly begin: number;
  readonly end: number;
}

/** Minutes of a day: `startMinute` is in, `endMinute` (up to 1440) is not. */
export interface MinuteRange {
  readonly startMinute: number;
  readonly endMinute: number;
}

/**
 * One entry of a time interval: all present fields must hold, of each field one of its ranges. A field that is absent
 * holds always, one with an empty list never.
 */
export interface TimeIntervalEntry {
  readonly times?: readonly MinuteRange[];
  /** 0 is Sunday. */
  readonly weekdays?: readonly InclusiveRange[];
  /** 1..31, or -31..-1 counted from the end of the month. */
  readonly daysOfMonth?: readonly InclusiveRange[];
  readonly months?: readonly InclusiveRange[];
  readonly years?: readonly InclusiveRange[];
  /** IANA name of the time zone in which the fields are meant. */
  readonly location: string;
}

/** A named time interval; any of its entries may hold. */
export interface TimeInterval {
  readonly name: string;
  readonly entries: readonly TimeIntervalEntry[];
}

/**
 * Whether a moment lies in an entry.
 *
 * @see alertmanager timeinterval/timeinterval.go TimeInterval.ContainsTime
 */
export function entryContains(entry: TimeIntervalEntry, nowMs: number): boolean {
  const local = Temporal.Instant.fromEpochMilliseconds(nowMs).toZonedDateTimeISO(entry.location);
  const minute = local.hour * 60 + local.minute;
  return (
    (entry.times?.some((range) => minute >= range.startMinute && minute < range.endMinute) ?? true) &&
    (entry.daysOfMonth?.some((range) => containsDay(range, local.day, local.daysInMonth)) ?? true) &&
    contains(entry.months, local.month) &&
    contains(entry.weekdays, local.dayOfWeek % 7) &&
    contains(entry.years, local.year)
  );
}

function contains(ranges: readonly InclusiveRange[] | undefined, value: number): boolean {
  return ranges?.some((range) => value >= range.begin && value <= range.end) ?? true;
}

/** A range that begins after the month has ended is not in it; one that ends later ends with the month. */
function containsDay(range: InclusiveRange, day: number, daysInMonth: number): boolean {
  const begin = range.begin < 0 ? daysInMonth + range.begin + 1 : range.begin;
  const end = range.end < 0 ? daysInMonth + range.end + 1 : range.end;
  return begin <= daysInMonth && day >= begin && day <= Math.min(end, daysInMonth);
}

/** The configured time intervals by name. */
export class TimeIntervals {
  readonly #byName: ReadonlyMap<string, TimeInterval>;

  /** Names must be unique; the configuration's checks see to that. */
  constructor(intervals: readonly TimeInterval[]) {
    this.#byName = new Map(intervals.map((interval) => [interval.name, interval]));
    assert(this.#byName.size === intervals.length, 'names of time intervals must be unique');
  }

  /** Which of `names` contain `nowMs`, in their order. All names must be configured. */
  containing(names: readonly string[], nowMs: number): string[] {
    return names.filter((name) => {
      const interval = this.#byName.get(name);
      assert(interval !== undefined, `time interval ${name} must be configured`);
      return interval.entries.some((entry) => entryContains(entry, nowMs));
    });
  }
}
