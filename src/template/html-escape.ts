import { htmlEscape as escapeText } from './escape-text.ts';
import { goJson } from './go-json.ts';
import { sprint, sprintValue } from './go-print.ts';
import { stringOf } from './kinds.ts';
import { SafeText, variadicFn, type FunctionMap, type SafeKind, type TemplateValue } from './value.ts';

/** What stands in for a value that is not safe where it would go. */
const UNSAFE = 'ZgotmplZ';

/** A value's text and what it is declared safe as. */
export interface Content {
  readonly text: string;
  readonly kind: SafeKind | 'plain';
}

/** Text and kind of a value; nil is nothing. */
export function contentOf(value: TemplateValue): Content {
  if (value instanceof SafeText) return { text: value.text, kind: value.kind };
  return { text: value === undefined ? '' : sprintValue(value), kind: 'plain' };
}

/** `html` in html templates: its result is not escaped again. */
export const HTML_BUILTINS: FunctionMap = {
  html: variadicFn([], 'any', (values) => {
    const [only] = values;
    if (values.length === 1 && only instanceof SafeText && only.kind === 'html') return only;
    const text = values.length === 1 ? (stringOf(only) ?? sprint(values)) : sprint(values);
    return new SafeText('html', escapeText(text));
  }),
};

const SPECIALS: Readonly<Record<string, string>> = {
  '\0': '\ufffd',
  '"': '&#34;',
  '&': '&amp;',
  "'": '&#39;',
  '+': '&#43;',
  '<': '&lt;',
  '>': '&gt;',
};

const special = (char: string): string => SPECIALS[char]!;

