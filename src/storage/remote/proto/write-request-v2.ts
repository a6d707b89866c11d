import { assert } from '../../../core/errors.ts';
import { ProtoReader, textOf } from '../../../core/protobuf/proto-reader.ts';
import { SeriesData } from './series-data.ts';

const NO_BYTES = new Uint8Array(0);

/** Metadata of a series: numbers of `MetricType`, and of symbols. */
interface MetadataRefs {
  type: number;
  help: number;
  unit: number;
}

/**
 * Walks the series of an `io.prometheus.write.v2.Request` (remote write 2.0). Texts are symbols: numbered from 0 to
 * {@link symbolCount}, their bytes left where they are in the message. The labels of a series are the numbers of names and
 * values in turn, in {@link refs}; its samples are in {@link data}.
 *
 * Everything throws TOCSIN_ERR_PARSE for bytes that are no such message. Numbers of symbols are not checked.
 *
 * @see prometheus prompb/io/prometheus/write/v2/types.proto
 */
export class WriteRequestV2Cursor {
  readonly data = new SeriesData();
  /** Places of symbols in the message: begin and end in turn. */
  symbolPlaces = new Uint32Array(256);
  symbolCount = 0;
  refs = new Uint32Array(64);
  refCount = 0;
  readonly metadata: MetadataRefs = { type: 0, help: 0, unit: 0 };
  /** Numbers of symbols of each exemplar's labels, beside `data.exemplars`, whose `flat` is empty. */
  readonly exemplarRefs: number[][] = [];
  #message: Uint8Array = NO_BYTES;
  readonly #outer = new ProtoReader(NO_BYTES);
  readonly #reader = new ProtoReader(NO_BYTES);

  /** Begins a message: reads where its symbols are. */
  reset(message: Uint8Array): void {
    this.#message = message;
    this.symbolCount = 0;
    const outer = this.#outer;
    outer.reset(message);
    for (let from = outer.findMessage(4); from >= 0; from = outer.findMessage(4)) {
      this.#addSymbol(from, outer.at);
    }
    outer.reset(message);
  }

  /** Lets go of the message. */
  release(): void {
    this.reset(NO_BYTES);
    this.#clear();
  }

  /** Goes to the next series; false at the end. */
  next(): boolean {
    const from = this.#outer.findMessage(5);
    if (from < 0) return false;
    this.#read(from, this.#outer.at);
    return true;
  }

  /** The text of a symbol, not well-formed when it is not UTF-8. There must be one. */
  symbol(ref: number): string {
    assert(ref < this.symbolCount, 'the number of a symbol must be checked before it is looked up');
    const from = this.symbolPlaces[2 * ref]!;
    return textOf(this.#message.subarray(from, this.symbolPlaces[2 * ref + 1]!));
  }

  #addSymbol(from: number, to: number): void {
    const at = this.symbolCount++ * 2;
    if (at + 2 > this.symbolPlaces.length) this.symbolPlaces = twice(this.symbolPlaces);
    this.symbolPlaces[at] = from;
    this.symbolPlaces[at + 1] = to;
  }

  #clear(): void {
    this.data.clear();
    this.refCount = 0;
    this.metadata.type = 0;
    this.metadata.help = 0;
    this.metadata.unit = 0;
    if (this.exemplarRefs.length > 0) this.exemplarRefs.length = 0;
  }

  #read(from: number, to: number): void {
    const reader = this.#reader;
    const { data } = this;
    this.#clear();
    reader.reset(this.#message, from, to);
    while (reader.next()) {
      switch (reader.field) {
        case 1:
          this.#readRefs(reader);
          break;
        case 2:
          data.readSample(reader);
          break;
        case 3:
          data.readHistogram(reader);
          break;
        case 4:
          this.#readExemplar(reader);
          break;
        case 5:
          this.#readMetadata(reader);
          break;
        default:
          reader.skip();
      }
    }
  }

  #readRefs(reader: ProtoReader): void {
    if (reader.wire === 0) {
      this.#addRef(reader.uint());
      return;
    }
    const outer = reader.enter();
    while (reader.more) this.#addRef(reader.packedUint());
    reader.leave(outer);
  }

  #addRef(ref: number): void {
    if (this.refCount === this.refs.length) this.refs = twice(this.refs);
    this.refs[this.refCount++] = Math.min(ref, 0xffff_ffff);
  }

  #readExemplar(reader: ProtoReader): void {
    const refs: number[] = [];
    let value = 0;
    let tMs = 0;
    const outer = reader.enter();
    while (reader.next()) {
      if (reader.field === 1) reader.eachUint((ref) => refs.push(ref));
      else if (reader.field === 2) value = reader.double();
      else if (reader.field === 3) tMs = reader.int();
      else reader.skip();
    }
    reader.leave(outer);
    this.exemplarRefs.push(refs);
    this.data.exemplars.push({ flat: [], value, tMs });
  }

  #readMetadata(reader: ProtoReader): void {
    const outer = reader.enter();
    while (reader.next()) {
      if (reader.field === 1) this.metadata.type = reader.int();
      else if (reader.field === 3) this.metadata.help = reader.uint();
      else if (reader.field === 4) this.metadata.unit = reader.uint();
      else reader.skip();
    }
    reader.leave(outer);
  }
}

function twice(column: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(column.length * 2);
  larger.set(column);
  return larger;
}
