import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FloatHistogram } from '../../../src/core/histogram/float-histogram.ts';
import { Annotations } from '../../../src/promql/annotations.ts';
import { heldSamples } from '../../../src/promql/eval/selection.ts';
import { removeStale } from '../../../src/promql/eval/stale-samples.ts';
import { findWindows, makeWindows, RichView } from '../../../src/promql/eval/windows.ts';
import { RangeNotes } from '../../../src/promql/functions/range-notes.ts';
import { SampleBuffer, staleMarker } from '../../../src/storage/index.ts';

interface Drawn {
  readonly tMs: number;
  readonly kind: 'float' | 'histogram' | 'stale';
  readonly startMs: number;
}

const samples = fc
  .uniqueArray(
    fc.record({
      tMs: fc.integer({ min: 0, max: 200 }),
      kind: fc.constantFrom('float' as const, 'histogram' as const, 'stale' as const),
      startMs: fc.constantFrom(0, 0, 7),
    }),
    { selector: ({ tMs }) => tMs, maxLength: 40 },
  )
  .map((drawn) => drawn.toSorted((a, b) => a.tMs - b.tMs));

/** Each histogram's sum is its time, so that it can be told which one it is. */
function bufferOf(drawn: readonly Drawn[]): SampleBuffer {
  const buffer = new SampleBuffer();
  drawn.forEach(({ tMs, kind, startMs }, i) => {
    buffer.timestamps[i] = tMs;
    buffer.values[i] = kind === 'stale' ? staleMarker : tMs;
    if (kind === 'histogram') buffer.setHistogram(i, new FloatHistogram({ sum: tMs }));
    if (startMs !== 0) buffer.setStart(i, startMs);
  });
  buffer.length = drawn.length;
  return buffer;
}

test('every window has the samples between its ends, floats and histograms apart', () => {
  fc.assert(
    fc.property(
      samples,
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 0, max: 30 }),
      fc.integer({ min: 0, max: 30 }),
      (drawn, rangeMs, beforeMs, afterMs) => {
        const buffer = bufferOf(drawn);
        removeStale(buffer);
        const grid = { startMs: 0, stepMs: 17, count: 12 };
        const at = { firstMs: -10, everyMs: 17 };
        const windows = makeWindows({ grid, at, rangeMs, beforeMs, afterMs, scalars: [] });
        findWindows(buffer, windows);
        windows.starts = buffer.starts;
        const notes = new RangeNotes(new Annotations(), { start: 0, end: 0 }, () => '');
        const view = new RichView(windows, notes);
        view.fill(buffer);
        for (let k = 0; k < grid.count; k++) {
          const endMs = at.firstMs + k * at.everyMs;
          const within = drawn.filter(
            ({ tMs }) => tMs > endMs - rangeMs - beforeMs && tMs <= endMs + afterMs,
          );
          const floats = within.filter(({ kind }) => kind === 'float');
          const histograms = within.filter(({ kind }) => kind === 'histogram');
          const { lo, hi, values, starts } = view.floats;
          expect(Array.from(values.subarray(lo[k], hi[k]))).toEqual(floats.map(({ tMs }) => tMs));
          if (starts !== undefined) {
            expect(Array.from(starts.subarray(lo[k], hi[k]))).toEqual(floats.map(({ startMs }) => startMs));
          }
          const seen = view.histograms.values.slice(view.histograms.lo[k], view.histograms.hi[k]);
          expect(seen.map(({ sum }) => sum)).toEqual(histograms.map(({ tMs }) => tMs));
        }
      },
    ),
  );
});

test('a buffer counts as what is in it', () => {
  const size = new FloatHistogram({}).sampleCount;
  const buffer = bufferOf([
    { tMs: 1, kind: 'float', startMs: 0 },
    { tMs: 2, kind: 'histogram', startMs: 0 },
    { tMs: 3, kind: 'float', startMs: 0 },
  ]);
  expect(heldSamples(buffer)).toBe(2 + size);
  buffer.clear();
  expect(heldSamples(buffer)).toBe(0);
});
