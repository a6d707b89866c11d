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
