import type { Logger } from '../core/log.ts';

/**
 * Cuts a text to `max` Unicode code points; what was cut ends in `…`.
 *
 * @see prometheus/alertmanager notify/util.go TruncateInRunes
 */
export function truncateRunes(text: string, max: number): string {
  if (text.length <= max) return text;
  const runes = Array.from(text);
  if (runes.length <= max) return text;
  return max <= 3 ? runes.slice(0, max).join('') : `${runes.slice(0, max - 1).join('')}…`;
}

/**
 * Cuts a text to `max` bytes of UTF-8, between code points; what was cut ends in `…`, which is three of them.
 *
 * @see prometheus/alertmanager notify/util.go TruncateInBytes
 */
export function truncateBytes(text: string, max: number): string {
  if (Buffer.byteLength(text) <= max) return text;
  return max < 3 ? '.'.repeat(max) : `${startInBytes(text, max - 3)}…`;
}

/** As much of the start of a text as has room in `max` bytes of UTF-8; no code point is parted. */
export function startInBytes(text: string, max: number): string {
  // A code unit has one byte at least, so that what follows these has no room.
  const bytes = Buffer.from(text.slice(0, max + 1), 'utf8');
  if (bytes.length <= max) return text;
  let end = max;
  // 10xxxxxx goes on with a code point.
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}

/** Cuts a text like {@link truncateRunes} and says so in the log as Alertmanager does: `Truncated title`. */
export function truncateLogged(text: string, max: number, what: string, logger: Logger): string {
  const cut = truncateRunes(text, max);
  if (cut !== text) logger.warn({ max_runes: max }, `Truncated ${what}`);
  return cut;
}
