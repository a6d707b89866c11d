/** JSON in pieces, made as they are asked for, so that a large answer is never one text. */
export type JsonPieces = Iterable<string>;

/** A value small enough for one piece. */
export function* json(value: unknown): JsonPieces {
  yield JSON.stringify(value);
}

/** A list, one piece for each item. */
export function* jsonList<T>(items: Iterable<T>, toText: (item: T) => string): JsonPieces {
  let open = '[';
  for (const item of items) {
    yield open + toText(item);
    open = ',';
  }
  yield open === '[' ? '[]' : ']';
}

/** Texts of a piece of {@link jsonTexts}. */
const TEXTS_PER_PIECE = 500;

/** A list of texts, many in a piece. */
export function* jsonTexts(texts: readonly string[]): JsonPieces {
  for (let from = 0; from < texts.length; from += TEXTS_PER_PIECE) {
    const piece = JSON.stringify(texts.slice(from, from + TEXTS_PER_PIECE));
    yield (from === 0 ? '[' : ',') + piece.slice(1, -1);
  }
  yield texts.length === 0 ? '[]' : ']';
}

/** An object; the values are pieces of their own. */
export function* jsonObject(fields: Readonly<Record<string, JsonPieces>>): JsonPieces {
  let open = '{';
  for (const [name, value] of Object.entries(fields)) {
    yield `${open}${JSON.stringify(name)}:`;
    yield* value;
    open = ',';
  }
  yield open === '{' ? '{}' : '}';
}

/** Name and text pairs as an object. */
export function pairsJson(pairs: Iterable<readonly [string, string]>): string {
  let out = '';
  for (const [name, value] of pairs) {
    out += `${out === '' ? '{' : ','}${JSON.stringify(name)}:${JSON.stringify(value)}`;
  }
  return out === '' ? '{}' : `${out}}`;
}

/** RFC 3339 as Go writes it: only the digits of the second that are needed; Go's zero time when undefined. */
export function timeText(timeMs: number | undefined): string {
  if (timeMs === undefined) return '0001-01-01T00:00:00Z';
  return new Date(timeMs).toISOString().replace(/\.?0*Z$/, 'Z');
}
