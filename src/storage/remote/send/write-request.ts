import type { Labels } from '../../../core/labels.ts';
import { METRIC_TYPES } from '../../../core/metric-types.ts';
import { ProtoWriter } from '../../../core/protobuf/proto-writer.ts';
import type { WriteMessage } from '../config.ts';
import type { SeriesMetadata } from '../../seam.ts';
import { writeHistogram } from '../proto/write-histogram.ts';
import type { OutgoingBatch, SentExemplar } from './outgoing-batch.ts';

/** Metadata of a metric family, as remote write 1.0 sends it. */
export interface FamilyMetadata {
  readonly family: string;
  readonly type: string;
  readonly help: string;
  readonly unit: string;
}

/**
 * Makes the bodies of remote-write requests; what {@link batch} and {@link metadata} return is good until the next call.
 *
 * @see prometheus prompb/remote.proto, prompb/io/prometheus/write/v2/types.proto
 */
export class WriteRequestWriter {
  readonly #out = new ProtoWriter();
  readonly #isV2: boolean;
  readonly #symbols = new Map<string, number>();

  constructor(message: WriteMessage) {
    this.#isV2 = message === 'io.prometheus.write.v2.Request';
  }

  /** A request with the items of a batch. */
  batch(batch: OutgoingBatch): Uint8Array {
    this.#out.clear();
    if (this.#isV2) this.#writeV2(batch);
    else this.#writeV1(batch);
    return this.#out.bytes;
  }

  /** A request of version 1.0 with metadata only. */
  metadata(families: readonly FamilyMetadata[]): Uint8Array {
    const out = this.#out;
    out.clear();
    for (const { family, type, help, unit } of families) {
      out.message(3, () => {
        out.uint(1, typeNumber(type));
        out.text(2, family);
        out.text(4, help);
        out.text(5, unit);
      });
    }
    return out.bytes;
  }

  #writeV1(batch: OutgoingBatch): void {
    const out = this.#out;
    for (let i = 0; i < batch.length; i++) {
      out.message(1, () => {
        this.#labelsV1(1, batch.series[i]!.labels);
        const exemplar = batch.exemplars.get(i);
        if (exemplar !== undefined) this.#exemplarV1(exemplar, batch.times[i]!);
        else this.#valueV1(batch, i);
      });
    }
  }

  #valueV1(batch: OutgoingBatch, i: number): void {
    const out = this.#out;
    const histogram = batch.rich.get(i)?.histogram;
    if (histogram !== undefined) writeHistogram(out, 4, histogram, batch.times[i]!, 0);
    else {
      out.message(2, () => {
        out.doubleBits(1, batch.words[2 * i]!, batch.words[2 * i + 1]!);
        out.int(2, batch.times[i]!);
      });
    }
  }

  #labelsV1(field: number, labels: Labels): void {
    const out = this.#out;
    for (const [name, value] of labels) {
      out.message(field, () => {
        out.text(1, name);
        out.text(2, value);
      });
    }
  }

  #exemplarV1({ flat, value }: SentExemplar, tMs: number): void {
    const out = this.#out;
    out.message(3, () => {
      for (let i = 0; i < flat.length; i += 2) {
        out.message(1, () => {
          out.text(1, flat[i]!);
          out.text(2, flat[i + 1]!);
        });
      }
      out.double(2, value);
      out.int(3, tMs);
    });
  }

  #writeV2(batch: OutgoingBatch): void {
    const out = this.#out;
    this.#symbols.clear();
    // The first symbol is the empty text.
    this.#symbol('');
    for (let i = 0; i < batch.length; i++) {
      for (const text of batch.series[i]!.labels.flat) this.#symbol(text);
      for (const text of batch.exemplars.get(i)?.flat ?? []) this.#symbol(text);
      const { metadata } = batch.series[i]!;
      if (metadata !== undefined) for (const text of [metadata.help, metadata.unit]) this.#symbol(text);
    }
    for (const text of this.#symbols.keys()) out.text(4, text);
    for (let i = 0; i < batch.length; i++) {
      out.message(5, () => {
        const { labels, metadata } = batch.series[i]!;
        this.#refs(labels.flat);
        this.#valueV2(batch, i);
        if (metadata !== undefined) this.#metadataV2(metadata);
      });
    }
  }

  #valueV2(batch: OutgoingBatch, i: number): void {
    const out = this.#out;
    const tMs = batch.times[i]!;
    const exemplar = batch.exemplars.get(i);
    const rich = batch.rich.get(i);
    if (exemplar !== undefined) {
      out.message(4, () => {
        this.#refs(exemplar.flat);
        out.double(2, exemplar.value);
        out.int(3, tMs);
      });
    } else if (rich?.histogram !== undefined) writeHistogram(out, 3, rich.histogram, tMs, rich.startMs);
    else {
      out.message(2, () => {
        out.doubleBits(1, batch.words[2 * i]!, batch.words[2 * i + 1]!);
        out.int(2, tMs);
        if (rich !== undefined && rich.startMs !== 0) out.int(3, rich.startMs);
      });
    }
  }

  #metadataV2({ type, help, unit }: SeriesMetadata): void {
    const out = this.#out;
    out.message(5, () => {
      out.uint(1, typeNumber(type));
      out.uint(3, this.#symbol(help));
      out.uint(4, this.#symbol(unit));
    });
  }

  #refs(flat: readonly string[]): void {
    this.#out.uints(
      1,
      flat.map((text) => this.#symbol(text)),
    );
  }

  #symbol(text: string): number {
    let number = this.#symbols.get(text);
    if (number === undefined) {
      number = this.#symbols.size;
      this.#symbols.set(text, number);
    }
    return number;
  }
}

/** Number of a metric's type, 0 where it is not known. */
function typeNumber(type: string): number {
  return Math.max(
    0,
    METRIC_TYPES.findIndex((known) => known === type),
  );
}
