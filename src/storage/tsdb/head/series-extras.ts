import { assert } from '../../../core/errors.ts';
import { Labels } from '../../../core/labels.ts';
import { ExemplarOutcome } from '../../seam.ts';
import type { Exemplar, SeriesMetadata, SeriesRef } from '../../seam.ts';
import type { ReplayTarget } from '../wal/log-replay.ts';
import { RecordWriter } from '../wal/record-writer.ts';
import { ExemplarStore } from './exemplar-store.ts';
import type { SampleLog } from './head-appender.ts';
import type { Head } from './head.ts';
import { Row } from './head-slabs.ts';
import { MetadataStore } from './metadata-store.ts';

/** What a transaction has besides samples. */
export interface PendingExtras {
  readonly exemplars: { readonly ref: SeriesRef; readonly exemplar: Exemplar }[];
  readonly metadata: { readonly ref: SeriesRef; readonly metadata: SeriesMetadata }[];
}

/** What a head keeps of its series besides samples: exemplars and metadata. The writer thread's own. */
export class SeriesExtras {
  readonly #head: Head;
  readonly #record = new RecordWriter();
  readonly exemplars = new ExemplarStore();
  readonly metadata = new MetadataStore();

  constructor(head: Head) {
    this.#head = head;
  }

  /** Looks at an exemplar, and has it wait for the commit; where no exemplars are kept it is passed over. */
  addExemplar(pending: PendingExtras, ref: SeriesRef, given: Exemplar): ExemplarOutcome {
    if (this.exemplars.capacity === 0) return ExemplarOutcome.stored;
    const exemplar = withoutEmpty(given);
    const outcome = this.exemplars.check(ref, () => this.#labelsOf(ref), exemplar);
    if (outcome === 'same') return ExemplarOutcome.stored;
    if (outcome === ExemplarOutcome.stored) pending.exemplars.push({ ref, exemplar });
    return outcome;
  }

  /** Has metadata wait for the commit, if they are other ones than those that are known. */
  addMetadata(pending: PendingExtras, ref: SeriesRef, metadata: SeriesMetadata): void {
    if (this.metadata.isNew(this.#rowOf(ref), ref, metadata)) pending.metadata.push({ ref, metadata });
  }

  /** What is known of a series' metric; undefined when nothing is, or the series is gone. */
  metadataOf(ref: SeriesRef): SeriesMetadata | undefined {
    const row = this.#head.slabs.rowOf(ref);
    return row < 0 ? undefined : this.metadata.get(row, ref);
  }

  /** Puts metadata to work and logs what is new; the log knows their series. */
  commitMetadata({ metadata }: PendingExtras, log: SampleLog | undefined): void {
    if (metadata.length === 0) return;
    const record = this.#record;
    record.beginMetadata();
    for (const { ref, metadata: said } of metadata) {
      const row = this.#rowOf(ref);
      // Another transaction, or this one, may have said the same.
      if (!this.metadata.isNew(row, ref, said)) continue;
      this.metadata.set(row, ref, said);
      record.metadata(this.#head.walIdOf(row), said.type, said.unit, said.help);
    }
    if (record.count > 0) log?.log(record.bytes, true);
  }

  /** Makes exemplars visible and logs those that were taken. */
  commitExemplars({ exemplars }: PendingExtras, log: SampleLog | undefined): void {
    if (exemplars.length === 0) return;
    const record = this.#record;
    record.beginExemplars();
    for (const { ref, exemplar } of exemplars) {
      const outcome = this.exemplars.add(ref, () => this.#labelsOf(ref), exemplar);
      if (outcome !== ExemplarOutcome.stored) continue;
      const walId = this.#head.walIdOf(this.#rowOf(ref));
      record.exemplar(walId, exemplar.timestampMs, exemplar.value, exemplar.labels.flat);
    }
    if (record.count > 0) log?.log(record.bytes, false);
  }

  /** Takes what the log holds besides samples; exemplars before `minValidMs` are left out, as their samples are. */
  replayTarget(minValidMs: number): Pick<ReplayTarget, 'exemplar' | 'metadata'> {
    return {
      exemplar: (ref, tMs, value, flat) => {
        if (tMs >= minValidMs) this.#replayExemplar(ref, tMs, value, flat);
      },
      metadata: (ref, type, unit, help) => {
        this.metadata.set(this.#rowOf(ref), ref, { type, unit, help });
      },
    };
  }

  #replayExemplar(ref: SeriesRef, tMs: number, value: number, flat: readonly string[]): void {
    const entries: [string, string][] = [];
    for (let i = 0; i < flat.length; i += 2) entries.push([flat[i]!, flat[i + 1]!]);
    const exemplar = {
      labels: Labels.fromEntries(entries),
      value,
      timestampMs: tMs,
      // All that were logged differ.
      hasTimestamp: true,
    };
    // The log has those that were taken; the window of then may have been another one.
    const { outOfOrderWindowMs } = this.exemplars;
    this.exemplars.outOfOrderWindowMs = Infinity;
    // Whether the source gave its time the log does not say: as in Prometheus, the same without a time is no new one.
    this.exemplars.add(ref, () => this.#labelsOf(ref), exemplar, { ...exemplar, hasTimestamp: false });
    this.exemplars.outOfOrderWindowMs = outOfOrderWindowMs;
  }

  #rowOf(ref: SeriesRef): number {
    const row = this.#head.slabs.rowOf(ref);
    assert(row >= 0, 'a cached series ref must be checked with isLive before anything is added to it');
    return row;
  }

  #labelsOf(ref: SeriesRef): Labels {
    const row = this.#rowOf(ref);
    return this.#head.labels.labels(this.#head.rowWords(row)[this.#head.rowStart(row) + Row.labels]!);
  }
}

/** An exemplar without labels that have no value. */
export function withoutEmpty(exemplar: Exemplar): Exemplar {
  const { labels } = exemplar;
  for (let i = 1; i < labels.flat.length; i += 2) {
    if (labels.flat[i] !== '') continue;
    return { ...exemplar, labels: Labels.fromEntries([...labels].filter(([, value]) => value !== '')) };
  }
  return exemplar;
}
