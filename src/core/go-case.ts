/**
 * Upper and lower case character by character, as Go's strings.ToLower and ToUpper: no context (final sigma) and never
 * more characters than before (`ß` stays `ß`).
 */

const ASCII = /^[\0-\x7f]*$/;

/** Greek letters whose upper case JavaScript spells with two letters and Go with one (the title-case form). */
const IOTA_EIGHT_ON = /[\u1f80-\u1f87\u1f90-\u1f97\u1fa0-\u1fa7]/;
const IOTA_NINE_ON = /[\u1fb3\u1fc3\u1ff3]/;

/** Go's strings.ToLower. */
export function toLowerCase(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase();
  return mapCharacters(text, (character) =>
    character === '\u0130' ? 'i' : single(character, character.toLowerCase()),
  );
}

/** Go's strings.ToUpper. */
export function toUpperCase(text: string): string {
  if (ASCII.test(text)) return text.toUpperCase();
  return mapCharacters(text, (character) => {
    if (IOTA_EIGHT_ON.test(character)) return String.fromCharCode(character.charCodeAt(0) + 8);
    if (IOTA_NINE_ON.test(character)) return String.fromCharCode(character.charCodeAt(0) + 9);
    return single(character, character.toUpperCase());
  });
}

function mapCharacters(text: string, map: (character: string) => string): string {
  return text.replaceAll(/./gsu, map);
}

function single(character: string, mapped: string): string {
  const first = mapped.codePointAt(0) ?? 0;
  return mapped.length === (first > 0xffff ? 2 : 1) ? mapped : character;
}
