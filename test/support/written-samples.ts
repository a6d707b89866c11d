/** Time between two samples of a series. */
export const STEP_MS = 1000;
/** Samples of a commit, one for each series. */
export const SERIES = 40;

/** Labels of a series; the first is another one every few steps, so that series come and go. */
export function labelsOf(series: number, tMs: number): Record<string, string> {
  const name = series === 0 ? `new-${Math.floor(tMs / (7 * STEP_MS))}` : String(series);
  return { __name__: 'written', pod: name };
}

/** Any bits that are a number: what is written has to be there bit for bit. */
export function valueAt(series: number, tMs: number): number {
  const high = Math.imul(tMs / STEP_MS + series * 7919, 0x85ebca6b);
  const low = Math.imul(high ^ (high >>> 15), 0xc2b2ae35);
  const view = new DataView(new ArrayBuffer(8));
  view.setInt32(0, high);
  view.setInt32(4, low);
  const value = view.getFloat64(0);
  return Number.isNaN(value) ? series : value;
}
