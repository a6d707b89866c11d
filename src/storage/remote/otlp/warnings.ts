/** Kinds of warnings, as Prometheus' metric names them. */
export type WarningCategory =
  'empty_data_points' | 'label_name_collision' | 'histogram_zero_count_non_zero_sum' | 'other';

/** What a translation warns of; equal texts once. */
export class TranslationWarnings {
  readonly #categories = new Map<string, WarningCategory>();

  add(category: WarningCategory, text: string): void {
    this.#categories.set(text, category);
  }

  get texts(): string[] {
    return [...this.#categories.keys()];
  }

  /** How many there are of each category. */
  counts(): Map<WarningCategory, number> {
    const counts = new Map<WarningCategory, number>();
    for (const category of this.#categories.values()) counts.set(category, (counts.get(category) ?? 0) + 1);
    return counts;
  }
}
