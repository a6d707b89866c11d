import { TocsinError } from '../../../core/errors.ts';
import type { Labels } from '../../../core/labels.ts';
import { Matcher } from '../../../core/matcher.ts';
import type { Random } from '../../../core/ports.ts';
import { AppendOutcome, SampleBuffer } from '../../seam.ts';
import type { Appender, SeriesRef } from '../../seam.ts';
import type { BlockMeta } from '../block/index.ts';
import { encodeSamples } from '../chunk/encode-samples.ts';
import type { EncodedChunk } from '../chunk/encoding.ts';
import { makeUlid } from '../compact/ulid.ts';
import { firstCompaction, symbolsOf, writeBlock } from '../compact/write-head-block.ts';
import type { BlockPorts } from '../compact/write-head-block.ts';
import { HeadStorage } from '../head/head-storage.ts';
import { chunksOf } from '../head-chunks.ts';

const SERIES_PER_PAUSE = 64;

/** Samples of one span of time that are to become a block. They may come in any order. */
export class BlockImport {
  readonly #storage: HeadStorage;
  #appender: Appender;
  #minMs = Infinity;
  #maxMs = -Infinity;
  /** Samples that came after later ones. */
  readonly #late = new Map<SeriesRef, Map<number, number>>();

  /** All samples are within `spanMs`. */
  constructor(spanMs: number) {
    // A head takes what is up to half its range behind the newest.
    this.#storage = new HeadStorage({ chunkRangeMs: 2 * spanMs });
    this.#appender = this.#storage.appender(Infinity);
  }

  /** Names a series. */
  series(labels: Labels): SeriesRef {
    return this.#appender.series(labels);
  }

  /** Adds a sample. Resolve {@link settle} now and then. False when the series has another value at this time. */
  add(ref: SeriesRef, tMs: number, value: number): boolean {
    const outcome = this.#appender.append(ref, tMs, value);
    switch (outcome) {
      case AppendOutcome.stored:
      case AppendOutcome.same:
        break;
      case AppendOutcome.duplicate:
        return false;
      case AppendOutcome.outOfOrder:
      case AppendOutcome.tooOld:
      case AppendOutcome.outOfBounds: {
        const late = this.#late.get(ref) ?? new Map<number, number>();
        this.#late.set(ref, late);
        const known = late.get(tMs);
        if (known !== undefined && !Object.is(known, value)) return false;
        late.set(tMs, value);
        break;
      }
      case AppendOutcome.tooFarAhead:
      case AppendOutcome.malformed:
        throw new TocsinError('TOCSIN_ERR_STORAGE', `a sample at ${tMs} ms cannot be stored`);
    }
    if (tMs < this.#minMs) this.#minMs = tMs;
    if (tMs > this.#maxMs) this.#maxMs = tMs;
    return true;
  }

  /** Puts what was added away. */
  async settle(): Promise<void> {
    await this.#appender.commit();
    this.#appender = this.#storage.appender(Infinity);
  }

  /** Writes the block into a folder; undefined when there is nothing. Rejects with TOCSIN_ERR_STORAGE, leaving nothing. */
  async write(
    path: string,
    ports: BlockPorts & { readonly nowMs: number; readonly random: Random },
  ): Promise<BlockMeta | undefined> {
    await this.settle();
    if (this.#maxMs < this.#minMs) return undefined;
    const [minMs, lastMs] = [this.#minMs, this.#maxMs];
    const querier = this.#storage.querier(minMs, lastMs);
    try {
      const all = [new Matcher('__name__', '=~', '.*')];
      const cursor = await querier.select(all, { minMs, maxMs: lastMs, limit: 0 });
      const symbols = await symbolsOf(querier, ports);
      const ulid = makeUlid(ports.nowMs, ports.random);
      const target = { path, ulid, minMs, maxMs: lastMs + 1, segmentBytes: 0 };
      const compaction = firstCompaction(ulid, []);
      return await writeBlock(target, symbols, compaction, ports, async (writer) => {
        const buffer = new SampleBuffer();
        for (let series = 1; cursor.next(); series++) {
          if (series % SERIES_PER_PAUSE === 0) await ports.pause();
          const chunks: EncodedChunk[] = [];
          const emit = (chunk: EncodedChunk): void => void chunks.push(chunk);
          const late = this.#late.get(cursor.ref());
          if (late === undefined) chunksOf(cursor, minMs, lastMs, emit);
          else {
            cursor.read(minMs, lastMs, buffer);
            encodeSamples(merged(buffer, late, cursor.labels()), emit);
          }
          if (chunks.length > 0) await writer.addSeries(cursor.labels(), chunks);
        }
      });
    } finally {
      querier.close();
    }
  }
}

/** Samples of a series together with those that came late, in order. */
function merged(samples: SampleBuffer, late: ReadonlyMap<number, number>, labels: Labels): SampleBuffer {
  const all = new Map<number, number>(late);
  for (let i = 0; i < samples.length; i++) {
    const tMs = samples.timestamps[i]!;
    const value = samples.values[i]!;
    const known = all.get(tMs);
    if (known !== undefined && !Object.is(known, value)) {
      throw new TocsinError(
        'TOCSIN_ERR_STORAGE',
        `series ${labels.toString()} has two values at ${tMs / 1000}: remove one of them from the input`,
      );
    }
    all.set(tMs, value);
  }
  const out = new SampleBuffer(all.size);
  for (const tMs of [...all.keys()].sort((a, b) => a - b)) {
    out.timestamps[out.length] = tMs;
    out.values[out.length++] = all.get(tMs)!;
  }
  return out;
}
