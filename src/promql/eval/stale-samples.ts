import { isStale, type SampleBuffer } from '../../storage/index.ts';

/** Takes the stale markers out of a buffer, in place: ranges skip them. */
export function removeStale(samples: SampleBuffer): void {
  const { timestamps, values, length } = samples;
  let at = 0;
  while (at < length && !isStale(values[at]!)) at++;
  if (at === length) return;
  const { histograms, starts } = samples;
  let kept = at;
  for (let i = at + 1; i < length; i++) {
    if (isStale(values[i]!)) continue;
    timestamps[kept] = timestamps[i]!;
    values[kept] = values[i]!;
    if (histograms !== undefined) histograms[kept] = histograms[i];
    if (starts !== undefined) starts[kept] = starts[i]!;
    kept++;
  }
  samples.length = kept;
}
