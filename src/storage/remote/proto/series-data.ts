import type { ProtoReader } from '../../../core/protobuf/proto-reader.ts';
import { readHistogram } from './histogram.ts';
import type { SentHistogram } from './histogram.ts';

/** An exemplar of a request; `flat` has names and values in turn, in any order. */
export interface ReceivedExemplar {
  readonly flat: readonly string[];
  readonly value: number;
  /** 0 where none is said. */
  readonly tMs: number;
}

/**
 * What a series of a request brings; the columns are used again for each. `values` keep their bits, which is why they must
 * be handed on from the column.
 */
export class SeriesData {
  times = new Float64Array(16);
  values = new Float64Array(16);
  /** Start timestamps, 0 where there is none; written by messages that have them, from {@link hasStarts} on. */
  starts = new Float64Array(16);
  hasStarts = false;
  /** How many floats there are. */
  samples = 0;
  readonly histograms: SentHistogram[] = [];
  readonly exemplars: ReceivedExemplar[] = [];

  clear(): void {
    this.samples = 0;
    this.hasStarts = false;
    if (this.histograms.length > 0) this.histograms.length = 0;
    if (this.exemplars.length > 0) this.exemplars.length = 0;
  }

  /** Makes room for one more float. */
  reserve(): void {
    if (this.samples < this.times.length) return;
    const grow = (column: Float64Array): Float64Array<ArrayBuffer> => {
      const larger = new Float64Array(column.length * 2);
      larger.set(column);
      return larger;
    };
    this.times = grow(this.times);
    this.values = grow(this.values);
    this.starts = grow(this.starts);
  }

  /** Reads the Sample message that the reader has come to. */
  readSample(reader: ProtoReader): void {
    this.reserve();
    const index = this.samples++;
    this.times[index] = 0;
    this.values[index] = 0;
    this.starts[index] = 0;
    const outer = reader.enter();
    while (reader.next()) {
      if (reader.field === 1) reader.doubleInto(this.values, index);
      else if (reader.field === 2) this.times[index] = reader.int();
      else if (reader.field === 3) {
        this.starts[index] = reader.int();
        this.hasStarts = true;
      } else reader.skip();
    }
    reader.leave(outer);
  }

  /** Reads the Histogram message that the reader has come to. */
  readHistogram(reader: ProtoReader): void {
    const histogram = readHistogram(reader);
    this.hasStarts ||= histogram.startMs !== 0;
    this.histograms.push(histogram);
  }
}
