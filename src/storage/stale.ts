/**
 * The stale marker: a NaN with its own bits, written where a series ended. An ordinary NaN has other bits, so code
 * looks at bits and never at `Number.isNaN` alone. Arrays of JavaScript numbers may lose the bits; Float64Array does
 * not, so values travel in those.
 *
 * @see prometheus model/value/value.go
 */

const STALE_HIGH = 0x7ff00000;
const STALE_LOW = 0x00000002;
const NORMAL_HIGH = 0x7ff80000;
const NORMAL_LOW = 0x00000001;

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

/** The NaN that every NaN of an exposition becomes. */
export const normalNaN: number = fromWords(NORMAL_HIGH, NORMAL_LOW);

/** Whether a value is the stale marker. */
export function isStale(value: number): boolean {
  // Only NaN differs from itself; the test keeps the common case to one comparison.
  if (value === value) return false;
  floats[0] = value;
  return words[LOW] === STALE_LOW && words[HIGH] === STALE_HIGH;
}
