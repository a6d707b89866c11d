import { GoDuration, GoNamedInt, GoTime } from './go-time.ts';
import { MONTHS, WEEKDAYS } from './time-layout.ts';
import { mapOf } from './kinds.ts';
import { GoMap, GoSlice, GoStruct, fn, type TemplateFunction, type TemplateValue } from './value.ts';

/** What `.Name` of a value is. */
export type Member =
  | { readonly kind: 'method'; readonly method: TemplateFunction }
  | { readonly kind: 'field' | 'entry'; readonly value: TemplateValue }
  | { readonly kind: 'none' };

const NONE: Member = { kind: 'none' };

/** Looks up a method, field or map entry; an absent entry is the zero of the map's element type (missingkey=zero). */
export function memberOf(receiver: TemplateValue, name: string): Member {
  const method = methodOf(receiver, name);
  if (method !== undefined) return { kind: 'method', method };
  if (receiver instanceof GoStruct) {
    const field = receiver.fields.find((candidate) => candidate.name === name);
    return field === undefined ? NONE : { kind: 'field', value: field.value };
  }
  const map = mapOf(receiver);
  if (map === undefined) return NONE;
  return { kind: 'entry', value: map.get(name) ?? (map.element === 'string' ? '' : undefined) };
}

function methodOf(receiver: TemplateValue, name: string): TemplateFunction | undefined {
  if (receiver instanceof GoMap || receiver instanceof GoSlice || receiver instanceof GoStruct) {
    return Object.hasOwn(receiver.methods, name) ? receiver.methods[name]?.() : undefined;
  }
  if (receiver instanceof GoTime) return own(TIME_METHODS, name)?.(receiver);
  if (receiver instanceof GoDuration) return own(DURATION_METHODS, name)?.(receiver);
  if (receiver instanceof GoNamedInt && name === 'String') return fn([], () => receiver.text);
  return undefined;
}

function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

const NS = { second: 1_000_000_000n, millisecond: 1_000_000n, microsecond: 1000n };

/** Methods of time.Time without arguments. */
const TIME_GETTERS: Readonly<Record<string, (time: GoTime) => TemplateValue>> = {
  IsZero: (time) => time.isZero,
  Unix: (time) => time.epochSeconds,
  UnixMilli: (time) => BigInt(time.epochMs),
  UnixMicro: (time) => time.ns / NS.microsecond,
  UnixNano: (time) => time.ns,
  UTC: (time) => time.toUtc(),
  Local: (time) => time.toLocal(),
  Year: (time) => BigInt(time.fields().year),
  Month: (time) => {
    const { month } = time.fields();
    return new GoNamedInt('time.Month', BigInt(month), MONTHS[month - 1]!);
  },
  Day: (time) => BigInt(time.fields().day),
  Hour: (time) => BigInt(time.fields().hour),
  Minute: (time) => BigInt(time.fields().minute),
  Second: (time) => BigInt(time.fields().second),
  Nanosecond: (time) => BigInt(time.fields().nanosecond),
  YearDay: (time) => BigInt(time.fields().yearDay),
  Weekday: (time) => {
    const { weekday } = time.fields();
    return new GoNamedInt('time.Weekday', BigInt(weekday), WEEKDAYS[weekday]!);
  },
  String: (time) => time.toString(),
};

const TIME_METHODS: Readonly<Record<string, (time: GoTime) => TemplateFunction>> = {
  ...Object.fromEntries(
    Object.entries(TIME_GETTERS).map(([name, get]) => [name, (time: GoTime) => fn([], () => get(time))]),
  ),
  Format: (time) => fn(['string'], (layout) => time.format(layout)),
  Add: (time) => fn(['duration'], (duration) => new GoTime(time.ns + duration.ns, time.zone, time.fixed)),
  Sub: (time) => fn(['time'], (other) => new GoDuration(time.ns - other.ns)),
  After: (time) => fn(['time'], (other) => time.ns > other.ns),
  Before: (time) => fn(['time'], (other) => time.ns < other.ns),
  Equal: (time) => fn(['time'], (other) => time.ns === other.ns),
  Compare: (time) => fn(['time'], (other) => (time.ns === other.ns ? 0n : time.ns < other.ns ? -1n : 1n)),
  AddDate: (time) => fn(['int', 'int', 'int'], (years, months, days) => time.addDate(years, months, days)),
  Truncate: (time) =>
    fn(['duration'], (unit) => new GoTime(truncateTime(time, unit.ns), time.zone, time.fixed)),
};

/** Multiples of the unit are counted from the zero time, as in Go. */
function truncateTime(time: GoTime, unitNs: bigint): bigint {
  if (unitNs <= 0n) return time.ns;
  const sinceZero = time.ns - GoTime.ZERO.ns;
  return time.ns - (sinceZero % unitNs);
}

function roundNs(ns: bigint, unit: bigint): bigint {
  if (unit <= 0n) return ns;
  const magnitude = ns < 0n ? -ns : ns;
  const rounded = ((magnitude * 2n + unit) / (unit * 2n)) * unit;
  return ns < 0n ? -rounded : rounded;
}

const DURATION_METHODS: Readonly<Record<string, (duration: GoDuration) => TemplateFunction>> = {
  Seconds: (duration) => fn([], () => duration.seconds),
  Minutes: (duration) => fn([], () => duration.seconds / 60),
  Hours: (duration) => fn([], () => duration.seconds / 3600),
  Milliseconds: (duration) => fn([], () => duration.ns / NS.millisecond),
  Microseconds: (duration) => fn([], () => duration.ns / NS.microsecond),
  Nanoseconds: (duration) => fn([], () => duration.ns),
  Abs: (duration) => fn([], () => new GoDuration(duration.ns < 0n ? -duration.ns : duration.ns)),
  Round: (duration) => fn(['duration'], (unit) => new GoDuration(roundNs(duration.ns, unit.ns))),
  Truncate: (duration) =>
    fn(
      ['duration'],
      (unit) => new GoDuration(unit.ns <= 0n ? duration.ns : duration.ns - (duration.ns % unit.ns)),
    ),
  String: (duration) => fn([], () => duration.toString()),
};
