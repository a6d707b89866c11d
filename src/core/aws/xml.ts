import { TocsinError } from '../errors.ts';

/** An element of an XML answer: its text, or the elements in it. */
export class XmlElement {
  readonly name: string;
  text = '';
  readonly children: XmlElement[] = [];

  constructor(name: string) {
    this.name = name;
  }

  /** The first element of a name under this one, by a path of names. */
  find(...path: readonly string[]): XmlElement | undefined {
    // A path goes down; what is missing on the way ends it.
    let at: XmlElement | undefined = this as XmlElement;
    for (const name of path) at = at?.children.find((child) => child.name === name);
    return at;
  }

  /** The text at a path, undefined when there is no such element. */
  textAt(...path: readonly string[]): string | undefined {
    return this.find(...path)?.text;
  }

  /** The `item` elements of a list at a path. */
  itemsAt(...path: readonly string[]): XmlElement[] {
    return this.find(...path)?.children.filter(({ name }) => name === 'item') ?? [];
  }
}

/** A tag, a comment, a declaration, a CDATA section, or text up to the next of them. */
const TOKEN = /<!--[^]*?-->|<\?[^]*?\?>|<!\[CDATA\[[^]*?\]\]>|<![^>]*>|<\/?[^<>]*>|[^<]+/y;
const MAX_DEPTH = 64;

/**
 * Reads what AWS' query APIs answer: elements and text. Attributes are passed over (there are only namespaces), as are
 * comments and declarations; entities other than XML's own five and numbers are refused. Throws a TocsinError
 * (TOCSIN_ERR_PARSE) when it is not well-formed.
 */
export function parseXml(text: string): XmlElement {
  const top = new XmlElement('');
  const open = [top];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const token = TOKEN.exec(text)?.[0];
    if (token === undefined) throw malformed(`at character ${at}`);
    const element = open.at(-1)!;
    if (!token.startsWith('<')) element.text += unescape(token);
    else if (token.startsWith('<![CDATA[')) element.text += token.slice(9, -3);
    else if (token.startsWith('<!') || token.startsWith('<?')) continue;
    else if (token.startsWith('</')) {
      if (open.length === 1 || token.slice(2, -1).trim() !== element.name)
        throw malformed(`unexpected ${token}`);
      open.pop();
    } else {
      const name = /^<([^\s/>]+)/.exec(token)?.[1];
      if (name === undefined) throw malformed(`unexpected ${token}`);
      const child = new XmlElement(name);
      element.children.push(child);
      if (!token.endsWith('/>')) open.push(child);
      if (open.length > MAX_DEPTH) throw malformed('too deep');
    }
  }
  const root = top.children[0];
  if (open.length > 1 || root === undefined || top.children.length > 1) throw malformed('it ends too early');
  return root;
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescape(text: string): string {
  return text.replaceAll(/&([^;&]*);?/g, (whole, name: string) => {
    const number = /^#(?:x([0-9a-f]{1,6})|(\d{1,7}))$/i.exec(name);
    if (number !== null) {
      const point = number[1] === undefined ? Number(number[2]) : Number.parseInt(number[1], 16);
      if (point <= 0x10_ffff) return String.fromCodePoint(point);
    }
    const value = ENTITIES[name];
    if (value === undefined || !whole.endsWith(';')) throw malformed(`unknown entity ${whole}`);
    return value;
  });
}

function malformed(what: string): TocsinError {
  return new TocsinError('TOCSIN_ERR_PARSE', `not well-formed XML: ${what}`);
}
