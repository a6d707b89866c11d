import { TocsinError, errorText } from '../../../core/errors.ts';
import { compareText } from '../../../core/labels.ts';
import type { Labels } from '../../../core/labels.ts';
import { Matcher } from '../../../core/matcher.ts';
import { ProtoWriter } from '../../../core/protobuf/proto-writer.ts';
import { SampleBuffer } from '../../seam.ts';
import type { ReadableStorage, SelectHints } from '../../seam.ts';
import { encodeSamples } from '../../tsdb/chunk/encode-samples.ts';
import type { EncodedChunk } from '../../tsdb/chunk/encoding.ts';
import { writeChunkedResponse } from './chunked-response.ts';
import { frameHead } from './frames.ts';
import { ResponseType, readReadRequest } from './read-request.ts';
import type { ReadMatcher, ReadQuery, ReadRequest } from './read-request.ts';
import { SamplesResponseWriter } from './samples-response.ts';

/** Bytes of frames that are handed on at a time, at least. */
const PIECE_BYTES = 64 * 1024;
/** What a chunk takes besides its data, at most. */
const CHUNK_HEAD_BYTES = 32;

/** What a remote read may take. */
export interface ReadLimits {
  /** Most samples of an answer of samples, for each query; 0 is no limit. `--storage.remote.read-sample-limit`. */
  readonly maxSamples: number;
  /** About the most bytes of a frame. `--storage.remote.read-max-bytes-in-frame`. */
  readonly maxFrameBytes: number;
}

/** A remote read, as it came. */
export interface ReadJob {
  /** Snappy over a `prometheus.ReadRequest`. */
  readonly body: Uint8Array;
  /** In order of names. */
  readonly externalLabels: readonly (readonly [name: string, value: string])[];
  readonly limits: ReadLimits;
}

/** What is answered. */
export type ReadReply =
  | { readonly kind: 'refused'; readonly status: number; readonly text: string }
  | {
      /** An answer of samples, or of streamed chunks. */
      readonly kind: 'samples' | 'chunks';
      /** To be read to the end, or given up. Each owns its memory. Reject with TOCSIN_ERR_STORAGE. */
      readonly pieces: AsyncGenerator<Uint8Array<ArrayBuffer>, void>;
    };

/**
 * Answers a remote read. `pause` is awaited between series and rejects when the answer is no longer wanted. Rejects only with that,
 * and for bugs.
 *
 * @see prometheus storage/remote/read_handler.go
 */
export async function answerRead(
  job: ReadJob,
  storage: ReadableStorage,
  pause: () => Promise<void>,
): Promise<ReadReply> {
  const read = readJob(job);
  if (read.kind === 'refused') return read;
  try {
    if (!read.isChunked) return await samplesReply(job, read.selections, storage, pause);
    const pieces = chunkPieces(job, read.selections, storage, pause);
    // What goes wrong before anything was sent can still be said.
    const first = await pieces.next();
    return { kind: 'chunks', pieces: first.done === true ? noPieces() : after(first.value, pieces) };
  } catch (error) {
    if (!(error instanceof TocsinError) || error.code !== 'TOCSIN_ERR_STORAGE') throw error;
    return refused(500, errorText(error));
  }
}

/** A query whose matchers were looked at. */
interface Selection {
  readonly query: ReadQuery;
  readonly matchers: readonly Matcher[];
}

function readJob({
  body,
  externalLabels,
}: ReadJob):
  | { readonly kind: 'read'; readonly isChunked: boolean; readonly selections: readonly Selection[] }
  | Extract<ReadReply, { kind: 'refused' }> {
  try {
    const request = readReadRequest(body);
    const type = responseType(request);
    if (type === undefined) {
      const text = `server does not support any of the requested response types: ${request.acceptedTypes.join(' ')}; supported: SAMPLES STREAMED_XOR_CHUNKS`;
      return refused(400, text);
    }
    const external = new Map(externalLabels);
    const selections = request.queries.map((query) => ({
      query,
      matchers: query.matchers.map((matcher) => ownMatcher(matcher, external)),
    }));
    return { kind: 'read', isChunked: type === ResponseType.chunks, selections };
  } catch (error) {
    if (!(error instanceof TocsinError)) throw error;
    return refused(400, errorText(error));
  }
}

function responseType({ acceptedTypes }: ReadRequest): number | undefined {
  if (acceptedTypes.length === 0) return ResponseType.samples;
  const known: readonly number[] = Object.values(ResponseType);
  return acceptedTypes.find((type) => known.includes(type));
}

/** External labels are on no series here: who asks for one gets series without it. */
function ownMatcher({ op, name, value }: ReadMatcher, external: ReadonlyMap<string, string>): Matcher {
  if (op === undefined) throw new TocsinError('TOCSIN_ERR_PARSE', 'invalid matcher type');
  const isExternal = op === '=' && external.get(name) === value;
  return new Matcher(name, op, isExternal ? '' : value);
}

function hintsOf({ startMs, endMs, hints }: ReadQuery): SelectHints {
  const labelsOnly = hints?.func === 'series';
  const isNarrower = hints !== undefined && hints.endMs !== 0 && hints.startMs <= hints.endMs;
  return {
    minMs: isNarrower ? Math.max(startMs, hints.startMs) : startMs,
    maxMs: isNarrower ? Math.min(endMs, hints.endMs) : endMs,
    limit: 0,
    labelsOnly,
  };
}

