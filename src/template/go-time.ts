import { LOCAL_ZONE, UTC_ZONE, isKnownZone, zoneOffsetAt } from './time-zone.ts';
import { formatLayout } from './time-layout.ts';

const NS_PER_MS = 1_000_000n;
const NS_PER_SECOND = 1_000_000_000n;
const DAY_NS = 86_400n * NS_PER_SECOND;

/** Nanoseconds from the Unix epoch to Go's zero time, 0001-01-01 00:00:00 UTC. */
const ZERO_TIME_NS = -62_135_596_800n * NS_PER_SECOND;

/** The calendar of a {@link GoTime} in its zone. */
export interface TimeFields {
  readonly year: number;
  /** 1 … 12 */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly nanosecond: number;
  /** 0 is Sunday. */
  readonly weekday: number;
  /** 1 … 366 */
  readonly yearDay: number;
  readonly offsetSeconds: number;
  readonly abbreviation: string;
}

/** Go's time.Time: a moment with nanoseconds and a zone it is shown in. */
export class GoTime {
  /** Since the Unix epoch. */
  readonly ns: bigint;
  /** `UTC`, `Local` or a name of the IANA database. */
  readonly zone: string;
  /** Offset and name of a time that was read with a numeric zone; overrides `zone`. */
  readonly fixed: { readonly offsetSeconds: number; readonly abbreviation: string } | undefined;

  constructor(ns: bigint, zone: string = UTC_ZONE, fixed?: GoTime['fixed']) {
    this.ns = ns;
    this.zone = zone;
    this.fixed = fixed;
  }

  /** Go's zero time. */
  static readonly ZERO: GoTime = new GoTime(ZERO_TIME_NS);

  static fromMs(epochMs: number, zone: string = UTC_ZONE): GoTime {
    return new GoTime(BigInt(Math.trunc(epochMs)) * NS_PER_MS, zone);
  }

  get isZero(): boolean {
    return this.ns === ZERO_TIME_NS;
  }

  /** Whole milliseconds since the epoch, rounded down. */
  get epochMs(): number {
    return Number(floorDiv(this.ns, NS_PER_MS));
  }

  /** Whole seconds since the epoch, rounded down. */
  get epochSeconds(): bigint {
    return floorDiv(this.ns, NS_PER_SECOND);
  }

  /** The same moment shown in another zone; undefined when there is no such zone. */
  inZone(zone: string): GoTime | undefined {
    const name = zone === '' ? UTC_ZONE : zone;
    return isKnownZone(name) ? new GoTime(this.ns, name) : undefined;
  }

  toLocal(): GoTime {
    return new GoTime(this.ns, LOCAL_ZONE);
  }

  toUtc(): GoTime {
    return new GoTime(this.ns);
  }

  fields(): TimeFields {
    const { offsetSeconds, abbreviation } = this.fixed ?? zoneOffsetAt(this.zone, this.epochMs);
    const localSeconds = this.epochSeconds + BigInt(offsetSeconds);
    const daySeconds = Number(localSeconds - floorDiv(localSeconds, 86_400n) * 86_400n);
    const days = Number(floorDiv(localSeconds, 86_400n));
    const { year, month, day } = civilFromDays(days);
    return {
      year,
      month,
      day,
      hour: Math.floor(daySeconds / 3600),
      minute: Math.floor((daySeconds % 3600) / 60),
      second: daySeconds % 60,
      nanosecond: Number(this.ns - this.epochSeconds * NS_PER_SECOND),
      weekday: (((days + 4) % 7) + 7) % 7,
      yearDay: days - daysFromCivil(year, 1, 1) + 1,
      offsetSeconds,
      abbreviation,
    };
  }

  /** Go's AddDate: the calendar date moved, overflowing days carried on. */
  addDate(years: bigint, months: bigint, days: bigint): GoTime {
    const { year, month, day, offsetSeconds } = this.fields();
    const monthIndex = year * 12 + month - 1 + Number(years) * 12 + Number(months);
    const movedYear = Math.floor(monthIndex / 12);
    const moved = daysFromCivil(movedYear, monthIndex - movedYear * 12 + 1, 1) + day - 1 + Number(days);
    const target = new GoTime(
      this.ns + BigInt(moved - daysFromCivil(year, month, day)) * DAY_NS,
      this.zone,
      this.fixed,
    );
    const shiftSeconds = offsetSeconds - target.fields().offsetSeconds;
    return new GoTime(target.ns + BigInt(shiftSeconds) * NS_PER_SECOND, this.zone, this.fixed);
  }

  /** Go's Format. */
  format(layout: string): string {
    return formatLayout(layout, this.fields());
  }

  /** As Go prints a time: `2024-05-01 10:00:00.5 +0000 UTC`. */
  toString(): string {
    return this.format('2006-01-02 15:04:05.999999999 -0700 MST');
  }

  /** RFC 3339 with as many digits of the second as needed. */
  toJSON(): string {
    return this.format('2006-01-02T15:04:05.999999999Z07:00');
  }
}

/** Go's time.Duration. */
export class GoDuration {
  readonly ns: bigint;

  constructor(ns: bigint) {
    this.ns = ns;
  }

  static fromMs(durationMs: number): GoDuration {
    return new GoDuration(BigInt(Math.trunc(durationMs * 1e6)));
  }

  get seconds(): number {
    return Number(this.ns / NS_PER_SECOND) + Number(this.ns % NS_PER_SECOND) / 1e9;
  }

  /** As Go prints a duration: `1h30m0s`, `1.5s`, `2ms`, `0s`. */
  toString(): string {
    if (this.ns === 0n) return '0s';
    const negative = this.ns < 0n;
    const ns = negative ? -this.ns : this.ns;
    const sign = negative ? '-' : '';
    if (ns < 1000n) return `${sign}${ns}ns`;
    if (ns < NS_PER_MS) return `${sign}${decimal(ns, 1000n, 3)}µs`;
    if (ns < NS_PER_SECOND) return `${sign}${decimal(ns, NS_PER_MS, 6)}ms`;
    const totalMinutes = ns / (60n * NS_PER_SECOND);
    const seconds = decimal(ns % (60n * NS_PER_SECOND), NS_PER_SECOND, 9);
    if (totalMinutes === 0n) return `${sign}${seconds}s`;
    const hours = totalMinutes / 60n;
    const minutes = `${totalMinutes % 60n}m${seconds}s`;
    return hours === 0n ? sign + minutes : `${sign}${hours}h${minutes}`;
  }
}

/** An integer with a name: Go's time.Month and time.Weekday. */
export class GoNamedInt {
  readonly typeName: string;
  readonly value: bigint;
  readonly text: string;

  constructor(typeName: string, value: bigint, text: string) {
    this.typeName = typeName;
    this.value = value;
    this.text = text;
  }
}

function decimal(value: bigint, unit: bigint, digits: number): string {
  const fraction = String(value % unit)
    .padStart(digits, '0')
    .replace(/0+$/, '');
  return fraction === '' ? String(value / unit) : `${value / unit}.${fraction}`;
}

function floorDiv(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient;
}

/** Days since 1970-01-01 of a date of the proleptic Gregorian calendar. */
export function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

function civilFromDays(days: number): { year: number; month: number; day: number } {
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1,
  };
}
