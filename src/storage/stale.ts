/**
 * The stale marker: a NaN with its own bits, written where a series ended. An ordinary NaN has other bits, so code
 * looks at bits and never at `Number.isNaN` alone. Arrays of JavaScript numbers may lose the bits; Float64Array does
 * not, so values travel in those.
 *
 * @see prometheus model/value/value.go
 */

const STALE_HIGH = 0x7ff00000;
const STALE_LOW = 0x00000002;
/** Bit by which a signalling NaN becomes a quiet one. */
const QUIET_HIGH = 0x00080000;

const floats = new Float64Array(1);
const words = new Uint32Array(floats.buffer);
const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
const HIGH = LITTLE_ENDIAN ? 1 : 0;
const LOW = LITTLE_ENDIAN ? 0 : 1;

function fromWords(high: number, low: number): number {
  words[HIGH] = high;
  words[LOW] = low;
  return floats[0]!;
}

/** The stale marker as a number; pass it on, never compute with it. */
export const staleMarker: number = fromWords(STALE_HIGH, STALE_LOW);

/** Whether the bits of a value are those of the stale marker, quieted or not; see {@link isStale}. */
export function areStaleBits(low: number, high: number): boolean {
  return low === STALE_LOW && (high | QUIET_HIGH) >>> 0 === STALE_HIGH + QUIET_HIGH;
}

/**
 * Whether a value is the stale marker.
 *
 * The marker is a signalling NaN, and V8's middle compiler (Maglev) quiets those on their way through a call: one bit
 * changes, the payload stays. So the quieted marker is the marker too; no other NaN that we make has its payload.
 * Whoever stores bits for other programs restores the bit: see {@link staleHigh}.
 */
export function isStale(value: number): boolean {
  // Only NaN differs from itself; the test keeps the common case to one comparison.
  if (value === value) return false;
  floats[0] = value;
  return areStaleBits(words[LOW]!, words[HIGH]!);
}

/** High word of the stale marker as it is stored and exchanged. */
export const staleHigh: number = STALE_HIGH;
