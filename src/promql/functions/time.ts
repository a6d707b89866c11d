import { goTruncate } from './numeric.ts';

/** Parts of a UTC date, from seconds since the epoch. Dates that JavaScript can't hold are NaN. */
type DatePart = (date: Date) => number;

const DAY_MS = 86_400_000;

function dayOfYear(date: Date): number {
  const first = new Date(date);
  first.setUTCMonth(0, 1);
  return Math.round((date.getTime() - first.getTime()) / DAY_MS) + 1;
}

function daysInMonth(date: Date): number {
  const last = new Date(date);
  last.setUTCMonth(date.getUTCMonth() + 1, 0);
  return last.getUTCDate();
}

const PARTS: ReadonlyMap<string, DatePart> = new Map<string, DatePart>([
  ['minute', (date) => date.getUTCMinutes()],
  ['hour', (date) => date.getUTCHours()],
  ['day_of_week', (date) => date.getUTCDay()],
  ['day_of_month', (date) => date.getUTCDate()],
  ['day_of_year', dayOfYear],
  ['days_in_month', daysInMonth],
  ['month', (date) => date.getUTCMonth() + 1],
  ['year', (date) => date.getUTCFullYear()],
]);

/** The functions of dates, each from seconds since the epoch (fractions are cut off, as Go does). */
export const TIME_KERNELS: ReadonlyMap<string, (seconds: number) => number> = new Map(
  [...PARTS].map(([name, part]) => [name, (seconds: number) => part(new Date(goTruncate(seconds) * 1000))]),
);
