/**
 * Upper bound of alerts a name (`--alertmanager.alerts.per-alertname-limit`). Known alerts may always be refreshed; at
 * the bound a new one gets in only in place of one that has ended.
 *
 * @see alertmanager limit/bucket.go
 */
export class AlertLimit {
  /** 0 = no bound. */
  readonly limit: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Takes note of an alert; false when there is no room for it. */
  admit(alertname: string, fingerprint: string, endsAtMs: number, nowMs: number): boolean {
    if (this.limit <= 0) return true;
    let bucket = this.#buckets.get(alertname);
    if (bucket === undefined) {
      bucket = { endsAtMs: new Map(), earliestEndMs: Infinity };
      this.#buckets.set(alertname, bucket);
    }
    const isKnown = bucket.endsAtMs.has(fingerprint);
    if (!isKnown && bucket.endsAtMs.size >= this.limit && !makeRoom(bucket, nowMs)) return false;
    bucket.endsAtMs.set(fingerprint, endsAtMs);
    bucket.earliestEndMs = Math.min(bucket.earliestEndMs, endsAtMs);
    return true;
  }

  /** Forgets an alert that the store has dropped. */
  release(alertname: string, fingerprint: string): void {
    const bucket = this.#buckets.get(alertname);
    if (bucket?.endsAtMs.delete(fingerprint) === true && bucket.endsAtMs.size === 0)
      this.#buckets.delete(alertname);
  }
}

interface Bucket {
  readonly endsAtMs: Map<string, number>;
  /** Not later than the earliest end, so that a full bucket is searched only when it may help. */
  earliestEndMs: number;
}

function makeRoom(bucket: Bucket, nowMs: number): boolean {
  if (bucket.earliestEndMs >= nowMs) return false;
  let oldest: string | undefined;
  let oldestEndMs = Infinity;
  let secondEndMs = Infinity;
  for (const [fingerprint, endsAtMs] of bucket.endsAtMs) {
    if (endsAtMs < oldestEndMs) {
      secondEndMs = oldestEndMs;
      oldestEndMs = endsAtMs;
      oldest = fingerprint;
    } else if (endsAtMs < secondEndMs) secondEndMs = endsAtMs;
  }
  if (oldest === undefined || oldestEndMs >= nowMs) {
    bucket.earliestEndMs = oldestEndMs;
    return false;
  }
  bucket.endsAtMs.delete(oldest);
  bucket.earliestEndMs = secondEndMs;
  return true;
}
