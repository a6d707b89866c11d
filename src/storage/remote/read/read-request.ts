import { snappyDecompress } from '../../../core/compression/snappy.ts';
import { ProtoReader } from '../../../core/protobuf/proto-reader.ts';
import { ProtoWriter } from '../../../core/protobuf/proto-writer.ts';
import type { MatchOp } from '../../../core/matcher.ts';

/** Most bytes of a request, compressed and plain. */
export const MAX_REQUEST_BYTES: number = 32 * 1024 * 1024;

/** How an answer is laid out. */
export const ResponseType = { samples: 0, chunks: 1 } as const;

/** Operators by their numbers. */
const OPERATORS: readonly MatchOp[] = ['=', '!=', '=~', '!~'];

/** A condition of a {@link ReadQuery}; `op` is undefined when its number is unknown. */
export interface ReadMatcher {
  readonly op: MatchOp | undefined;
  readonly name: string;
  readonly value: string;
}

/** What a query's series are for. */
export interface ReadHints {
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
  readonly rangeMs: number;
  /** The function or aggregation around; `series` when nobody will look at samples. */
  readonly func: string;
  readonly grouping: readonly string[];
  readonly by: boolean;
}

/** Series and a span of time, both ends included. */
export interface ReadQuery {
  readonly startMs: number;
  readonly endMs: number;
  readonly matchers: readonly ReadMatcher[];
  readonly hints: ReadHints | undefined;
}

/** A `prometheus.ReadRequest`. */
export interface ReadRequest {
  readonly queries: readonly ReadQuery[];
  /** Numbers of response types, the most wanted first; SAMPLES when there is none. */
  readonly acceptedTypes: readonly number[];
}

/**
 * Reads a request as it is sent: snappy over protocol buffers. Throws TOCSIN_ERR_PARSE for anything else. Times are exact
 * within 2^53 ms.
 *
 * @see prometheus prompb/remote.proto, storage/remote/codec.go DecodeReadRequest
 */
export function readReadRequest(compressed: Uint8Array): ReadRequest {
  const reader = new ProtoReader(snappyDecompress(compressed, MAX_REQUEST_BYTES));
  const queries: ReadQuery[] = [];
  const acceptedTypes: number[] = [];
  while (reader.next()) {
    if (reader.field === 1) queries.push(readQuery(reader));
    else if (reader.field === 2) reader.eachUint((type) => acceptedTypes.push(type));
    else reader.skip();
  }
  return { queries, acceptedTypes };
}

function readQuery(reader: ProtoReader): ReadQuery {
  let [startMs, endMs] = [0, 0];
  const matchers: ReadMatcher[] = [];
  let hints: ReadHints | undefined;
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field === 1) startMs = reader.int();
    else if (reader.field === 2) endMs = reader.int();
    else if (reader.field === 3) matchers.push(readMatcher(reader));
    else if (reader.field === 4) hints = readHints(reader);
    else reader.skip();
  }
  reader.leave(outer);
  return { startMs, endMs, matchers, hints };
}

function readMatcher(reader: ProtoReader): ReadMatcher {
  let [type, name, value] = [0, '', ''];
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field === 1) type = reader.uint();
    else if (reader.field === 2) name = reader.text();
    else if (reader.field === 3) value = reader.text();
    else reader.skip();
  }
  reader.leave(outer);
  return { op: OPERATORS[type], name, value };
}

function readHints(reader: ProtoReader): ReadHints {
  let [stepMs, func, startMs, endMs, by, rangeMs] = [0, '', 0, 0, false, 0];
  const grouping: string[] = [];
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field === 1) stepMs = reader.int();
    else if (reader.field === 2) func = reader.text();
    else if (reader.field === 3) startMs = reader.int();
    else if (reader.field === 4) endMs = reader.int();
    else if (reader.field === 5) grouping.push(reader.text());
    else if (reader.field === 6) by = reader.bool();
    else if (reader.field === 7) rangeMs = reader.int();
    else reader.skip();
  }
  reader.leave(outer);
  return { startMs, endMs, stepMs, rangeMs, func, grouping, by };
}

/** The protocol buffer of a request, owned by the caller; not compressed. */
export function writeReadRequest({ queries, acceptedTypes }: ReadRequest): Uint8Array {
  const out = new ProtoWriter();
  for (const query of queries) {
    out.message(1, () => {
      out.int(1, query.startMs);
      out.int(2, query.endMs);
      for (const { op, name, value } of query.matchers) {
        out.message(3, () => {
          out.uint(1, op === undefined ? OPERATORS.length : OPERATORS.indexOf(op));
          out.text(2, name);
          out.text(3, value);
        });
      }
      if (query.hints !== undefined) writeHints(out, query.hints);
    });
  }
  if (acceptedTypes.length > 0) out.uints(2, acceptedTypes);
  return out.bytes.slice();
}

function writeHints(out: ProtoWriter, hints: ReadHints): void {
  out.message(4, () => {
    out.int(1, hints.stepMs);
    out.text(2, hints.func);
    out.int(3, hints.startMs);
    out.int(4, hints.endMs);
    for (const name of hints.grouping) out.text(5, name);
    out.bool(6, hints.by);
    out.int(7, hints.rangeMs);
  });
}
