import { TocsinError, errorText } from '../core/errors.ts';
import type { Labels } from '../core/labels.ts';
import type { FileSystem } from '../core/ports.ts';
import { Entry, ExpositionError, OpenMetricsParser, readSeriesLabels } from '../scrape/index.ts';

const WINDOW_BYTES = 8 << 20;
const NEWLINE = 10;
const EOF_LINE = Buffer.from('# EOF\n');

/** A sample of an OpenMetrics file. */
export interface InputSample {
  /** Equal for equal series. */
  readonly key: string;
  readonly tMs: number;
  readonly value: number;
  /** `FILE:LINE`. */
  readonly place: () => string;
  readonly labels: () => Labels;
}

/**
 * Reads the samples of an OpenMetrics file of any size, a stretch of whole lines at a time. Rejects with TOCSIN_ERR_PARSE, naming
 * file and line, when it is not well-formed or a sample has no timestamp.
 */
export async function readOpenMetrics(
  files: FileSystem,
  path: string,
  onSample: (sample: InputSample) => void,
  pause: () => Promise<void>,
): Promise<void> {
  const handle = await files.open(path, 'read');
  try {
    const reading = { path, metricType: 0, line: 1, onSample };
    let buffer = new Uint8Array(WINDOW_BYTES);
    let length = 0;
    for (let position = 0; ;) {
      const read = await handle.read(buffer, length, buffer.length - length, position);
      position += read;
      length += read;
      if (read > 0 && length < buffer.length) continue;
      const isLast = read === 0;
      const end = isLast ? length : buffer.lastIndexOf(NEWLINE, length - 1) + 1;
      if (end === 0 && !isLast) {
        const larger = new Uint8Array(buffer.length * 2);
        larger.set(buffer);
        buffer = larger;
        continue;
      }
      // The mark of the end is looked for where the file ends.
      const keep = isLast ? end : Math.max(0, lastLine(buffer, end));
      readWindow(reading, buffer.subarray(0, keep), isLast);
      if (isLast) return;
      buffer.copyWithin(0, keep, length);
      length -= keep;
      if (length === buffer.length) {
        const larger = new Uint8Array(buffer.length * 2);
        larger.set(buffer);
        buffer = larger;
      }
      await pause();
    }
  } finally {
    await handle.close();
  }
}

/** Start of the last whole line before `end`. */
function lastLine(bytes: Uint8Array, end: number): number {
  return end < 2 ? 0 : bytes.lastIndexOf(NEWLINE, end - 2) + 1;
}

interface Reading {
  readonly path: string;
  readonly onSample: (sample: InputSample) => void;
  metricType: number;
  line: number;
}

function readWindow(reading: Reading, bytes: Uint8Array, isLast: boolean): void {
  const body = isLast ? Buffer.from(bytes) : Buffer.concat([bytes, EOF_LINE]);
  const parser = new OpenMetricsParser(body);
  parser.metricType = reading.metricType;
  const source = Buffer.from(body.buffer, body.byteOffset, body.length);
  let [counted, line] = [0, reading.line];
  const placeOf = (at: number): string => {
    for (; counted < at; counted++) if (source[counted] === NEWLINE) line++;
    return `${reading.path}:${line}`;
  };
  // What comes next begins behind the line that ends from here on.
  let from = 0;
  try {
    for (let entry = parser.next(); entry !== Entry.end; entry = parser.next()) {
      if (entry === Entry.meta) from = parser.lineEnd + 1;
      if (entry !== Entry.series) continue;
      const { seriesStart, seriesEnd, metricType, timestampMs: tMs, value } = parser;
      from = seriesStart;
      if (Number.isNaN(tMs)) {
        throw new ExpositionError(
          'expected timestamp for series, got none: write it in seconds after the value',
        );
      }
      reading.onSample({
        key: `${metricType}${source.toString('latin1', seriesStart, seriesEnd)}`,
        tMs,
        value,
        place: () => placeOf(seriesStart),
        labels: () => readSeriesLabels(source, seriesStart, seriesEnd, metricType),
      });
      from = source.indexOf(NEWLINE, seriesEnd) + 1;
    }
  } catch (error) {
    if (!(error instanceof ExpositionError)) throw error;
    throw new TocsinError('TOCSIN_ERR_PARSE', `${placeOf(from)}: ${errorText(error)}`, { cause: error });
  }
  reading.metricType = parser.metricType;
  placeOf(bytes.length);
  reading.line = line;
}
