const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;

/** A part takes at least this many characters: reading it is a matter of a millisecond. */
const PART_CHARACTERS = 64 * 1024;

/**
 * The text of a JSON list as texts of shorter lists, in order, each of whole items; undefined when the text is no list.
 * What items are is not looked at: of a text that is not JSON at least one part is none either.
 */
export function splitJsonList(
  text: string,
  partCharacters: number = PART_CHARACTERS,
): Iterable<string> | undefined {
  const [start] = /^[ \t\r\n]*\[/.exec(text) ?? [];
  const [end] = /\][ \t\r\n]*$/.exec(text.slice(-100)) ?? [];
  if (start === undefined || end === undefined || start.length + end.length > text.length) return undefined;
  return parts(text, start.length, text.length - end.length, partCharacters);
}

function* parts(text: string, from: number, to: number, partCharacters: number): Generator<string> {
  let depth = 0;
  let start = from;
  for (let at = from; at < to; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfText(text, at);
        break;
      case 0x5b: // [
      case 0x7b: // {
        depth++;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
        break;
      case COMMA:
        if (depth !== 0 || at - start < partCharacters) break;
        yield `[${text.slice(start, at)}]`;
        start = at + 1;
        // A comma that nothing follows is wrong, and must not become an empty list.
        if (isBlank(text, start, to)) yield '[,]';
        break;
      default:
    }
  }
  yield `[${text.slice(start, to)}]`;
}

function isBlank(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (text.charCodeAt(at) > 0x20) return false;
  return true;
}

/** Where the text ends that begins with the quote at `start`. */
function endOfText(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return at;
  }
  return text.length;
}