async function samplesReply(
  { externalLabels, limits }: ReadJob,
  selections: readonly Selection[],
  storage: ReadableStorage,
  pause: () => Promise<void>,
): Promise<ReadReply> {
  const { maxSamples } = limits;
  const writer = new SamplesResponseWriter();
  const buffer = new SampleBuffer();
  for (const { query, matchers } of selections) {
    writer.beginQuery();
    const hints = hintsOf(query);
    const querier = storage.querier(hints.minMs, hints.maxMs);
    try {
      const cursor = await querier.select(matchers, hints);
      let samples = 0;
      while (cursor.next()) {
        await pause();
        buffer.clear();
        if (hints.labelsOnly !== true) cursor.read(hints.minMs, hints.maxMs, buffer);
        samples += buffer.length;
        if (maxSamples > 0 && samples > maxSamples) {
          return refused(400, `exceeded sample limit (${maxSamples})`);
        }
        if (buffer.length === 0 && hints.labelsOnly !== true) continue;
        writer.addSeries(withExternal(cursor.labels(), externalLabels), buffer);
      }
    } finally {
      querier.close();
    }
  }
  return { kind: 'samples', pieces: listed(writer.end()) };
}

async function* listed(
  pieces: readonly Uint8Array<ArrayBuffer>[],
): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  // Small ones are put together: there is one for each query at least.
  let waiting: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  for (const piece of pieces) {
    waiting.push(piece);
    bytes += piece.length;
    if (bytes < PIECE_BYTES) continue;
    yield joined(waiting);
    waiting = [];
    bytes = 0;
  }
  if (waiting.length > 0) yield joined(waiting);
}

async function* chunkPieces(
  { externalLabels, limits }: ReadJob,
  selections: readonly Selection[],
  storage: ReadableStorage,
  pause: () => Promise<void>,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  const frames = new FrameBatch();
  const buffer = new SampleBuffer();
  for (const [queryIndex, { query, matchers }] of selections.entries()) {
    const hints = { ...hintsOf(query), labelsOnly: false };
    const querier = storage.querier(hints.minMs, hints.maxMs);
    try {
      const cursor = await querier.select(matchers, hints);
      while (cursor.next()) {
        await pause();
        cursor.read(hints.minMs, hints.maxMs, buffer);
        const chunks: EncodedChunk[] = [];
        encodeSamples(buffer, (chunk) => void chunks.push(chunk));
        if (chunks.length === 0) continue;
        const flat = withExternal(cursor.labels(), externalLabels);
        for (const part of parts(flat, chunks, limits.maxFrameBytes)) {
          frames.add(flat, part, queryIndex);
          if (frames.bytes >= PIECE_BYTES) yield frames.take();
        }
      }
    } finally {
      querier.close();
    }
  }
  if (frames.bytes > 0) yield frames.take();
}

/** Chunks of a series, as many at a time as go into a frame: at least one. */
function* parts(
  flat: readonly string[],
  chunks: readonly EncodedChunk[],
  maxFrameBytes: number,
): Generator<EncodedChunk[]> {
  const room = maxFrameBytes - flat.reduce((sum, text) => sum + Buffer.byteLength(text) + 4, 0);
  let part: EncodedChunk[] = [];
  let left = room;
  for (const chunk of chunks) {
    part.push(chunk);
    left -= chunk.data.length + CHUNK_HEAD_BYTES;
    if (left > 0) continue;
    yield part;
    part = [];
    left = room;
  }
  if (part.length > 0) yield part;
}

/** Frames that go out together. */
class FrameBatch {
  bytes = 0;
  readonly #out = new ProtoWriter();
  #parts: Uint8Array[] = [];

  add(flat: readonly string[], chunks: readonly EncodedChunk[], queryIndex: number): void {
    this.#out.clear();
    writeChunkedResponse(this.#out, { flat, chunks }, queryIndex);
    const message = this.#out.bytes.slice();
    const head = frameHead(message);
    this.#parts.push(head, message);
    this.bytes += head.length + message.length;
  }

  take(): Uint8Array<ArrayBuffer> {
    const all = joined(this.#parts);
    this.#parts = [];
    this.bytes = 0;
    return all;
  }
}

/** Names and values in order, with those external labels that the series has not. */
function withExternal(labels: Labels, external: ReadJob['externalLabels']): readonly string[] {
  if (external.length === 0) return labels.flat;
  const entries = [...labels, ...external.filter(([name]) => !labels.has(name))];
  return entries.sort(([a], [b]) => compareText(a, b)).flat();
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

async function* noPieces(): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  // Nothing was found.
}

async function* after(
  first: Uint8Array<ArrayBuffer>,
  rest: AsyncGenerator<Uint8Array<ArrayBuffer>, void>,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  try {
    yield first;
    yield* rest;
  } finally {
    await rest.return();
  }
}

function refused(status: number, text: string): Extract<ReadReply, { kind: 'refused' }> {
  return { kind: 'refused', status, text };
}
