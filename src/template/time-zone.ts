/** Offset and abbreviation of a zone at a moment. */
export interface ZoneOffset {
  readonly offsetSeconds: number;
  readonly abbreviation: string;
}

/** Name of the zone the process runs in, as Go's `Local`. */
export const LOCAL_ZONE = 'Local';
/** Name of UTC. */
export const UTC_ZONE = 'UTC';

interface ZoneFormats {
  readonly fields: Intl.DateTimeFormat;
  readonly names: readonly Intl.DateTimeFormat[];
}

/** Locales whose CLDR data abbreviate the zones of their own part of the world. */
const LOCALES = ['en-US', 'en-GB', 'en-AU', 'en-IN', 'en-ZA', 'en-NZ'];

/** Abbreviations of tzdata that no English locale gives. */
const ABBREVIATIONS: Readonly<Record<string, string>> = {
  'Asia/Tokyo+32400': 'JST',
  'Asia/Seoul+32400': 'KST',
  'Asia/Shanghai+28800': 'CST',
  'Asia/Taipei+28800': 'CST',
  'Asia/Hong_Kong+28800': 'HKT',
  'Asia/Manila+28800': 'PST',
  'Asia/Jakarta+25200': 'WIB',
  'Asia/Karachi+18000': 'PKT',
  'Asia/Jerusalem+7200': 'IST',
  'Asia/Jerusalem+10800': 'IDT',
  'Europe/Moscow+10800': 'MSK',
  'Africa/Lagos+3600': 'WAT',
  'Africa/Nairobi+10800': 'EAT',
};

const cache = new Map<string, ZoneFormats | undefined>();

function zoneFormats(zone: string): ZoneFormats | undefined {
  if (cache.has(zone)) return cache.get(zone);
  const timeZone = zone === LOCAL_ZONE ? undefined : zone;
  let formats: ZoneFormats | undefined;
  try {
    const options = { year: 'numeric', timeZoneName: 'longOffset', timeZone } as const;
    formats = {
      fields: new Intl.DateTimeFormat('en-US', options),
      names: LOCALES.map(
        (locale) => new Intl.DateTimeFormat(locale, { year: 'numeric', timeZoneName: 'short', timeZone }),
      ),
    };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  if (cache.size > 1000) cache.clear();
  cache.set(zone, formats);
  return formats;
}

/** Whether the zone is one of the IANA database (or `UTC`, `Local`). */
export function isKnownZone(zone: string): boolean {
  return (
    zone === UTC_ZONE || zone === LOCAL_ZONE || (/^[A-Za-z]/.test(zone) && zoneFormats(zone) !== undefined)
  );
}

/** What the zone's clocks show at `epochMs`; a zone must be {@link isKnownZone}. Outside JS' range of dates it is UTC. */
export function zoneOffsetAt(zone: string, epochMs: number): ZoneOffset {
  const formats = zone === UTC_ZONE ? undefined : zoneFormats(zone);
  if (formats === undefined || Math.abs(epochMs) > 8.64e15)
    return { offsetSeconds: 0, abbreviation: UTC_ZONE };
  const name = zonePart(formats.fields, epochMs);
  const match = /^GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(name);
  const seconds = Number(match?.[2] ?? 0) * 3600 + Number(match?.[3] ?? 0) * 60 + Number(match?.[4] ?? 0);
  const offsetSeconds = match?.[1] === '-' ? -seconds : seconds;
  return { offsetSeconds, abbreviation: abbreviationAt(zone, formats, epochMs, offsetSeconds) };
}

function abbreviationAt(zone: string, formats: ZoneFormats, epochMs: number, offsetSeconds: number): string {
  const known = ABBREVIATIONS[`${zone}+${offsetSeconds}`];
  if (known !== undefined) return known;
  for (const format of formats.names) {
    const name = zonePart(format, epochMs);
    if (/^[A-Z]{3,5}$/.test(name)) return name;
  }
  const hours = Math.floor(Math.abs(offsetSeconds) / 3600);
  const minutes = Math.floor((Math.abs(offsetSeconds) % 3600) / 60);
  const digits = String(hours).padStart(2, '0') + (minutes === 0 ? '' : String(minutes).padStart(2, '0'));
  return (offsetSeconds < 0 ? '-' : '+') + digits;
}

function zonePart(format: Intl.DateTimeFormat, epochMs: number): string {
  return format.formatToParts(epochMs).find((part) => part.type === 'timeZoneName')?.value ?? '';
}
