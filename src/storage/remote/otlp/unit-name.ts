/** Names of units by their UCUM codes. */
const UNITS: ReadonlyMap<string, string> = new Map([
  ['d', 'days'],
  ['h', 'hours'],
  ['min', 'minutes'],
  ['s', 'seconds'],
  ['ms', 'milliseconds'],
  ['us', 'microseconds'],
  ['ns', 'nanoseconds'],
  ['By', 'bytes'],
  ['KiBy', 'kibibytes'],
  ['MiBy', 'mebibytes'],
  ['GiBy', 'gibibytes'],
  ['TiBy', 'tibibytes'],
  ['KBy', 'kilobytes'],
  ['MBy', 'megabytes'],
  ['GBy', 'gigabytes'],
  ['TBy', 'terabytes'],
  ['m', 'meters'],
  ['V', 'volts'],
  ['A', 'amperes'],
  ['J', 'joules'],
  ['W', 'watts'],
  ['g', 'grams'],
  ['Cel', 'celsius'],
  ['Hz', 'hertz'],
  ['1', ''],
  ['%', 'percent'],
]);

/** The same behind a slash. */
const PER_UNITS: ReadonlyMap<string, string> = new Map([
  ['s', 'second'],
  ['m', 'minute'],
  ['h', 'hour'],
  ['d', 'day'],
  ['w', 'week'],
  ['mo', 'month'],
  ['y', 'year'],
]);

/** A unit's part before the slash, and `per_` with the part behind it; '' for what is not there or in braces. */
export function unitParts(unit: string): readonly [main: string, per: string] {
  const slash = unit.indexOf('/');
  const main = (slash < 0 ? unit : unit.slice(0, slash)).trim();
  const per = slash < 0 ? '' : unit.slice(slash + 1).trim();
  const perName = isNamed(per) ? (PER_UNITS.get(per) ?? per) : '';
  return [isNamed(main) ? (UNITS.get(main) ?? main) : '', perName === '' ? '' : `per_${perName}`];
}

function isNamed(part: string): boolean {
  return part !== '' && !/[{}]/.test(part);
}

/** With one underscore for each run of characters that names may not have, none in front. */
export function withoutInvalid(part: string): string {
  return part
    .replaceAll(/[^a-zA-Z0-9:]/gu, '_')
    .replaceAll(/__+/g, '_')
    .replace(/^_/, '');
}

/**
 * The name of a unit as metadata has it: `By/s` is `bytes_per_second`.
 *
 * @see prometheus/otlptranslator unit_namer.go
 */
export function unitName(unit: string, escape: boolean): string {
  const parts = unitParts(unit);
  const [main, per] = escape ? parts.map(withoutInvalid) : parts;
  const name = main !== '' && per !== '' ? `${main}_${per}` : `${main}${per}`;
  return name.replace(/^_/, '').replace(/_$/, '');
}
