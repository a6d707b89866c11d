/** Most reasons that an answer lists. */
const MAX_REASONS = 20;

/** Why parts of a request were not taken, for the answer: the first reasons, and how many more there are. */
export class Refusals {
  readonly #reasons: string[] = [];
  count = 0;

  add(reason: string): void {
    this.count++;
    if (this.#reasons.length < MAX_REASONS) this.#reasons.push(reason);
  }

  get first(): string {
    return this.#reasons[0] ?? '';
  }

  /** A line each. */
  get text(): string {
    const more = this.count - this.#reasons.length;
    return [...this.#reasons, ...(more > 0 ? [`and ${more} more`] : [])].join('\n');
  }
}
