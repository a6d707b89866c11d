import type { Sink } from './exec-types.ts';
import {
  contentOf,
  escapeAttribute,
  escapeHtml,
  escapeRcdata,
  escapeUnquoted,
  filterName,
  filterUrl,
} from './html-escape.ts';
import {
  CssLanguage,
  JsLanguage,
  PlainLanguage,
  SrcsetLanguage,
  UrlLanguage,
  type Language,
} from './html-languages.ts';
import type { TemplateValue } from './value.ts';

type State =
  'text' | 'rcdata' | 'raw' | 'comment' | 'tag' | 'attrName' | 'afterName' | 'beforeValue' | 'value';

const URL_ATTRIBUTES: ReadonlySet<string> = new Set(
  'action archive background cite classid codebase data formaction href icon longdesc manifest poster profile src usemap xmlns'.split(
    ' ',
  ),
);
const UNSAFE_ATTRIBUTES: ReadonlySet<string> = new Set(
  'accept-charset async challenge charset content crossorigin defer enctype form formenctype formmethod formnovalidate http-equiv keytype language method novalidate rel sandbox srcdoc type value'.split(
    ' ',
  ),
);
const SCRIPT_TYPES =
  /^(?:|module|(?:application|text)\/(?:x-)?(?:ecma|java)script(?:1\.[0-5])?|text\/(?:jscript|livescript)|application\/(?:ld\+)?json|importmap|speculationrules)$/;
const RCDATA: ReadonlySet<string> = new Set(['textarea', 'title']);
const ENTITIES: Readonly<Record<string, string>> = {
  quot: '"',
  apos: "'",
  amp: '&',
  lt: '<',
  gt: '>',
};

function attributeKind(attribute: string): 'plain' | 'url' | 'css' | 'js' | 'srcset' {
  let name = attribute.toLowerCase();
  if (name.startsWith('data-')) name = name.slice(5);
  else if (name.startsWith('xmlns:')) return 'url';
  else if (name.includes(':')) name = name.slice(name.indexOf(':') + 1);
  if (name === 'style') return 'css';
  if (name === 'srcset') return 'srcset';
  if (URL_ATTRIBUTES.has(name)) return 'url';
  if (name === 'srclang' || UNSAFE_ATTRIBUTES.has(name)) return 'plain';
  if (name.startsWith('on')) return 'js';
  return /src|uri|url/.test(name) ? 'url' : 'plain';
}

function decodeEntities(text: string): string {
  return text.replaceAll(
    /&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|(quot|apos|amp|lt|gt));?/g,
    (all, dec, hex, name) => {
      if (typeof name === 'string') return ENTITIES[name]!;
      const code = typeof dec === 'string' ? Number(dec) : Number.parseInt(String(hex), 16);
      return code > 0x10ffff ? String(all) : String.fromCodePoint(code);
    },
  );
}

/**
 * Output with contextual escaping: follows the HTML that the template's text makes and escapes every value for the
 * place it stands in (text, attribute, URL, script, style), as html/template does. The context is followed while
 * executing, so branches may end in different ones. Comments are left out.
 *
 * @see Go html/template
 */
export class HtmlSink implements Sink {
  #out = '';
  #state: State = 'text';
  /** Name of the element whose tag or special content this is. */
  #element = '';
  #isEndTag = false;
  #attribute = '';
  #delimiter: '"' | "'" | '' = '';
  #value = '';
  #scriptType = '';
  #language: Language = new PlainLanguage();

  get length(): number {
    return this.#out.length;
  }

  end(): string {
    return this.#out;
  }

  text(text: string): void {
    let rest = text;
    while (rest !== '') rest = rest.slice(this.#step(rest));
  }

  value(value: TemplateValue): void {
    switch (this.#state) {
      case 'text':
        this.#out += escapeHtml(contentOf(value));
        return;
      case 'rcdata':
        this.#out += escapeRcdata(contentOf(value));
        return;
      case 'raw':
        this.#out += this.#language.escape(value).text;
        return;
      case 'comment':
        return;
      case 'tag':
      case 'attrName':
      case 'afterName':
        this.#out += filterName(
          contentOf(value),
          (name) => attributeKind(name) === 'plain' && !UNSAFE_ATTRIBUTES.has(name),
        );
        this.#state = 'attrName';
        this.#attribute = '';
        return;
      case 'beforeValue':
        this.#startValue('');
        break;
      case 'value':
        break;
    }
    const content = this.#language.escape(value);
    this.#value += content.text;
    this.#out += this.#delimiter === '' ? escapeUnquoted(content) : escapeAttribute(content);
  }

