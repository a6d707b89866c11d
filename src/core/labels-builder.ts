import { compareText, Labels } from './labels.ts';

/** Changes to a label set, put together once at the end. Reads see the changes made so far. */
export class LabelsBuilder {
  readonly #base: Labels;
  #changes: Map<string, string> | undefined;

  constructor(base: Labels) {
    this.#base = base;
  }

  /** The present value of a label, '' when it is absent. */
  get(name: string): string {
    return this.#changes?.get(name) ?? this.#base.get(name);
  }

  /** Sets a label; an empty value removes it. */
  set(name: string, value: string): void {
    if (this.#changes === undefined) {
      if (this.#base.get(name) === value) return;
      this.#changes = new Map();
    }
    this.#changes.set(name, value);
  }

  delete(name: string): void {
    this.set(name, '');
  }

  /** The labels as they are now. Returns the base itself when nothing has changed. */
  labels(): Labels {
    if (this.#changes === undefined) return this.#base;
    const changes = [...this.#changes].sort((a, b) => compareText(a[0], b[0]));
    const base = this.#base.flat;
    const flat: string[] = [];
    let at = 0;
    for (const [name, value] of changes) {
      while (at < base.length && compareText(base[at]!, name) < 0) {
        flat.push(base[at]!, base[at + 1]!);
        at += 2;
      }
      if (base[at] === name) at += 2;
      if (value !== '') flat.push(name, value);
    }
    for (; at < base.length; at++) flat.push(base[at]!);
    return Labels.fromSortedFlat(flat);
  }
}
