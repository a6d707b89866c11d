import { BRACE_OPEN, CLASSES, NAME_PART } from './bytes.ts';
import { Entry, ExpositionError, TYPE_COUNTER, TYPE_HISTOGRAM, TYPE_SUMMARY } from './entry.ts';
import type { StartSource } from './exposition-parser.ts';
import type { OpenMetricsParser } from './openmetrics-parser.ts';
import { walkSeries } from './series-walk.ts';

const SUFFIX = '_created';
const SUFFIX_BYTES = Buffer.from(SUFFIX);
/** How far behind a sample its `_created` line is looked for, in bytes; it is no more than twice as far. */
const REACH_BYTES = 1 << 16;

/** The line that ends a stretch of samples which have no `_created` line of their own. */
interface Mark {
  readonly at: number;
  /** Key of the series that a `_created` line is about; undefined when it is a line about a family. */
  readonly key: string | undefined;
  readonly startMs: number;
  /** Bytes of the family's name behind a line about a family. */
  readonly familyLength: number;
}

/**
 * Start timestamps of counters, histograms and summaries, which OpenMetrics gives as samples `…_created`: of a sample
 * counts the first such line behind it, when it is before the next family and about the same labels (`le` and `quantile`
 * aside, in the same order). A second parser runs ahead to find them, so every line is read twice at most.
 *
 * @see prometheus model/textparse/openmetricsparse.go StartTimestamp
 */
export class StartTimes implements StartSource {
  readonly #parser: OpenMetricsParser;
  readonly #ahead: OpenMetricsParser;
  #mark: Mark | undefined;
  #ended = false;
  /** Bytes of the family's name in the lines before the mark. */
  #familyLength = 0;
  #lastKey = '';
  #lastStartMs = 0;

  /** For the samples that `parser`, which is at the beginning of its body, will come to. */
  constructor(parser: OpenMetricsParser) {
    this.#parser = parser;
    this.#ahead = parser.again();
  }

  /** Whether the sample that the parser stands at is none but a start timestamp. */
  isStart(): boolean {
    return isStart(this.#parser);
  }

  /** When the sample that the parser stands at began, in milliseconds; 0 when that isn't told. To be asked in order. */
  startMs(): number {
    const parser = this.#parser;
    if (!hasStarts(parser.metricType)) {
      this.#lastKey = '';
      return 0;
    }
    this.#look(parser.seriesStart);
    const key = keyOf(parser, this.#familyLength);
    if (key === this.#lastKey) return this.#lastStartMs;
    this.#lastKey = '';
    if (this.#mark?.key !== key) return 0;
    const { startMs } = this.#mark;
    if (startMs > 0) {
      this.#lastKey = key;
      this.#lastStartMs = startMs;
    }
    return startMs;
  }

  /** Reads what has been passed without asking, so that this is not left for one long turn. */
  keepUp(): void {
    this.#look(this.#parser.readTo);
  }

  /** Moves the mark to the first one behind `at`, or leaves none when none is within reach. */
  #look(at: number): void {
    while (this.#mark === undefined || this.#mark.at < at) {
      if (this.#mark !== undefined && this.#mark.key === undefined)
        this.#familyLength = this.#mark.familyLength;
      this.#mark = undefined;
      if (this.#ended || this.#ahead.readTo > at + REACH_BYTES) return;
      this.#readOn(at + 2 * REACH_BYTES);
    }
  }

  /** Reads up to the next mark, or a little beyond `end`. */
  #readOn(end: number): void {
    const ahead = this.#ahead;
    try {
      while (ahead.readTo <= end) {
        const entry = ahead.next();
        if (entry === Entry.end) break;
        if (entry === Entry.meta) {
          this.#mark = { at: ahead.lineStart, key: undefined, startMs: 0, familyLength: ahead.familyLength };
          return;
        }
        if (entry === Entry.series && isStart(ahead)) {
          const startMs = Math.trunc(ahead.value * 1000);
          this.#mark = {
            at: ahead.seriesStart,
            key: keyOf(ahead, undefined),
            startMs: Number.isSafeInteger(startMs) ? startMs : 0,
            familyLength: 0,
          };
          return;
        }
      }
      this.#ended = ahead.readTo <= end;
    } catch (error) {
      // The body's own parser will come to what is wrong; up to there samples count.
      if (!(error instanceof ExpositionError)) throw error;
      this.#ended = true;
    }
  }
}

function isStart(parser: OpenMetricsParser): boolean {
  if (!hasStarts(parser.metricType)) return false;
  const { body, seriesStart } = parser;
  const nameEnd = body[seriesStart] === BRACE_OPEN ? quotedNameEnd(parser) : bareNameEnd(body, seriesStart);
  const from = nameEnd - SUFFIX_BYTES.length;
  return from >= seriesStart && SUFFIX_BYTES.every((byte, i) => body[from + i] === byte);
}

function hasStarts(type: number): boolean {
  return type === TYPE_COUNTER || type === TYPE_HISTOGRAM || type === TYPE_SUMMARY;
}

/** What samples have in common with the `_created` line about them: the family's name and the labels. */
function keyOf(
  { body, seriesStart, seriesEnd, metricType }: OpenMetricsParser,
  familyLength: number | undefined,
): string {
  const source = Buffer.from(body.buffer, body.byteOffset + seriesStart, seriesEnd - seriesStart);
  const skipped = metricType === TYPE_HISTOGRAM ? 'le' : metricType === TYPE_SUMMARY ? 'quantile' : '';
  let family = '';
  let labels = '';
  walkSeries(source, {
    name: (start, end) => {
      const length = familyLength ?? end - start - SUFFIX.length;
      family = source.toString('latin1', start, Math.min(end, start + length));
    },
    label: (nameStart, nameEnd, _quoted, valueStart, valueEnd) => {
      const name = source.toString('latin1', nameStart, nameEnd);
      if (name !== skipped) labels += `${name}="${source.toString('latin1', valueStart, valueEnd)}",`;
    },
  });
  return `${family}{${labels}`;
}

function bareNameEnd(body: Uint8Array, from: number): number {
  let at = from;
  while ((CLASSES[body[at]!]! & NAME_PART) !== 0) at++;
  return at;
}

function quotedNameEnd({ body, seriesStart, seriesEnd }: OpenMetricsParser): number {
  let nameEnd = seriesStart;
  walkSeries(body.subarray(seriesStart, seriesEnd), {
    name: (_start, end) => {
      nameEnd = seriesStart + end;
    },
    label: () => undefined,
  });
  return nameEnd;
}
