import type { ScrapeFeatures } from './features.ts';

/** A format to ask targets for, by the name that `scrape_protocols` uses. */
export type ScrapeProtocol =
  | 'PrometheusProto'
  | 'OpenMetricsText1.0.0'
  | 'OpenMetricsText0.0.1'
  | 'PrometheusText1.0.0'
  | 'PrometheusText0.0.4';

/** How names with other characters than the old ones are to be written by targets. */
export type EscapingScheme = 'allow-utf-8' | 'underscores' | 'dots' | 'values';

/** All protocols; so they are asked for where native histograms or start timestamps are wanted. */
export const SCRAPE_PROTOCOLS: readonly ScrapeProtocol[] = [
  'PrometheusProto',
  'OpenMetricsText1.0.0',
  'OpenMetricsText0.0.1',
  'PrometheusText1.0.0',
  'PrometheusText0.0.4',
];

/**
 * What is asked for where a job does not say, most wanted first. Protobuf is, before all others, where there is
 * something that only it has, or has best: native histograms, or start timestamps.
 *
 * @see prometheus config/config.go DefaultScrapeProtocols, DefaultProtoFirstScrapeProtocols
 */
export function defaultProtocols(
  wantsHistograms: boolean,
  { storeStarts, startZeros }: ScrapeFeatures,
): readonly ScrapeProtocol[] {
  return wantsHistograms || storeStarts || startZeros ? SCRAPE_PROTOCOLS : TEXT_PROTOCOLS;
}

const TEXT_PROTOCOLS = SCRAPE_PROTOCOLS.filter((protocol) => protocol !== 'PrometheusProto');

const HEADERS: Readonly<Record<ScrapeProtocol, string>> = {
  PrometheusProto:
    'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited',
  'OpenMetricsText1.0.0': 'application/openmetrics-text;version=1.0.0',
  'OpenMetricsText0.0.1': 'application/openmetrics-text;version=0.0.1',
  'PrometheusText1.0.0': 'text/plain;version=1.0.0',
  'PrometheusText0.0.4': 'text/plain;version=0.0.4',
};

const OPENMETRICS2_HEADER = 'application/openmetrics-text;version=2.0.0';

/** The Accept header for a list of protocols; OpenMetrics 2.0, where it is wanted, goes before 1.0. */
export function acceptHeader(
  protocols: readonly ScrapeProtocol[],
  escaping: EscapingScheme,
  wantsOpenMetrics2 = false,
): string {
  const types: string[] = [];
  for (const protocol of protocols) {
    const escapes = protocol === 'OpenMetricsText1.0.0' || protocol === 'PrometheusText1.0.0';
    const ending = escapes ? `;escaping=${escaping}` : '';
    if (protocol === 'OpenMetricsText1.0.0' && wantsOpenMetrics2) types.push(OPENMETRICS2_HEADER + ending);
    types.push(HEADERS[protocol] + ending);
  }
  types.push('*/*');
  // In tenths: the first has one more than there are protocols.
  const first = SCRAPE_PROTOCOLS.length + (wantsOpenMetrics2 ? 2 : 1);
  return types.map((type, i) => `${type};q=0.${first - i}`).join(',');
}

/** Media type of a protocol. */
export function mediaTypeOf(protocol: ScrapeProtocol): string {
  return HEADERS[protocol].slice(0, HEADERS[protocol].indexOf(';'));
}
