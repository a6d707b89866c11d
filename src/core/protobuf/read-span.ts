import type { ProtoReader } from './proto-reader.ts';

/**
 * Reads a `BucketSpan` that the reader has come to, which has the same fields wherever histograms are sent: adds its offset and its
 * length to `into`, as they are written. Throws TOCSIN_ERR_PARSE for bytes that are no such message.
 *
 * @see prometheus prompb/types.proto, client_model io/prometheus/client/metrics.proto
 */
export function readSpan(reader: ProtoReader, into: number[]): void {
  let offset = 0;
  let length = 0;
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field === 1) offset = reader.sint();
    else if (reader.field === 2) length = reader.uint();
    else reader.skip();
  }
  reader.leave(outer);
  into.push(offset, length);
}
