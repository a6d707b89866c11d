import { assert } from '../../../core/errors.ts';
import type { Head } from '../head/head.ts';
import { Row } from '../head/head-slabs.ts';
import type { PendingSamples } from '../head/pending-samples.ts';
import type { PendingExtras } from '../head/series-extras.ts';
import { RecordWriter, RichRecords } from '../wal/wal-records.ts';

/** Makes records of transactions. Series are named by their refs, each before it is used for the first time. */
export class EarlyRecords {
  readonly #head: Head;
  readonly #log: (record: Uint8Array, keep: boolean) => void;
  readonly #record = new RecordWriter();
  readonly #rich = new RichRecords();
  /** Which series were named: a byte for each ref. */
  #named = new Uint8Array(1024);

  /** `log` copies records; those with `keep` are needed by later ones. */
  constructor(head: Head, log: (record: Uint8Array, keep: boolean) => void) {
    this.#head = head;
    this.#log = log;
  }

  /** What was logged is gone: series are named again. */
  forgetNamed(): void {
    this.#named.fill(0);
  }

  /** Logs what a transaction has, in its order. */
  add(batch: PendingSamples, extras: PendingExtras): void {
    this.#nameSeries(batch, extras);
    this.#addMetadata(extras);
    let from = 0;
    let richFrom = 0;
    for (const turn of [...batch.turns, { floats: batch.length, rich: batch.rich.length }]) {
      this.#addFloats(batch, from, turn.floats);
      for (const { ref, tMs, sample } of batch.rich.slice(richFrom, turn.rich))
        this.#rich.add(ref, tMs, sample);
      this.#rich.end((record) => {
        this.#log(record, false);
      });
      from = turn.floats;
      richFrom = turn.rich;
    }
    this.#addExemplars(extras);
  }

  #nameSeries(batch: PendingSamples, extras: PendingExtras): void {
    this.#record.beginSeries();
    for (let i = 0; i < batch.length; i++) this.#name(batch.refs[i]!);
    for (const { ref } of batch.rich) this.#name(ref);
    for (const { ref } of extras.exemplars) this.#name(ref);
    for (const { ref } of extras.metadata) this.#name(ref);
    if (this.#record.count > 0) this.#log(this.#record.bytes, true);
  }

  #name(ref: number): void {
    if (this.#named[ref] === 1) return;
    if (ref >= this.#named.length) {
      const larger = new Uint8Array(Math.max(this.#named.length * 2, ref + 1));
      larger.set(this.#named);
      this.#named = larger;
    }
    this.#named[ref] = 1;
    const { slabs, labels } = this.#head;
    const row = slabs.rowOf(ref);
    assert(row >= 0, 'a series must not go while an open appender has samples for it');
    const address = this.#head.rowWords(row)[this.#head.rowStart(row) + Row.labels]!;
    this.#record.series(ref, labels.labels(address).flat);
  }

  #addFloats({ refs, times, words }: PendingSamples, from: number, to: number): void {
    if (from === to) return;
    this.#record.beginSamples();
    for (let i = from; i < to; i++)
      this.#record.sample(refs[i]!, times[i]!, words[2 * i]!, words[2 * i + 1]!);
    this.#log(this.#record.bytes, false);
  }

  #addMetadata({ metadata }: PendingExtras): void {
    if (metadata.length === 0) return;
    this.#record.beginMetadata();
    for (const { ref, metadata: said } of metadata)
      this.#record.metadata(ref, said.type, said.unit, said.help);
    this.#log(this.#record.bytes, true);
  }

  #addExemplars({ exemplars }: PendingExtras): void {
    if (exemplars.length === 0) return;
    this.#record.beginExemplars();
    for (const { ref, exemplar } of exemplars) {
      this.#record.exemplar(ref, exemplar.timestampMs, exemplar.value, exemplar.labels.flat);
    }
    this.#log(this.#record.bytes, false);
  }
}
