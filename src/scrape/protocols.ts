/** A format to ask targets for, by the name that `scrape_protocols` uses. */
export type ScrapeProtocol =
  'OpenMetricsText1.0.0' | 'OpenMetricsText0.0.1' | 'PrometheusText1.0.0' | 'PrometheusText0.0.4';

/** How names with other characters than the old ones are to be written by targets. */
export type EscapingScheme = 'allow-utf-8' | 'underscores' | 'dots' | 'values';

/** What is asked for by default, most wanted first. */
export const DEFAULT_SCRAPE_PROTOCOLS: readonly ScrapeProtocol[] = [
  'OpenMetricsText1.0.0',
  'OpenMetricsText0.0.1',
  'PrometheusText1.0.0',
  'PrometheusText0.0.4',
];

const HEADERS: Readonly<Record<ScrapeProtocol, string>> = {
  'OpenMetricsText1.0.0': 'application/openmetrics-text;version=1.0.0',
  'OpenMetricsText0.0.1': 'application/openmetrics-text;version=0.0.1',
  'PrometheusText1.0.0': 'text/plain;version=1.0.0',
  'PrometheusText0.0.4': 'text/plain;version=0.0.4',
};

/** The weight of the first protocol in tenths: one more than Prometheus has protocols, protobuf included. */
const FIRST_WEIGHT = 6;

/** The Accept header for a list of protocols. */
export function acceptHeader(protocols: readonly ScrapeProtocol[], escaping: EscapingScheme): string {
  const parts = protocols.map((protocol, i) => {
    const escapes = protocol === 'OpenMetricsText1.0.0' || protocol === 'PrometheusText1.0.0';
    return `${HEADERS[protocol]}${escapes ? `;escaping=${escaping}` : ''};q=0.${FIRST_WEIGHT - i}`;
  });
  parts.push(`*/*;q=0.${FIRST_WEIGHT - protocols.length}`);
  return parts.join(',');
}

/** Media type of a protocol. */
export function mediaTypeOf(protocol: ScrapeProtocol): string {
  return HEADERS[protocol].slice(0, HEADERS[protocol].indexOf(';'));
}
