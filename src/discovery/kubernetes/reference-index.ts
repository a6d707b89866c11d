/** Which objects refer to which others: finds the groups to make anew when something they show has changed. */
export class ReferenceIndex {
  readonly #referencesOf = new Map<string, readonly string[]>();
  readonly #referringTo = new Map<string, Set<string>>();

  /** Replaces what `key` refers to; nothing when it is gone. */
  set(key: string, references: readonly string[]): void {
    for (const reference of this.#referencesOf.get(key) ?? []) {
      const keys = this.#referringTo.get(reference);
      keys?.delete(key);
      if (keys?.size === 0) this.#referringTo.delete(reference);
    }
    if (references.length === 0) this.#referencesOf.delete(key);
    else this.#referencesOf.set(key, references);
    for (const reference of references) {
      const keys = this.#referringTo.get(reference);
      if (keys === undefined) this.#referringTo.set(reference, new Set([key]));
      else keys.add(key);
    }
  }

  /** Keys of those that refer to something. */
  referringTo(reference: string): Iterable<string> {
    return this.#referringTo.get(reference) ?? [];
  }
}
