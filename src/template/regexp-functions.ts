import { RE2JS } from 're2js';
import { errorText } from '../core/errors.ts';

const CACHED = 500;
const cache = new Map<string, RE2JS>();

function compile(pattern: string): RE2JS {
  const cached = cache.get(pattern);
  if (cached !== undefined) return cached;
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(pattern);
  } catch (error) {
    throw new Error(`error parsing regexp: ${errorText(error).replace(/^error parsing regexp: /, '')}`, {
      cause: error,
    });
  }
  if (cache.size >= CACHED) cache.clear();
  cache.set(pattern, compiled);
  return compiled;
}

/** Go's regexp.MatchString: whether the pattern is found anywhere. */
export function matchString(pattern: string, text: string): boolean {
  return compile(pattern).matcher(text).find();
}

/** Go's Regexp.ReplaceAllString; `$1`, `${1}` and `${name}` in the replacement stand for groups. */
export function replaceAll(pattern: string, replacement: string, text: string): string {
  const compiled = compile(pattern);
  const names = compiled.namedGroups();
  const matcher = compiled.matcher(text);
  const parts = replacement.split(/(\$\$|\$\w+|\$\{\w+\})/);
  let out = '';
  let last = 0;
  let previousEnd = -1;
  while (matcher.find()) {
    const start = matcher.start();
    const end = matcher.end();
    if (start === end && start === previousEnd) continue;
    out += text.slice(last, start);
    for (const part of parts)
      out += expand(part, names, (group) => matcher.group(group) ?? '', matcher.groupCount());
    last = end;
    previousEnd = end;
  }
  return out + text.slice(last);
}

function expand(
  part: string,
  names: Readonly<Record<string, number>>,
  group: (index: number) => string,
  count: number,
): string {
  if (part === '$$') return '$';
  const name = /^\$\{?(\w+)\}?$/.exec(part)?.[1];
  if (name === undefined) return part;
  const index = /^\d+$/.test(name) ? Number(name) : Object.hasOwn(names, name) ? names[name]! : -1;
  return index >= 0 && index <= count ? group(index) : '';
}
