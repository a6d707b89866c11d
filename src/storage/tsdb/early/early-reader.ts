import { Labels } from '../../../core/labels.ts';
import { AppendOutcome } from '../../seam.ts';
import type { Appender, SeriesRef } from '../../seam.ts';
import type { HeadStorage } from '../head/head-storage.ts';
import type { StoredSample } from '../stored-sample.ts';
import type { RecordSink } from '../wal/wal-records.ts';

const wordBox = new Uint32Array(2);
const floatBox = new Float64Array(wordBox.buffer);

/** Appends what records hold to a head, as whoever logged them would have done. The newest record of a number of a series counts. */
export class EarlyReader implements RecordSink {
  readonly #storage: HeadStorage;
  readonly #refs = new Map<number, SeriesRef>();
  readonly #isZero: (ref: SeriesRef, tMs: number) => boolean;
  #appender: Appender | undefined;
  /** How many samples came since the last commit. */
  pending = 0;
  /** How many samples there were. */
  samples = 0;
  /** How many of them the head did not take. */
  refused = 0;

  /** `isZero` tells zeros of where a counter began. */
  constructor(storage: HeadStorage, isZero: (ref: SeriesRef, tMs: number) => boolean) {
    this.#storage = storage;
    this.#isZero = isZero;
  }

  /** Makes visible what came since the last time. */
  commit(): Promise<void> {
    const appender = this.#appender;
    this.pending = 0;
    this.#appender = undefined;
    return appender?.commit() ?? Promise.resolve();
  }

  series(walId: number, flat: readonly string[]): void {
    const entries: [string, string][] = [];
    for (let i = 0; i < flat.length; i += 2) entries.push([flat[i]!, flat[i + 1]!]);
    // It was taken when it came.
    this.#refs.set(walId, this.#open().series(Labels.fromEntries(entries), true));
  }

  sample(walId: number, tMs: number, low: number, high: number): void {
    const ref = this.#refOf(walId);
    wordBox[0] = low;
    wordBox[1] = high;
    const value = floatBox[0]!;
    if (value === 0 && this.#isZero(ref, tMs)) this.#open().appendStartZero(ref, tMs, tMs + 1);
    else this.#count(ref === 0 ? undefined : this.#open().append(ref, tMs, value));
  }

  rich(walId: number, tMs: number, { low, high, histogram, startMs }: StoredSample): void {
    const ref = this.#refOf(walId);
    wordBox[0] = low;
    wordBox[1] = high;
    if (histogram?.count === 0 && this.#isZero(ref, tMs)) {
      this.#open().appendStartZero(ref, tMs, tMs + 1, histogram);
      return;
    }
    const sample = { value: floatBox[0]!, histogram, startMs };
    this.#count(ref === 0 ? undefined : this.#open().appendRich(ref, tMs, sample));
  }

  exemplar(walId: number, tMs: number, value: number, flat: readonly string[]): void {
    const ref = this.#refOf(walId);
    if (ref === 0) return;
    const entries: [string, string][] = [];
    for (let i = 0; i < flat.length; i += 2) entries.push([flat[i]!, flat[i + 1]!]);
    const labels = Labels.fromEntries(entries);
    this.#open().appendExemplar?.(ref, { labels, value, timestampMs: tMs, hasTimestamp: true });
  }

  metadata(walId: number, type: string, unit: string, help: string): void {
    const ref = this.#refOf(walId);
    if (ref !== 0) this.#open().updateMetadata?.(ref, { type, unit, help });
  }

  /** Nothing can be deleted before the log was read. */
  tombstone(): void {}

  #open(): Appender {
    // How far ahead samples were was looked at when they came.
    return (this.#appender ??= this.#storage.appender(Infinity));
  }

  #count(outcome: AppendOutcome | undefined): void {
    this.samples++;
    this.pending++;
    if (outcome === undefined || outcome > AppendOutcome.same) this.refused++;
  }

  /** The series of a number, 0 when there is none. */
  #refOf(walId: number): SeriesRef {
    return this.#refs.get(walId) ?? 0;
  }
}
