/** Go's zero time, which stands for "no end" in Alertmanager's JSON. */
export const ZERO_TIME = '0001-01-01T00:00:00Z';

/** A time as Go's encoding/json prints it: RFC 3339 in UTC, fractions without trailing zeros. */
export function formatRfc3339(atMs: number): string {
  const [whole, fraction] = new Date(atMs).toISOString().slice(0, -1).split('.');
  const digits = fraction!.replace(/0+$/, '');
  return digits === '' ? `${whole}Z` : `${whole}.${digits}Z`;
}
