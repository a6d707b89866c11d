import { NODATA, NOTFOUND, Resolver, getServers } from 'node:dns';
import { TocsinError, errorText } from '../errors.ts';
import type { DnsAnswer, DnsClient, DnsRecord, DnsType } from '../ports.ts';

/** For one answer, as Prometheus waits for one; c-ares looks at it about once a second. */
const TIMEOUT_MS = 2000;

/** What is wrong with an answer, by Node's codes. */
const REASONS: Readonly<Record<string, string>> = {
  ESERVFAIL: 'the server failed (SERVFAIL)',
  EREFUSED: 'the server refused (REFUSED)',
  ENOTIMP: 'the server does not know the question (NOTIMP)',
  EFORMERR: 'the server did not understand the question (FORMERR)',
  EBADRESP: 'the answer is malformed',
  ETIMEOUT: 'no answer in time',
  ECONNREFUSED: 'connection refused',
  EBADNAME: 'not a domain name',
};

/** DNS by Node's resolver, which is c-ares; each question has a resolver of its own, so that no answer is a kept one. */
export class NodeDnsClient implements DnsClient {
  systemServers(): readonly string[] {
    return getServers();
  }

  async ask(server: string, name: string, type: DnsType, signal: AbortSignal): Promise<DnsAnswer> {
    signal.throwIfAborted();
    const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: 1 });
    resolver.setServers([server]);
    const cancel = (): void => {
      resolver.cancel();
    };
    signal.addEventListener('abort', cancel, { once: true });
    try {
      return { known: true, records: await resolve(resolver, name, type) };
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const code = (error as NodeJS.ErrnoException).code ?? '';
      if (code === NODATA) return { known: true, records: [] };
      if (code === NOTFOUND) return { known: false };
      const reason = REASONS[code] ?? errorText(error);
      throw new TocsinError('TOCSIN_ERR_DNS', `${server}: ${name} ${type}: ${reason}`, { cause: error });
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }
}

function resolve(resolver: Resolver, name: string, type: DnsType): Promise<DnsRecord[]> {
  return new Promise((done, fail) => {
    // Node gives names without the dot at their end.
    const finish =
      <T>(toRecord: (item: T) => DnsRecord) =>
      (error: Error | null, items: readonly T[]): void => {
        if (error === null) done(items.map(toRecord));
        else fail(error);
      };
    const address = finish((value: string) => ({ value }));
    if (type === 'A') resolver.resolve4(name, address);
    else if (type === 'AAAA') resolver.resolve6(name, address);
    else if (type === 'NS')
      resolver.resolveNs(
        name,
        finish((value: string) => ({ value: `${value}.` })),
      );
    else if (type === 'MX') {
      resolver.resolveMx(
        name,
        finish(({ exchange }: { exchange: string }) => ({ value: `${exchange}.` })),
      );
    } else {
      const srv = finish((item: { name: string; port: number }) => ({
        value: `${item.name}.`,
        port: item.port,
      }));
      resolver.resolveSrv(name, srv);
    }
  });
}
