import { TocsinError, errorText } from '../../core/errors.ts';
import { Labels } from '../../core/labels.ts';
import type { DnsAnswer, DnsRecord, DnsType } from '../../core/ports.ts';
import { joinHostPort } from '../label-text.ts';
import type { Provider, ProviderContext } from '../provider.ts';
import { RefreshProvider } from '../refresh-provider.ts';
import type { TargetGroup } from '../target-group.ts';
import { namesToTry, parseResolverConfig } from './resolver-config.ts';
import type { ResolverConfig } from './resolver-config.ts';

/** What an entry of `dns_sd_configs` says. */
export interface DnsDiscoveryOptions {
  readonly names: readonly string[];
  readonly refreshIntervalMs: number;
  readonly type: DnsType;
  /** Of targets; SRV records have their own. */
  readonly port: number;
}

const RESOLVER_CONFIG = '/etc/resolv.conf';

/**
 * `dns_sd_configs`: one group a name, whose targets are its records. A name that could not be looked up keeps its
 * targets; one that all servers say does not exist loses them.
 *
 * @see prometheus discovery/dns/dns.go
 */
export function createDnsProvider(options: DnsDiscoveryOptions, context: ProviderContext): Provider {
  const { metrics, logger } = context;
  const lookups = metrics.counter('prometheus_sd_dns_lookups_total', 'The number of DNS-SD lookups.');
  const failures = metrics.counter(
    'prometheus_sd_dns_lookup_failures_total',
    'The number of DNS-SD lookup failures.',
  );
  const refreshOne = async (name: string, signal: AbortSignal): Promise<TargetGroup[]> => {
    lookups.inc();
    try {
      const records = await lookUp(name, options.type, context, signal);
      return [groupOf(name, records, options)];
    } catch (error) {
      if (signal.aborted) throw error;
      failures.inc();
      logger.error({ err: errorText(error) }, 'Error refreshing DNS targets');
      return [];
    }
  };
  return new RefreshProvider(
    {
      mechanism: 'dns',
      intervalMs: options.refreshIntervalMs,
      keepsMissing: true,
      refresh: async (signal) =>
        (await Promise.all([...new Set(options.names)].map((name) => refreshOne(name, signal)))).flat(),
    },
    context,
  );
}

function groupOf(
  name: string,
  records: readonly DnsRecord[],
  { type, port }: DnsDiscoveryOptions,
): TargetGroup {
  const targets = records.map((record) => {
    const labels: Record<string, string> = { __meta_dns_name: name };
    if (type === 'SRV') {
      labels['__meta_dns_srv_record_target'] = record.value;
      labels['__meta_dns_srv_record_port'] = String(record.port ?? 0);
    } else if (type === 'MX') labels['__meta_dns_mx_record_target'] = record.value;
    else if (type === 'NS') labels['__meta_dns_ns_record_target'] = record.value;
    const isAddress = type === 'A' || type === 'AAAA';
    const host = isAddress ? record.value : record.value.replace(/\.+$/, '');
    labels['__address__'] = joinHostPort(host, record.port ?? port);
    return Labels.fromObject(labels);
  });
  return { source: name, targets, labels: Labels.EMPTY };
}

/**
 * The records of the first full name that is known. None when every name is known not to exist; a failure when one
 * could not be asked for, since then nothing is known.
 */
async function lookUp(
  name: string,
  type: DnsType,
  context: ProviderContext,
  signal: AbortSignal,
): Promise<readonly DnsRecord[]> {
  const config = await readResolverConfig(context);
  let isSure = true;
  for (const full of namesToTry(name, config)) {
    const answer = await askAny(full, type, config.servers, context, signal);
    if (answer === undefined) isSure = false;
    else if (answer.known) return answer.records;
  }
  if (isSure) return [];
  throw new TocsinError(
    'TOCSIN_ERR_DNS',
    `could not resolve ${JSON.stringify(name)}: all servers responded with errors to at least one search domain`,
  );
}

/** What the first server says that gives an answer; undefined when none does. */
async function askAny(
  name: string,
  type: DnsType,
  servers: readonly string[],
  { dns, logger }: ProviderContext,
  signal: AbortSignal,
): Promise<DnsAnswer | undefined> {
  for (const server of servers) {
    try {
      return await dns.ask(server, name, type, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      logger.warn({ server, name, err: errorText(error) }, 'DNS resolution failed');
    }
  }
  return undefined;
}

/** Read for every look-up, so that a change of the file counts. */
async function readResolverConfig({ files, dns }: ProviderContext): Promise<ResolverConfig> {
  if ((await files.stat(RESOLVER_CONFIG)) === undefined) {
    return { servers: dns.systemServers(), search: [], ndots: 1 };
  }
  return parseResolverConfig(new TextDecoder().decode(await files.readFile(RESOLVER_CONFIG)));
}
