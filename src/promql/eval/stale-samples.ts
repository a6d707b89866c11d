import type { SampleBuffer } from '../../storage/index.ts';

/** The stale marker's bits, looked at in memory: a JavaScript number need not keep a NaN's payload. */
const STALE_HIGH = 0x7ff00000;
const STALE_LOW = 0x00000002;
const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** Whether the sample at `index` is a stale marker. */
export function rawStale(samples: SampleBuffer, index: number): boolean {
  const value = samples.values[index]!;
  // Only NaN differs from itself; the test keeps the common case to one comparison.
  if (value === value) return false;
  const { buffer, byteOffset } = samples.values;
  const words = new Uint32Array(buffer, byteOffset + index * 8, 2);
  return LITTLE_ENDIAN
    ? words[0] === STALE_LOW && words[1] === STALE_HIGH
    : words[1] === STALE_LOW && words[0] === STALE_HIGH;
}

/** Takes the stale markers out of a buffer, in place: ranges skip them. */
export function removeStale(samples: SampleBuffer): void {
  const { timestamps, values, length } = samples;
  let at = 0;
  while (at < length && !(values[at] !== values[at] && rawStale(samples, at))) at++;
  if (at === length) return;
  const { histograms, starts } = samples;
  let kept = at;
  for (let i = at + 1; i < length; i++) {
    if (values[i] !== values[i] && rawStale(samples, i)) continue;
    timestamps[kept] = timestamps[i]!;
    values[kept] = values[i]!;
    if (histograms !== undefined) histograms[kept] = histograms[i];
    if (starts !== undefined) starts[kept] = starts[i]!;
    kept++;
  }
  samples.length = kept;
}
