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

/** Cuts a text like {@link truncateRunes} and says so in the log as Alertmanager does: `Truncated title`. */
export function truncateLogged(text: string, max: number, what: string, logger: Logger): string {
  const cut = truncateRunes(text, max);
  if (cut !== text) logger.warn({ max_runes: max }, `Truncated ${what}`);
  return cut;
}
