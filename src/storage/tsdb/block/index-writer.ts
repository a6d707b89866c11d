import { assert } from '../../../core/errors.ts';
import { compareText } from '../../../core/labels.ts';
import type { Labels } from '../../../core/labels.ts';
import type { FileSystem } from '../../../core/ports.ts';
import { crc32c } from '../crc32c.ts';
import { INDEX_MAGIC, INDEX_VERSION, SERIES_ALIGN } from './block-format.ts';
import { ByteWriter } from './byte-writer.ts';
import { FileOutput } from './file-output.ts';
import { PostingBuilder } from './posting-builder.ts';

/** Where a chunk is and what time it spans. */
export interface ChunkPlace {
  readonly minMs: number;
  readonly maxMs: number;
  readonly reference: number;
}

/** Writes a block's `index`, version 2. @see prometheus tsdb/index/index.go Writer */
export class IndexWriter {
  readonly #output: FileOutput;
  readonly #symbols = new Map<string, number>();
  readonly #names: string[] = [];
  readonly #postings = new PostingBuilder();
  readonly #body = new ByteWriter();
  readonly #head = new ByteWriter();
  #last: Labels | undefined;
  #symbolsAt = 0;
  #seriesAt = 0;

  private constructor(output: FileOutput) {
    this.#output = output;
  }

  /** Writes the symbols: every name and value of the series that follow, rising by bytes. */
  static async create(files: FileSystem, path: string, symbols: Iterable<string>): Promise<IndexWriter> {
    const writer = new IndexWriter(await FileOutput.create(files, path));
    try {
      await writer.#writeSymbols(symbols);
    } catch (error) {
      await writer.abandon();
      throw error;
    }
    return writer;
  }

  get seriesCount(): number {
    return this.#postings.seriesCount;
  }

  /** Adds a series; labels rise from call to call, and so do the chunks' times and references. */
  async addSeries(labels: Labels, chunks: readonly ChunkPlace[]): Promise<void> {
    assert(
      this.#last === undefined || this.#last.compare(labels) < 0,
      'series must be added in rising order of labels',
    );
    this.#last = labels;
    const output = this.#output;
    if (output.isFull) await output.flush();
    output.pad(SERIES_ALIGN);
    this.#postings.addSeries(output.position / SERIES_ALIGN);
    const body = this.#body;
    body.clear();
    body.uvarint(labels.size);
    const { flat } = labels;
    for (let i = 0; i < flat.length; i += 2) {
      const name = this.#symbol(flat[i]!);
      const value = this.#symbol(flat[i + 1]!);
      body.uvarint(name);
      body.uvarint(value);
      this.#postings.addLabel(name, value);
    }
    this.#putChunks(chunks);
    const head = this.#head;
    head.clear();
    head.uvarint(body.length);
    output.put(head.bytes);
    body.u32(crc32c(body.bytes));
    output.put(body.bytes);
  }

  /** Writes the rest; resolves when everything is on disk. */
  async end(): Promise<void> {
    const output = this.#output;
    const head = this.#head;
    const labelIndexAt = output.position;
    const postingsAt = output.position;
    output.pad(4);
    const table = new ByteWriter();
    table.u32(this.#postings.pairCount + 1);
    await this.#putPostings(table, '', '', this.#postings.all());
    for (const { name, value, refs } of this.#postings.inOrder()) {
      await this.#putPostings(table, this.#names[name]!, this.#names[value]!, refs);
    }
    const tableAt = output.position;
    head.clear();
    head.u32(table.length);
    output.put(head.bytes);
    output.put(table.bytes);
    head.clear();
    head.u32(crc32c(table.bytes));
    output.put(head.bytes);
    head.clear();
    // Sections that are not written any more have the place of the next one, as upstream's.
    for (const at of [this.#symbolsAt, this.#seriesAt, labelIndexAt, tableAt, postingsAt, tableAt])
      head.u64(at);
    head.u32(crc32c(head.bytes));
    output.put(head.bytes);
    await output.end();
  }

  /** Gives up. */
  async abandon(): Promise<void> {
    await this.#output.abandon();
  }

  async #writeSymbols(symbols: Iterable<string>): Promise<void> {
    const output = this.#output;
    const head = this.#head;
    head.u32(INDEX_MAGIC);
    head.u8(INDEX_VERSION);
    output.put(head.bytes);
    this.#symbolsAt = output.position;
    const table = new ByteWriter(1 << 16);
    table.u32(0);
    let last: string | undefined;
    for (const symbol of symbols) {
      assert(last === undefined || compareText(last, symbol) < 0, 'symbols must rise');
      last = symbol;
      this.#symbols.set(symbol, this.#names.length);
      this.#names.push(symbol);
      table.text(symbol);
    }
    new DataView(table.bytes.buffer).setUint32(0, this.#names.length);
    head.clear();
    head.u32(table.length);
    output.put(head.bytes);
    output.put(table.bytes);
    head.clear();
    head.u32(crc32c(table.bytes));
    output.put(head.bytes);
    await output.flush();
    this.#seriesAt = output.position;
  }

  #symbol(text: string): number {
    const number = this.#symbols.get(text);
    assert(number !== undefined, `no symbol was given for ${JSON.stringify(text)}`);
    return number;
  }

  #putChunks(chunks: readonly ChunkPlace[]): void {
    const body = this.#body;
    body.uvarint(chunks.length);
    let maxMs = 0;
    let reference = 0;
    for (let i = 0; i < chunks.length; i++) {
      const chunk = chunks[i]!;
      assert(chunk.maxMs >= chunk.minMs, 'a chunk ends before it begins');
      if (i === 0) body.varint(chunk.minMs);
      else {
        assert(chunk.minMs > maxMs, 'chunks of a series must not overlap');
        body.uvarint(chunk.minMs - maxMs);
      }
      body.uvarint(chunk.maxMs - chunk.minMs);
      if (i === 0) body.uvarint(chunk.reference);
      else body.varint(chunk.reference - reference);
      ({ maxMs, reference } = chunk);
    }
  }

  async #putPostings(table: ByteWriter, name: string, value: string, refs: Uint32Array): Promise<void> {
    const output = this.#output;
    output.pad(4);
    table.uvarint(2);
    table.text(name);
    table.text(value);
    table.uvarint(output.position);
    const bytes = new Uint8Array(8 + refs.length * 4 + 4);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, 4 + refs.length * 4);
    view.setUint32(4, refs.length);
    for (let i = 0; i < refs.length; i++) view.setUint32(8 + i * 4, refs[i]!);
    view.setUint32(8 + refs.length * 4, crc32c(bytes, 4, 8 + refs.length * 4));
    output.put(bytes);
    if (output.isFull) await output.flush();
  }
}
