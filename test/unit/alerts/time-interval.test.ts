import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { validateYaml } from '../../../src/core/validate-yaml.ts';
import { parseYaml } from '../../../src/core/yaml.ts';
import { TimeIntervals, createAlertsSchemas, entryContains } from '../../../src/alerts/index.ts';
import type { TimeInterval } from '../../../src/alerts/index.ts';

const schema = createAlertsSchemas().timeIntervals;

function intervalsOf(entries: string): TimeInterval[] | string {
  const result = validateYaml(parseYaml(`[{name: n, time_intervals: ${entries}}]`, 'am.yml'), schema);
  return result.ok ? [...result.value] : result.issues.map((issue) => issue.message).join('\n');
}

/** Whether the one entry, in YAML's flow style, contains each of the moments. */
function contained(entry: string, moments: readonly string[]): string[] {
  const intervals = intervalsOf(`[${entry}]`);
  if (typeof intervals === 'string') throw new Error(intervals);
  const byName = new TimeIntervals(intervals);
  return moments.filter((moment) => byName.containing(['n'], Date.parse(moment)).length > 0);
}

describe('fields', () => {
  // Moment, and whether it lies inside.
  const cases: readonly (readonly [entry: string, moments: Readonly<Record<string, boolean>>])[] = [
    ['{}', { '2026-01-05T00:00:00Z': true, '1999-12-31T23:59:59Z': true }],
    [
      "{times: [{start_time: '09:00', end_time: '17:00'}]}",
      {
        '2026-01-05T08:59:59Z': false,
        '2026-01-05T09:00:00Z': true,
        '2026-01-05T16:59:59Z': true,
        '2026-01-05T17:00:00Z': false,
      },
    ],
    [
      "{times: [{start_time: '23:00', end_time: '24:00'}]}",
      { '2026-01-05T23:59:59Z': true, '2026-01-06T00:00:00Z': false },
    ],
    [
      "{times: [{start_time: '22:00', end_time: '24:00'}, {start_time: '00:00', end_time: '06:00'}]}",
      { '2026-01-05T23:00:00Z': true, '2026-01-05T05:59:00Z': true, '2026-01-05T12:00:00Z': false },
    ],
    ['{times: []}', { '2026-01-05T00:00:00Z': false }],
    // 2026-01-05 is a Monday.
    [
      '{weekdays: [Monday:Friday]}',
      {
        '2026-01-04T12:00:00Z': false,
        '2026-01-05T12:00:00Z': true,
        '2026-01-09T12:00:00Z': true,
        '2026-01-10T12:00:00Z': false,
      },
    ],
    [
      '{weekdays: [saturday, SUNDAY]}',
      { '2026-01-04T00:00:00Z': true, '2026-01-10T00:00:00Z': true, '2026-01-05T00:00:00Z': false },
    ],
    ["{days_of_month: ['1:5']}", { '2026-01-05T23:59:59Z': true, '2026-01-06T00:00:00Z': false }],
    [
      "{days_of_month: ['-1']}",
      { '2026-02-28T12:00:00Z': true, '2024-02-28T12:00:00Z': false, '2024-02-29T12:00:00Z': true },
    ],
    [
      "{days_of_month: ['-5:-1']}",
      { '2026-04-26T12:00:00Z': true, '2026-04-25T12:00:00Z': false, '2026-04-30T12:00:00Z': true },
    ],
    // The end is clamped to the month; a begin after its end is skipped.
    ["{days_of_month: ['25:31']}", { '2026-02-28T12:00:00Z': true, '2026-02-24T12:00:00Z': false }],
    ["{days_of_month: ['30:31']}", { '2026-02-28T12:00:00Z': false, '2026-03-30T12:00:00Z': true }],
    [
      "{days_of_month: ['10:-10']}",
      { '2026-02-19T12:00:00Z': true, '2026-02-20T12:00:00Z': false, '2026-02-09T12:00:00Z': false },
    ],
    // From the end past the beginning: the first day.
    [
      "{days_of_month: ['-31:-29']}",
      { '2026-01-01T12:00:00Z': true, '2026-01-03T12:00:00Z': true, '2026-04-01T12:00:00Z': true },
    ],
    [
      "{months: ['january:march', '12']}",
      { '2026-03-31T12:00:00Z': true, '2026-04-01T12:00:00Z': false, '2026-12-01T12:00:00Z': true },
    ],
    ["{months: ['May']}", { '2026-05-01T00:00:00Z': true, '2026-06-01T00:00:00Z': false }],
    [
      "{years: ['2024:2026', 2030]}",
      { '2026-12-31T23:59:59Z': true, '2027-01-01T00:00:00Z': false, '2030-06-01T00:00:00Z': true },
    ],
    // All fields together.
    [
      "{weekdays: ['monday'], times: [{start_time: '12:00', end_time: '13:00'}], months: [january]}",
      {
        '2026-01-05T12:30:00Z': true,
        '2026-01-06T12:30:00Z': false,
        '2026-01-05T13:30:00Z': false,
        '2026-02-02T12:30:00Z': false,
      },
    ],
  ];
  test.each(cases)('%s', (entry, moments) => {
    const inside = Object.entries(moments).flatMap(([moment, isInside]) => (isInside ? [moment] : []));
    expect(contained(entry, Object.keys(moments))).toEqual(inside);
  });
});

