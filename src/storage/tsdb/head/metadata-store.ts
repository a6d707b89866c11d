import type { SeriesMetadata, SeriesRef } from '../../seam.ts';

/** A description, how many series have it, and its place in the list. */
interface Entry {
  readonly metadata: SeriesMetadata;
  readonly key: string;
  users: number;
}

/**
 * What the head knows of its series' metrics: eight bytes a series, and each description once. By rows of the head; a row that
 * another series has meanwhile counts as empty.
 */
export class MetadataStore {
  #refs = new Uint32Array(0);
  /** Place in the list + 1. */
  #entries = new Uint32Array(0);
  readonly #list: (Entry | undefined)[] = [];
  readonly #freePlaces: number[] = [];
  readonly #byKey = new Map<string, number>();

  /** How many different descriptions are kept. */
  get size(): number {
    return this.#byKey.size;
  }

  /** What is known of a series; undefined when nothing is. */
  get(row: number, ref: SeriesRef): SeriesMetadata | undefined {
    if (row >= this.#refs.length || this.#refs[row] !== ref) return undefined;
    return this.#list[this.#entries[row]! - 1]?.metadata;
  }

  /** Whether {@link set} would change something. */
  isNew(row: number, ref: SeriesRef, { type, unit, help }: SeriesMetadata): boolean {
    const known = this.get(row, ref);
    return known === undefined || known.type !== type || known.unit !== unit || known.help !== help;
  }

  set(row: number, ref: SeriesRef, metadata: SeriesMetadata): void {
    this.#reserve(row + 1);
    const before = this.#entries[row]!;
    const place = this.#intern(metadata);
    this.#refs[row] = ref;
    this.#entries[row] = place + 1;
    if (before !== 0) this.#release(before - 1);
  }

  #intern({ type, unit, help }: SeriesMetadata): number {
    const key = JSON.stringify([type, unit, help]);
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      this.#list[known]!.users++;
      return known;
    }
    const place = this.#freePlaces.pop() ?? this.#list.length;
    this.#list[place] = { metadata: { type, unit, help }, key, users: 1 };
    this.#byKey.set(key, place);
    return place;
  }

  #release(place: number): void {
    const entry = this.#list[place]!;
    entry.users--;
    if (entry.users > 0) return;
    this.#byKey.delete(entry.key);
    this.#list[place] = undefined;
    this.#freePlaces.push(place);
  }

  #reserve(rows: number): void {
    if (rows <= this.#refs.length) return;
    const size = Math.max(1024, rows, this.#refs.length * 2);
    const refs = new Uint32Array(size);
    const entries = new Uint32Array(size);
    refs.set(this.#refs);
    entries.set(this.#entries);
    this.#refs = refs;
    this.#entries = entries;
  }
}
