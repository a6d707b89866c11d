/** Which time intervals hold back which groups since their last flush; written by the time stages, read by the API. */
export class MuteMarks {
  readonly #byGroup = new Map<string, readonly string[]>();

  /** An empty list clears the mark. */
  setMutedBy(routeId: string, groupKey: string, intervals: readonly string[]): void {
    const key = keyOf(routeId, groupKey);
    if (intervals.length === 0) this.#byGroup.delete(key);
    else this.#byGroup.set(key, intervals);
  }

  /** Names of the intervals; empty when the group is not held back. */
  mutedBy(routeId: string, groupKey: string): readonly string[] {
    return this.#byGroup.get(keyOf(routeId, groupKey)) ?? [];
  }

  /** The group is no more. */
  forget(routeId: string, groupKey: string): void {
    this.#byGroup.delete(keyOf(routeId, groupKey));
  }
}

function keyOf(routeId: string, groupKey: string): string {
  return `${routeId}\n${groupKey}`;
}
