/**
 * The plainest reading of Prometheus' expositions that could be written: regular expressions over a string, one sample
 * an object. Slow on purpose; what the real parsers are held against.
 */

/** One sample. */
export interface ReferenceSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly timestampMs: number | undefined;
}

/** What was read before the first error. */
export interface ReferenceResult {
  readonly samples: readonly ReferenceSample[];
  readonly ok: boolean;
}

class Refused extends Error {}

const QUOTED_LINES = String.raw`"(?:\\[^\n]|[^\\"])*"`;
const QUOTED = String.raw`"(?:\\[^\n]|[^\\"\n])*"`;
const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = '[a-zA-Z_][a-zA-Z0-9_]*';

class Reader {
  at = 0;
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  take(pattern: string): string | undefined {
    const match = new RegExp(pattern, 'ys');
    match.lastIndex = this.at;
    const found = match.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  need(pattern: string): string {
    const found = this.take(pattern);
    if (found === undefined) throw new Refused(`${pattern} at ${this.at}`);
    return found;
  }
}

const TEXT_TYPES = ['counter', 'gauge', 'histogram', 'summary', 'untyped'];
const OM_TYPES = [
  'counter',
  'gauge',
  'histogram',
  'gaugehistogram',
  'summary',
  'info',
  'stateset',
  'unknown',
];

/** Prometheus text, 0.0.4 and 1.0.0. Bytes are looked at one by one: as text of 256 characters. */
export function readText(body: Uint8Array): ReferenceResult {
  const text = Buffer.from(body).toString('latin1');
  return read((samples) => {
    const reader = new Reader(`${text}\n`);
    let type = 'untyped';
    for (;;) {
      reader.take('[ \t]*');
      if (reader.at >= text.length || text[reader.at] === '\0') return;
      if (reader.take('\n') !== undefined) continue;
      const keyword = reader.take('#[ \t]+(?:HELP|TYPE)[ \t]+');
      if (keyword !== undefined) {
        reader.need(`${QUOTED_LINES}|${NAME}`);
        const rest = reader.need('[^\n]*').slice(1);
        reader.need('\n');
        if (keyword.includes('TYPE')) {
          if (!TEXT_TYPES.includes(rest)) throw new Refused('type');
          type = rest;
        } else decode(rest);
        continue;
      }
      if (reader.take('#[^\n]*\n') !== undefined) continue;
      const labels = readSeries(reader, '[ \t]*', false, type);
      reader.need('[ \t]*');
      const value = readFloat(reader.need('[^{ \t\n\0]+'));
      reader.need('[ \t]*');
      const timestamp = reader.take('[0-9]+');
      if (timestamp !== undefined && BigInt(timestamp) >= 2n ** 63n) throw new Refused('timestamp');
      reader.need('[ \t]*');
      reader.need('\n');
      samples.push({ labels, value, timestampMs: timestamp === undefined ? undefined : Number(timestamp) });
    }
  });
}

/** OpenMetrics text. */
export function readOpenMetrics(body: Uint8Array): ReferenceResult {
  const text = Buffer.from(body).toString('latin1');
  return read((samples) => {
    const reader = new Reader(text);
    let type = 'unknown';
    for (;;) {
      if (reader.take('# EOF\n?') !== undefined) {
        if (reader.at < text.length) throw new Refused('after EOF');
        return;
      }
      const keyword = reader.take('# (?:HELP|TYPE|UNIT) ');
      if (keyword !== undefined) {
        const family = reader.need(`${QUOTED_LINES}|${NAME}`).replaceAll(/^"|"$/g, '');
        const rest = reader.need(' [^\n]*\n').slice(1, -1);
        if (keyword.includes('TYPE')) {
          if (!OM_TYPES.includes(rest)) throw new Refused('type');
          type = rest;
        }
        if (keyword.includes('HELP')) decode(rest);
        if (keyword.includes('UNIT') && rest !== '' && !family.endsWith(`_${rest}`))
          throw new Refused('unit');
        continue;
      }
      const labels = readSeries(reader, '', true, type);
      const value = readFloat(reader.need(' [^ \n\0]+').slice(1));
      let timestamp: string | undefined;
      if (reader.text.slice(reader.at, reader.at + 4) !== ' # {') timestamp = reader.take(' [^ \n\0]+');
      const seconds = timestamp === undefined ? undefined : readSeconds(timestamp);
      if (reader.take(' # \\{') !== undefined) readExemplar(reader);
      else if (timestamp === undefined && reader.take(' ') !== undefined) {
        // Prometheus takes the sample and stumbles over the space when it looks for the next.
        samples.push({ labels, value, timestampMs: undefined });
        throw new Refused('space');
      }
      reader.need('\n');
      const timestampMs = seconds === undefined ? undefined : Math.trunc(seconds * 1000);
      samples.push({ labels, value, timestampMs });
    }
  });
}

function read(work: (samples: ReferenceSample[]) => void): ReferenceResult {
  const samples: ReferenceSample[] = [];
  try {
    work(samples);
    return { samples, ok: true };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { samples, ok: false };
  }
}

function readExemplar(reader: Reader): void {
  while (reader.take('\\}') === undefined) {
    reader.need(`${LABEL}|${QUOTED}`);
    reader.need('=');
    reader.need(QUOTED);
    if (reader.take(',') === undefined && reader.text[reader.at] !== '}') throw new Refused('comma');
  }
  readFloat(reader.need(' [^ \n\0]+').slice(1));
  const timestamp = reader.take(' [^ \n\0]+');
  if (timestamp !== undefined) readSeconds(timestamp);
}

function readSeconds(token: string): number {
  const seconds = readFloat(token.slice(1));
  if (!Number.isFinite(seconds)) throw new Refused('timestamp');
  return seconds;
}

function readSeries(reader: Reader, blanks: string, strict: boolean, type: string): Record<string, string> {
  const quoted = strict ? QUOTED : QUOTED_LINES;
  const labels = new Map<string, string>();
  const set = (name: string, value: string): void => {
    if (labels.has(name)) throw new Refused(`${name} repeats`);
    labels.set(name, value);
  };
  const name = reader.take(NAME);
  if (name !== undefined) set('__name__', name);
  const before = reader.at;
  reader.need(blanks);
  if (reader.take('\\{') === undefined) {
    if (name === undefined) throw new Refused('start');
    reader.at = before;
    return Object.fromEntries(labels);
  }
  reader.need(blanks);
  while (reader.take('\\}') === undefined) {
    const label = reader.need(`${LABEL}|${quoted}`);
    reader.need(blanks);
    const next = reader.text[reader.at];
    if (label.startsWith('"') && (next === ',' || next === '}')) {
      set('__name__', unquote(label));
    } else {
      reader.need('=');
      reader.need(blanks);
      set(unquote(label), normalised(unquote(reader.need(quoted)), unquote(label), type));
      reader.need(blanks);
    }
    if (reader.take(',') !== undefined) reader.need(blanks);
    else if ((strict || label.startsWith('"')) && !strict && next === '}') continue;
    else if (strict && reader.text[reader.at] !== '}') throw new Refused('comma');
  }
  if (!labels.has('__name__')) throw new Refused('no name');
  return Object.fromEntries([...labels].filter(([, value]) => value !== ''));
}

/** The text that characters of one byte stand for. */
function decode(text: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(text, 'latin1'));
  } catch {
    throw new Refused('not UTF-8');
  }
}

function unquote(text: string): string {
  if (!text.startsWith('"')) return text;
  return decode(text)
    .slice(1, -1)
    .replaceAll(/\\([\\n"])/g, (_, escape: string) => (escape === 'n' ? '\n' : escape));
}

function normalised(value: string, label: string, type: string): string {
  const applies = (type === 'histogram' && label === 'le') || (type === 'summary' && label === 'quantile');
  const number = applies ? floatOf(value) : undefined;
  if (number === undefined) return value;
  if (Number.isNaN(number)) return 'NaN';
  if (!Number.isFinite(number)) return number > 0 ? '+Inf' : '-Inf';
  if (number === 0) return '0.0';
  const magnitude = Math.abs(number);
  if (magnitude < 1e-4 || magnitude >= 1e6) {
    return number.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
  }
  return Number.isInteger(number) ? `${number}.0` : String(number);
}

function readFloat(text: string): number {
  const value = floatOf(text);
  if (value === undefined) throw new Refused('float');
  return value;
}

function floatOf(text: string): number | undefined {
  if (/^nan$/i.test(text)) return NaN;
  if (/^[+-]?inf(inity)?$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}
