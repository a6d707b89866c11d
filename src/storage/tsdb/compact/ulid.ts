import type { Random } from '../../../core/ports.ts';

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const PATTERN = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;
const TIME_LENGTH = 10;

/** A new ULID: 48 bits of time and 80 random ones. @see https://github.com/ulid/spec */
export function makeUlid(timeMs: number, random: Random): string {
  let rest = timeMs;
  let time = '';
  for (let i = 0; i < TIME_LENGTH; i++) {
    time = ALPHABET[rest % 32]! + time;
    rest = Math.floor(rest / 32);
  }
  return time + Array.from(random.bytes(16), (byte) => ALPHABET[byte % 32]!).join('');
}

/** Whether a folder's name is a ULID, and the folder so a block. */
export function isUlid(name: string): boolean {
  return PATTERN.test(name);
}

/** When a ULID was made. */
export function ulidTimeMs(ulid: string): number {
  let timeMs = 0;
  for (const character of ulid.slice(0, TIME_LENGTH)) timeMs = timeMs * 32 + ALPHABET.indexOf(character);
  return timeMs;
}
