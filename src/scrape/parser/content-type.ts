import { quoteText } from './bytes.ts';
import { ExpositionError } from './entry.ts';
import type { HistogramChoice } from './metric-entries.ts';
import { NhcbParser } from './nhcb-parser.ts';
import { OpenMetricsParser } from './openmetrics-parser.ts';
import { OpenMetrics2Parser } from './openmetrics2-parser.ts';
import { ProtoParser } from './proto-parser.ts';
import { TextParser } from './text-parser.ts';
import type { ExpositionParser } from './exposition-parser.ts';

/** Media types that have a parser here. */
const OPENMETRICS_MEDIA_TYPE = 'application/openmetrics-text';
const TEXT_MEDIA_TYPE = 'text/plain';
const PROTOBUF_MEDIA_TYPE = 'application/vnd.google.protobuf';
const KNOWN_MEDIA_TYPES: ReadonlySet<string> = new Set([
  OPENMETRICS_MEDIA_TYPE,
  TEXT_MEDIA_TYPE,
  PROTOBUF_MEDIA_TYPE,
]);

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const PARAMETER =
  /^;\s*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)=(?:([!#$%&'*+\-.^_`|~0-9A-Za-z]+)|"((?:[^"\\]|\\.)*)")\s*/;

/** The media type of a Content-Type header in lower case; undefined when the header is malformed. */
export function parseMediaType(header: string): string | undefined {
  return parseContentType(header)?.type;
}

function parseContentType(header: string): { readonly type: string; readonly version: string } | undefined {
  const semicolon = header.indexOf(';');
  const type = (semicolon < 0 ? header : header.slice(0, semicolon)).trim().toLowerCase();
  const [main = '', sub, more] = type.split('/');
  if (!TOKEN.test(main) || (sub !== undefined && !TOKEN.test(sub)) || more !== undefined) return undefined;
  let rest = semicolon < 0 ? '' : header.slice(semicolon).trim();
  const seen = new Set<string>();
  let version = '';
  while (rest !== '' && rest !== ';') {
    const match = PARAMETER.exec(rest);
    const name = match?.[1]?.toLowerCase();
    if (match === null || name === undefined || seen.has(name)) return undefined;
    seen.add(name);
    if (name === 'version') version = match[2] ?? match[3] ?? '';
    rest = rest.slice(match[0].length);
  }
  return { type, version };
}

/** How bodies are read. */
export interface ParserOptions extends HistogramChoice {
  /** Whether OpenMetrics 2.0 is read as such; else it is taken for 1.0. */
  readonly openMetrics2: boolean;
}

/**
 * The parser for a body, by the media type alone (of versions only OpenMetrics 2.0 is looked at). `fallback` is the media type to use when
 * the target names none or an unknown one; '' is none. Throws an ExpositionError when there is no parser.
 *
 * @see prometheus model/textparse/interface.go extractMediaType
 */
export function makeParser(
  body: Uint8Array,
  length: number,
  contentType: string,
  fallback: string,
  options: ParserOptions,
): ExpositionParser {
  const mediaType = chooseMediaType(contentType, fallback);
  if (mediaType === PROTOBUF_MEDIA_TYPE) return new ProtoParser(body, length, options);
  const isOpenMetrics2 = options.openMetrics2 && parseContentType(contentType)?.version === '2.0.0';
  if (mediaType === OPENMETRICS_MEDIA_TYPE && isOpenMetrics2)
    return new OpenMetrics2Parser(body, length, options);
  const text =
    mediaType === OPENMETRICS_MEDIA_TYPE ? new OpenMetricsParser(body, length) : new TextParser(body, length);
  return options.convertClassic ? new NhcbParser(text, options.alwaysClassic) : text;
}

function chooseMediaType(contentType: string, fallback: string): string {
  if (contentType === '') {
    if (fallback !== '') return fallback;
    throw new ExpositionError(
      'non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified for target',
    );
  }
  const mediaType = parseMediaType(contentType);
  if (mediaType !== undefined && KNOWN_MEDIA_TYPES.has(mediaType)) return mediaType;
  if (fallback !== '') return fallback;
  const shown = quoteText(contentType);
  throw new ExpositionError(
    mediaType === undefined
      ? `cannot parse Content-Type ${shown} and no fallback_scrape_protocol for target`
      : `received unsupported Content-Type ${shown} and no fallback_scrape_protocol specified for target`,
  );
}