/** For text nodes. */
export function escapeHtml({ text, kind }: Content): string {
  return kind === 'html' ? text : text.replaceAll(/[\0"&'+<>]/g, special);
}

/** For <textarea> and <title>: entities in HTML stay, tags do not. */
export function escapeRcdata({ text, kind }: Content): string {
  return text.replaceAll(kind === 'html' ? /[\0"'+<>]/g : /[\0"&'+<>]/g, special);
}

/** For attribute values in quotes. */
export function escapeAttribute({ text, kind }: Content): string {
  return escapeRcdata({ text: kind === 'html' ? stripTags(text) : text, kind });
}

/** For attribute values without quotes. */
export function escapeUnquoted({ text, kind }: Content): string {
  if (text === '') return UNSAFE;
  const html = kind === 'html';
  return (html ? stripTags(text) : text).replaceAll(
    html
      ? /[\0\t\n\v\f\r "'+<=>`\ufdd0-\ufdef\ufff0-\uffff]/g
      : /[\0\t\n\v\f\r "&'+<=>`\ufdd0-\ufdef\ufff0-\uffff]/g,
    (char) => {
      if (char === '\0') return '&#xfffd;';
      const code = char.charCodeAt(0);
      return SPECIALS[char] ?? (code < 128 ? `&#${code};` : `&#x${code.toString(16)};`);
    },
  );
}

/** The text of a piece of HTML. */
function stripTags(html: string): string {
  if (!html.includes('<')) return html;
  return html
    .replaceAll(/<!--[\s\S]*?(?:-->|$)/g, '')
    .replaceAll(/<\/?[a-zA-Z](?:"[^"]*"|'[^']*'|[^'">])*(?:>|$)/g, '');
}

/** For where an attribute's name goes: letters and digits of a harmless name only. */
export function filterName({ text, kind }: Content, isPlain: (name: string) => boolean): string {
  if (kind === 'attr') return text;
  const name = text.toLowerCase();
  return /^[a-z0-9]+$/.test(name) && isPlain(name) ? name : UNSAFE;
}

/** For the start of a URL: only http, https, mailto and relative ones. */
export function filterUrl({ text, kind }: Content): Content {
  if (kind === 'url' || isSafeUrl(text)) return { text, kind };
  return { text: `#${UNSAFE}`, kind: 'plain' };
}

function isSafeUrl(url: string): boolean {
  const colon = url.indexOf(':');
  if (colon < 0) return true;
  const scheme = url.slice(0, colon).toLowerCase();
  return scheme.includes('/') || ['http', 'https', 'mailto'].includes(scheme);
}

const percent = (text: string): string =>
  Array.from(new TextEncoder().encode(text), (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');

/** For a URL's scheme, host and path. */
export function normalizeUrl(text: string): string {
  return text.replaceAll(/%(?![0-9a-fA-F]{2})|[^-!#$&*+,/:;=?@[\]._~%a-zA-Z0-9]+/g, percent);
}

/** For a URL's query or fragment. */
export function escapeUrl({ text, kind }: Content): string {
  return kind === 'url' ? normalizeUrl(text) : text.replaceAll(/[^-._~a-zA-Z0-9]+/g, percent);
}

/** For srcset. */
export function escapeSrcset({ text, kind }: Content): string {
  if (kind === 'srcset') return text;
  if (kind === 'url') return normalizeUrl(text).replaceAll(',', '%2c');
  return text
    .split(',')
    .map((part) => {
      const match = /^([\t\n\f\r ]*)([^\t\n\f\r ]*)([\t\n\f\r a-zA-Z0-9]*)$/.exec(part);
      return match !== null && isSafeUrl(match[2]!)
        ? match[1]! + normalizeUrl(match[2]!) + match[3]!
        : `#${UNSAFE}`;
    })
    .join(',');
}

/** For an expression of JavaScript: the value as JSON. */
export function escapeJsValue(value: TemplateValue): string {
  if (value instanceof SafeText) {
    if (value.kind === 'js') return value.text;
    if (value.kind === 'jsstr') return `"${value.text}"`;
  }
  let json: string;
  try {
    json = goJson(value);
  } catch (error) {
    const message = (error instanceof Error ? error.message : String(error))
      .replaceAll('*/', '* /')
      .replaceAll(/<(\/?script|!--)/gi, String.raw`\x3C$1`);
    return ` /* ${message} */null `;
  }
  return /^[\w$]|[\w$]$/.test(json) ? ` ${json} ` : json;
}

const JS_NAMED: Readonly<Record<string, string>> = {
  '\t': String.raw`\t`,
  '\n': String.raw`\n`,
  '\f': String.raw`\f`,
  '\r': String.raw`\r`,
  '/': String.raw`\/`,
  '\\': '\\\\',
};

const jsCode = (char: string): string =>
  JS_NAMED[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** For inside a JavaScript string in quotes. */
export function escapeJsString({ text, kind }: Content): string {
  const specials = kind === 'jsstr' ? /[\0-\x1f"`&'+/<>\u2028\u2029]/g : /[\0-\x1f"`&'+/<>\\\u2028\u2029]/g;
  return text.replaceAll(specials, jsCode);
}

/** For inside a JavaScript template literal. */
export function escapeJsTemplate({ text }: Content): string {
  return text.replaceAll(/[\0-\x1f"`&'+/<>\\${}\u2028\u2029]/g, jsCode);
}

/** For inside a regular expression of JavaScript, to be taken literally. */
export function escapeJsRegexp({ text }: Content): string {
  if (text === '') return '(?:)';
  return text.replaceAll(/[\0-\x1f"&'+<>\u2028\u2029$()*\-./?[\\\]^{|}]/g, (char) =>
    '$()*-./?[\\]^{|}'.includes(char) ? `\\${char}` : jsCode(char),
  );
}

/** For inside a string of CSS. */
export function escapeCssString({ text }: Content): string {
  return text.replaceAll(/[\0\t\n\f\r"&'()+/:;<>\\{}]/g, (char, at: number) => {
    if (char === '\\') return '\\\\';
    const needsSpace = at + 1 === text.length || /[0-9a-fA-F\t\n\f\r ]/.test(text[at + 1]!);
    return `\\${char.charCodeAt(0).toString(16)}${needsSpace ? ' ' : ''}`;
  });
}

/** For a value of CSS: sizes, colours, names. */
export function filterCss({ text, kind }: Content): string {
  if (kind === 'css') return text;
  const decoded = text.replaceAll(
    /\\(?:([0-9a-fA-F]{1,6})(?:\r\n|[\t\n\f\r ])?|([\s\S]))/g,
    (_, hex?: string, char?: string) => (hex === undefined ? char! : decodeCode(Number.parseInt(hex, 16))),
  );
  const name = decoded.replaceAll(/[^-_a-zA-Z0-9]/g, '').toLowerCase();
  if (/[\0"'()/;@[\\\]`{}<>]|--/.test(decoded) || /expression|mozbinding/.test(name)) return UNSAFE;
  return decoded;
}

function decodeCode(code: number): string {
  return code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? '\ufffd' : String.fromCodePoint(code);
}