  /** Works on the start of `text`; returns how much of it is done. */
  #step(text: string): number {
    switch (this.#state) {
      case 'text':
        return this.#textStep(text);
      case 'rcdata':
      case 'raw':
        return this.#specialStep(text);
      case 'comment': {
        const end = text.indexOf('-->');
        if (end >= 0) this.#state = 'text';
        return end < 0 ? text.length : end + 3;
      }
      case 'tag':
        return this.#tagStep(text);
      case 'attrName': {
        const name = /^[^\t\n\f\r =>]*/.exec(text)![0];
        this.#attribute += name;
        this.#out += name;
        if (name.length < text.length) this.#state = 'afterName';
        return name.length;
      }
      case 'afterName': {
        const match = /^[\t\n\f\r ]*(=?)/.exec(text)!;
        this.#out += match[0];
        if (match[1] === '=') this.#state = 'beforeValue';
        else if (match[0].length < text.length) this.#state = 'tag';
        return match[0].length;
      }
      case 'beforeValue': {
        const match = /^[\t\n\f\r ]*(["']?)/.exec(text)!;
        this.#out += match[0];
        if (match[1] !== '' || match[0].length < text.length) this.#startValue(match[1] as '"' | "'" | '');
        return match[0].length;
      }
      case 'value':
        return this.#valueStep(text);
    }
  }

  #textStep(text: string): number {
    const open = text.indexOf('<');
    if (open < 0) {
      this.#out += text;
      return text.length;
    }
    this.#out += text.slice(0, open);
    const rest = text.slice(open);
    if (rest.startsWith('<!--')) {
      this.#state = 'comment';
      return open + 4;
    }
    const tag = /^<(\/?)([a-zA-Z](?:[a-zA-Z0-9]|[:-][a-zA-Z0-9])*)/.exec(rest);
    if (tag === null) {
      this.#out += /^<!doctype/i.test(rest) ? '<' : '&lt;';
      return open + 1;
    }
    this.#out += tag[0];
    this.#state = 'tag';
    this.#isEndTag = tag[1] === '/';
    this.#element = tag[2]!.toLowerCase();
    this.#scriptType = '';
    return open + tag[0].length;
  }

  #tagStep(text: string): number {
    const space = /^[\t\n\f\r ]*/.exec(text)![0];
    this.#out += space;
    if (space.length === text.length) return space.length;
    if (text[space.length] === '>') {
      this.#out += '>';
      this.#enterContent();
      return space.length + 1;
    }
    this.#attribute = '';
    this.#state = 'attrName';
    if (text[space.length] !== '=') return space.length;
    this.#out += '=';
    this.#attribute = '=';
    return space.length + 1;
  }

  #enterContent(): void {
    this.#state = 'text';
    if (this.#isEndTag) return;
    if (RCDATA.has(this.#element)) this.#state = 'rcdata';
    else if (this.#element === 'style') {
      this.#state = 'raw';
      this.#language = new CssLanguage();
    } else if (this.#element === 'script') {
      const type = this.#scriptType.split(';')[0]!.trim().toLowerCase();
      this.#state = SCRIPT_TYPES.test(type) ? 'raw' : 'rcdata';
      this.#language = new JsLanguage();
    }
  }

  /** Content of script, style, textarea and title, up to the end tag. */
  #specialStep(text: string): number {
    const close = new RegExp(`</(?=${this.#element}(?:[>\\s/]|$))`, 'i').exec(text);
    const content = close === null ? text : text.slice(0, close.index);
    this.#out +=
      this.#state === 'rcdata' && this.#element !== 'script' ? content.replaceAll('<', '&lt;') : content;
    if (this.#state === 'raw') this.#language.follow(content);
    if (close !== null) this.#state = 'text';
    return content.length;
  }

  #startValue(delimiter: '"' | "'" | ''): void {
    this.#state = 'value';
    this.#delimiter = delimiter;
    this.#value = '';
    this.#language = this.#languageOf(attributeKind(this.#attribute));
  }

  #languageOf(kind: ReturnType<typeof attributeKind>): Language {
    switch (kind) {
      case 'plain':
        return this.#element === 'meta' && this.#attribute.toLowerCase() === 'content'
          ? new MetaContentLanguage()
          : new PlainLanguage();
      case 'url':
        return new UrlLanguage();
      case 'css':
        return new CssLanguage();
      case 'js':
        return new JsLanguage();
      case 'srcset':
        return new SrcsetLanguage();
    }
  }

  #valueStep(text: string): number {
    const end = this.#delimiter === '' ? text.search(/[\t\n\f\r >]/) : text.indexOf(this.#delimiter);
    const content = end < 0 ? text : text.slice(0, end);
    this.#out += content;
    const decoded = decodeEntities(content);
    this.#value += decoded;
    this.#language.follow(decoded);
    if (end < 0) return text.length;
    this.#out += this.#delimiter;
    if (this.#element === 'script' && this.#attribute.toLowerCase() === 'type')
      this.#scriptType = this.#value;
    this.#state = 'tag';
    return end + this.#delimiter.length;
  }
}

/** <meta content>: a refresh holds a URL after `url=`. */
class MetaContentLanguage implements Language {
  #url: UrlLanguage | undefined;
  #before = '';

  follow(text: string): void {
    for (const char of text) {
      this.#before = (this.#before + char).slice(-30);
      if (char === ';') this.#url = undefined;
      else if (this.#url === undefined && /url\s*=$/i.test(this.#before)) this.#url = new UrlLanguage();
      else this.#url?.follow(char);
    }
  }

  escape(value: TemplateValue): ReturnType<Language['escape']> {
    const content = contentOf(value);
    return this.#url === undefined ? content : filterUrl(content);
  }
}
