/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * `$NAME` and `${NAME}` replaced by environment variables, `$$` by `$`; variables that are not set become '' and are
 * reported to `onMissing`.
 *
 * @see Go's os.Expand; Prometheus does this in external_labels only
 */
export function expandEnvironment(
  text: string,
  environment: Environment,
  onMissing: (name: string) => void,
): string {
  let result = '';
  let at = 0;
  while (at < text.length) {
    const dollar = text.indexOf('$', at);
    if (dollar < 0 || dollar === text.length - 1) break;
    result += text.slice(at, dollar);
    const { name, length } = readName(text.slice(dollar + 1));
    if (name === '$') result += '$';
    else if (name !== '') {
      const value = environment[name] ?? '';
      if (value === '') onMissing(name);
      result += value;
    } else if (length === 0) result += '$';
    at = dollar + 1 + length;
  }
  return result + text.slice(at);
}

/** The name at the beginning of a text and how much of the text it takes; an empty name with a length is dropped. */
function readName(text: string): { name: string; length: number } {
  if (text.startsWith('{')) {
    const end = text.indexOf('}', 1);
    if (end < 0) return { name: '', length: 1 };
    return { name: text.slice(1, end), length: end + 1 };
  }
  const name = /^(?:[*#$@!?\-0-9]|[A-Za-z_][A-Za-z0-9_]*)/.exec(text)?.[0] ?? '';
  return { name, length: name.length };
}