describe('time zones', () => {
  const business = (zone: string): string =>
    `{times: [{start_time: '09:00', end_time: '17:00'}], weekdays: ['monday:friday'], location: ${zone}}`;
  test.each<readonly [zone: string, moment: string, inside: boolean]>([
    // Berlin is at UTC+1 in winter and UTC+2 in summer.
    ['Europe/Berlin', '2026-01-05T08:00:00Z', true],
    ['Europe/Berlin', '2026-01-05T07:59:59Z', false],
    ['Europe/Berlin', '2026-07-06T07:00:00Z', true],
    ['Europe/Berlin', '2026-07-06T15:00:00Z', false],
    // Sunday evening in UTC is Monday morning in Australia.
    ['Australia/Sydney', '2026-01-04T22:30:00Z', true],
    ['Australia/Sydney', '2026-01-09T06:30:00Z', false],
    ['UTC', '2026-01-05T09:00:00Z', true],
    ["''", '2026-01-05T09:00:00Z', true],
    ['Asia/Kolkata', '2026-01-05T03:30:00Z', true],
    ['Asia/Kolkata', '2026-01-05T03:29:59Z', false],
  ])('%s at %s', (zone, moment, inside) => {
    expect(contained(business(zone), [moment]).length > 0).toBe(inside);
  });

  test('an hour that summer time leaves out is never, one that it repeats is twice', () => {
    const night = "{times: [{start_time: '02:00', end_time: '03:00'}], location: Europe/Berlin}";
    // 2026-03-29: 02:00 to 03:00 does not exist. 2026-10-25: it comes at 00:00Z and again at 01:00Z.
    expect(contained(night, ['2026-03-29T00:30:00Z', '2026-03-29T01:30:00Z'])).toEqual([]);
    expect(
      contained(night, ['2026-10-25T00:30:00Z', '2026-10-25T01:30:00Z', '2026-10-25T02:30:00Z']),
    ).toEqual(['2026-10-25T00:30:00Z', '2026-10-25T01:30:00Z']);
  });

  test('the local zone is the machine’s', () => {
    const zone = new Intl.DateTimeFormat('en').resolvedOptions().timeZone;
    expect(intervalsOf('[{location: Local}]')).toMatchObject([{ entries: [{ location: zone }] }]);
  });
});

describe('what is refused', () => {
  test.each([
    ["{times: [{start_time: '09:00'}]}", 'both start and end times must be provided'],
    ["{times: [{start_time: '9:00', end_time: '17:00'}]}", "couldn't parse timestamp 9:00, invalid format"],
    ["{times: [{start_time: '09:00', end_time: '24:01'}]}", "couldn't parse timestamp 24:01, invalid format"],
    [
      "{times: [{start_time: '22:00', end_time: '06:00'}]}",
      'start time cannot be equal or greater than end time',
    ],
    [
      "{times: [{start_time: '22:00', end_time: '22:00'}]}",
      'start time cannot be equal or greater than end time',
    ],
    ['{weekdays: [mon]}', '"mon" is not a valid weekday'],
    ["{weekdays: ['friday:monday']}", 'start day cannot be after end day'],
    ["{weekdays: ['1:3']}", '"1" is not a valid weekday'],
    ["{weekdays: ['a:b:c']}", "couldn't parse range a:b:c, invalid format"],
    ["{days_of_month: ['0']}", '0 is not a valid day of the month: out of range'],
    ["{days_of_month: ['1:32']}", '32 is not a valid day of the month: out of range'],
    ["{days_of_month: ['-1:5']}", 'end day must be negative if start day is negative'],
    ["{days_of_month: ['10:5']}", 'end day 5 is always before start day 10'],
    ["{days_of_month: ['-1:-5']}", 'end day -5 is always before start day -1'],
    ["{days_of_month: ['25:-10']}", 'end day -10 is always before start day 25'],
    ["{months: ['june:may']}", 'end month is before start month'],
    ['{months: [jan]}', '"jan" is not a valid month'],
    ["{years: ['2026:2024']}", 'end year 2024 is before start year 2026'],
    ['{location: Europe/Nowhere}', 'unknown time zone Europe/Nowhere'],
    ["{location: '+01:00'}", 'unknown time zone +01:00'],
    ['{day: [monday]}', 'unknown key "day"'],
  ])('%s', (entry, message) => {
    expect(intervalsOf(`[${entry}]`)).toContain(message);
  });

  test('a name is wanted', () => {
    const result = validateYaml(parseYaml("[{name: '', time_intervals: []}]", 'am.yml'), schema);
    expect(result).toMatchObject({
      issues: [{ message: expect.stringContaining('missing name in time interval') }],
    });
  });
});

test('several names are answered in their order', () => {
  const always = { location: 'UTC' };
  const intervals = new TimeIntervals([
    { name: 'a', entries: [always, always] },
    { name: 'never', entries: [] },
    { name: 'b', entries: [always] },
  ]);
  expect(intervals.containing(['b', 'never', 'a'], 0)).toEqual(['b', 'a']);
});

test('in UTC the fields agree with plain date arithmetic', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_102_444_800_000 }), (momentMs) => {
      const date = new Date(momentMs);
      const day = date.getUTCDate();
      const minute = date.getUTCHours() * 60 + date.getUTCMinutes();
      const month = date.getUTCMonth() + 1;
      const year = date.getUTCFullYear();
      const lastDay = new Date(Date.UTC(year, month, 0)).getUTCDate();
      const exact = {
        location: 'UTC',
        times: [{ startMinute: minute, endMinute: minute + 1 }],
        weekdays: [{ begin: date.getUTCDay(), end: date.getUTCDay() }],
        daysOfMonth: [{ begin: day - lastDay - 1, end: day - lastDay - 1 }],
        months: [{ begin: month, end: month }],
        years: [{ begin: year, end: year }],
      };
      expect(entryContains(exact, momentMs)).toBe(true);
      expect(entryContains(exact, momentMs + 60_000)).toBe(false);
    }),
    { numRuns: 300 },
  );
});
