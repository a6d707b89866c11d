const HTML: Readonly<Record<string, string>> = {
  '\0': '\ufffd',
  '"': '&#34;',
  "'": '&#39;',
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
};

/** Go's template.HTMLEscapeString. */
export function htmlEscape(text: string): string {
  return text.replaceAll(/[\0"'&<>]/g, (char) => HTML[char]!);
}

const JS: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  "'": String.raw`\'`,
  '"': String.raw`\"`,
  '<': String.raw`\u003C`,
  '>': String.raw`\u003E`,
  '&': String.raw`\u0026`,
  '=': String.raw`\u003D`,
};

/** Go's template.JSEscapeString. */
export function jsEscape(text: string): string {
  return text.replaceAll(/[\\'"<>&=\p{C}\p{Zl}\p{Zp}\p{Zs}]/gu, (char) => {
    if (char === ' ') return char;
    return JS[char] ?? `\\u${char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`;
  });
}

/** Go's url.QueryEscape: letters, digits and `-_.~` stay, a space becomes `+`. Lone surrogates become U+FFFD. */
export function queryEscape(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+');
}

/** Go's url.QueryUnescape; undefined when an escape is malformed. Bytes that are no UTF-8 become U+FFFD. */
export function queryUnescape(text: string): { readonly text: string } | { readonly badEscape: string } {
  const bad = /%(?![0-9a-fA-F]{2})/.exec(text);
  if (bad !== null) return { badEscape: text.slice(bad.index, bad.index + 3) };
  const bytes: number[] = [];
  const encoder = new TextEncoder();
  for (const match of text.matchAll(/%([0-9a-fA-F]{2})|[^%]+/g)) {
    if (match[1] !== undefined) bytes.push(Number.parseInt(match[1], 16));
    else for (const byte of encoder.encode(match[0].replaceAll('+', ' '))) bytes.push(byte);
  }
  return { text: new TextDecoder().decode(Uint8Array.from(bytes)) };
}
