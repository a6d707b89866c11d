import type { Content } from './html-escape.ts';
import {
  escapeCssString,
  escapeJsRegexp,
  escapeJsString,
  escapeJsTemplate,
  escapeJsValue,
  escapeSrcset,
  escapeUrl,
  filterCss,
  filterUrl,
  normalizeUrl,
  contentOf,
} from './html-escape.ts';
import type { TemplateValue } from './value.ts';

/** A language inside HTML: follows the template's text and escapes values for where they stand. */
export interface Language {
  follow(text: string): void;
  escape(value: TemplateValue): Content;
}

const plain = (text: string): Content => ({ text, kind: 'plain' });

/** Text of an attribute without a meaning of its own. */
export class PlainLanguage implements Language {
  follow(): void {
    // Text has no states.
  }

  escape(value: TemplateValue): Content {
    return contentOf(value);
  }
}

/** A URL: what a value may hold depends on what stands before it. */
export class UrlLanguage implements Language {
  #part: 'start' | 'path' | 'query' = 'start';

  follow(text: string): void {
    if (/[#?]/.test(text)) this.#part = 'query';
    else if (this.#part === 'start' && text.trim() !== '') this.#part = 'path';
  }

  escape(value: TemplateValue): Content {
    return plain(this.escapeText(contentOf(value)));
  }

  escapeText(content: Content): string {
    if (this.#part === 'query') return escapeUrl(content);
    return normalizeUrl(this.#part === 'start' ? filterUrl(content).text : content.text);
  }

  /** For CSS strings, which may be URLs: as {@link escapeText}, with CSS escapes. */
  escapeInCss(content: Content): string {
    if (this.#part === 'query') return escapeUrl(content);
    return escapeCssString(this.#part === 'start' ? filterUrl(content) : content);
  }
}

/** The srcset attribute. */
export class SrcsetLanguage implements Language {
  follow(): void {
    // Every value is a list of its own.
  }

  escape(value: TemplateValue): Content {
    return plain(escapeSrcset(contentOf(value)));
  }
}

type JsMode = 'code' | 'dq' | 'sq' | 'template' | 'regexp' | 'line' | 'block';

const REGEXP_WORDS =
  /(?:^|[^\w$])(?:break|case|continue|delete|do|else|finally|in|instanceof|return|throw|try|typeof|void)$/;

/** JavaScript: scripts and event handlers. */
export class JsLanguage implements Language {
  #mode: JsMode = 'code';
  /** Code since the last literal; its end tells whether a slash divides. */
  #code = '';
  #inCharset = false;
  /** Open braces in each `${` that surrounds the code. */
  readonly #braces: number[] = [];

  follow(text: string): void {
    for (let i = 0; i < text.length; i++) i += this.#step(text, i);
  }

  escape(value: TemplateValue): Content {
    switch (this.#mode) {
      case 'code':
        this.#code = 'x';
        return plain(escapeJsValue(value));
      case 'dq':
      case 'sq':
        return plain(escapeJsString(contentOf(value)));
      case 'template':
        return plain(escapeJsTemplate(contentOf(value)));
      case 'regexp':
        return plain(escapeJsRegexp(contentOf(value)));
      case 'line':
      case 'block':
        return plain('');
    }
  }

  /** Takes one character; returns how many more it took. */
  #step(text: string, i: number): number {
    const char = text[i]!;
    switch (this.#mode) {
      case 'code':
        return this.#codeStep(text, i, char);
      case 'dq':
      case 'sq':
        if (char === '\\') return 1;
        if (char === (this.#mode === 'dq' ? '"' : "'")) this.#endLiteral();
        return 0;
      case 'template':
        if (char === '\\') return 1;
        if (char === '`') this.#endLiteral();
        else if (text.startsWith('${', i)) {
          this.#braces.push(0);
          this.#mode = 'code';
          this.#code = '';
          return 1;
        }
        return 0;
      case 'regexp':
        if (char === '\\') return 1;
        if (char === '[') this.#inCharset = true;
        else if (char === ']') this.#inCharset = false;
        else if (char === '/' && !this.#inCharset) this.#endLiteral();
        return 0;
      case 'line':
        if (/[\n\r\u2028\u2029]/.test(char)) this.#mode = 'code';
        return 0;
      case 'block':
        if (!text.startsWith('*/', i)) return 0;
        this.#mode = 'code';
        return 1;
    }
  }

  #codeStep(text: string, i: number, char: string): number {
    if (char === '"') this.#mode = 'dq';
    else if (char === "'") this.#mode = 'sq';
    else if (char === '`') this.#mode = 'template';
    else if (text.startsWith('//', i) || text.startsWith('#!', i)) return this.#enter('line', 1);
    else if (text.startsWith('/*', i)) return this.#enter('block', 1);
    else if (text.startsWith('<!--', i)) return this.#enter('line', 3);
    else if (text.startsWith('-->', i)) return this.#enter('line', 2);
    else if (char === '/' && this.#regexpMayStart()) return this.#enter('regexp', 0);
    else if (char === '}' && this.#braces.length > 0 && this.#braces.at(-1) === 0) {
      this.#braces.pop();
      return this.#enter('template', 0);
    } else {
      if (this.#braces.length > 0 && char === '{') this.#braces[this.#braces.length - 1]! += 1;
      if (this.#braces.length > 0 && char === '}') this.#braces[this.#braces.length - 1]! -= 1;
      this.#code = (this.#code + char).slice(-20);
    }
    return 0;
  }

  #enter(mode: JsMode, more: number): number {
    this.#mode = mode;
    this.#inCharset = false;
    return more;
  }

  #endLiteral(): void {
    this.#mode = 'code';
    this.#code = 'x';
  }

  #regexpMayStart(): boolean {
    const code = this.#code.trimEnd();
    if (code === '') return true;
    const signs = /(\++|-+)$/.exec(code);
    if (signs !== null) return signs[0].length % 2 === 1;
    if (/\d\.$/.test(code)) return false;
    return /[.,<>=*%&|^?!~([:;{}/]$/.test(code) || REGEXP_WORDS.test(code);
  }
}

type CssMode = 'code' | 'dq' | 'sq' | 'dqUrl' | 'sqUrl' | 'url' | 'block' | 'line';

const CSS_ENDS: Readonly<Record<string, RegExp>> = {
  dq: /"/,
  dqUrl: /"/,
  sq: /'/,
  sqUrl: /'/,
  url: /[\t\n\f\r )]/,
};

/** CSS: style elements and attributes. */
export class CssLanguage implements Language {
  #mode: CssMode = 'code';
  #code = '';
  #url = new UrlLanguage();

  follow(text: string): void {
    for (let i = 0; i < text.length; i++) i += this.#step(text, i);
  }

  escape(value: TemplateValue): Content {
    const content = contentOf(value);
    switch (this.#mode) {
      case 'code':
        return plain(filterCss(content));
      case 'dq':
      case 'sq':
        return plain(this.#url.escapeInCss(content));
      case 'dqUrl':
      case 'sqUrl':
      case 'url':
        return plain(this.#url.escapeText(content));
      case 'block':
      case 'line':
        return plain('');
    }
  }

  #step(text: string, i: number): number {
    const char = text[i]!;
    if (this.#mode === 'code') return this.#codeStep(text, i, char);
    if (this.#mode === 'block') return text.startsWith('*/', i) ? this.#enter('code', 1) : 0;
    if (this.#mode === 'line') return /[\n\f\r]/.test(char) ? this.#enter('code', 0) : 0;
    if (char === '\\') return 1;
    if (CSS_ENDS[this.#mode]!.test(char)) return this.#enter('code', 0);
    this.#url.follow(char);
    return 0;
  }

  #codeStep(text: string, i: number, char: string): number {
    if (char === '"') return this.#enter('dq', 0);
    if (char === "'") return this.#enter('sq', 0);
    if (text.startsWith('//', i)) return this.#enter('line', 1);
    if (text.startsWith('/*', i)) return this.#enter('block', 1);
    if (char === '(' && /(?:^|[^-\w\u0080-\uffff])url\s*$/i.test(this.#code)) {
      const space = /^[\t\n\f\r ]*/.exec(text.slice(i + 1))![0].length;
      const next = text[i + 1 + space];
      if (next === '"') return this.#enter('dqUrl', space + 1);
      if (next === "'") return this.#enter('sqUrl', space + 1);
      return this.#enter('url', space);
    }
    this.#code = (this.#code + char).slice(-20);
    return 0;
  }

  #enter(mode: CssMode, more: number): number {
    this.#mode = mode;
    this.#code = '';
    this.#url = new UrlLanguage();
    return more;
  }
}
