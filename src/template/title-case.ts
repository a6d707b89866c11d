const WORD = /[\p{L}\p{N}\p{M}_]+(?:['’.:·][\p{L}\p{N}\p{M}_]+)*/gu;

/** Each word with a capital first letter; what follows stays, or becomes small with `lower` (Go's cases.Title). */
export function titleCase(text: string, lower: boolean): string {
  return text.replaceAll(WORD, (word) => {
    const first = String.fromCodePoint(word.codePointAt(0)!);
    const rest = word.slice(first.length);
    return first.toUpperCase() + (lower ? rest.toLowerCase() : rest);
  });
}
