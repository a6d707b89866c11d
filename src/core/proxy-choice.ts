import { isIP } from 'node:net';
import type { ProxyConfig } from './http-config.ts';

/** Environment variables that name proxies; `app/` hands in the process's own. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy for a request, or undefined to go directly.
 *
 * @see golang.org/x/net/http/httpproxy, prometheus/common config ProxyConfig.Proxy
 */
export function chooseProxy(config: ProxyConfig, url: string, environment: Environment): string | undefined {
  if (config.fromEnvironment) {
    const isTls = new URL(url).protocol === 'https:';
    const value = isTls
      ? (environment['HTTPS_PROXY'] ?? environment['https_proxy'])
      : (environment['HTTP_PROXY'] ?? environment['http_proxy']);
    const noProxy = environment['NO_PROXY'] ?? environment['no_proxy'] ?? '';
    if (value === undefined || value === '' || isDirect(url, noProxy)) return undefined;
    return /^[a-z0-9]+:\/\//i.test(value) ? value : `http://${value}`;
  }
  if (config.url === undefined) return undefined;
  if (config.noProxy !== '' && isDirect(url, config.noProxy)) return undefined;
  return config.url;
}

/** Whether a host is on a `no_proxy` list: `*`, hosts with their subdomains, addresses, networks, `host:port`. */
function isDirect(url: string, noProxy: string): boolean {
  const { hostname, port: givenPort, protocol } = new URL(url);
  const host = hostname
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase();
  const port = givenPort === '' ? (protocol === 'https:' ? '443' : '80') : givenPort;
  if (host === 'localhost' || host.startsWith('127.') || host === '::1') return true;
  return noProxy.split(',').some((item) => matchesItem(item.trim().toLowerCase(), host, port));
}

function matchesItem(item: string, host: string, port: string): boolean {
  if (item === '') return false;
  if (item === '*') return true;
  if (item.includes('/')) return isInNetwork(host, item);
  const portMatch = isIP(item) === 0 ? /^(.*):(\d+)$/.exec(item) : null;
  const name = (portMatch?.[1] ?? item).replace(/^\[|\]$/g, '');
  if (portMatch !== null && portMatch[2] !== port) return false;
  if (isIP(name) > 0) return name === host;
  const domain = name.startsWith('*.') ? name.slice(1) : name;
  if (domain.startsWith('.')) return host.endsWith(domain);
  return host === domain || host.endsWith(`.${domain}`);
}

function isInNetwork(host: string, network: string): boolean {
  const [base = '', bitsText = ''] = network.split('/');
  const address = addressValue(host);
  const baseAddress = addressValue(base);
  const bits = Number(bitsText);
  if (address === undefined || baseAddress === undefined || address.bits !== baseAddress.bits) return false;
  if (!/^\d+$/.test(bitsText) || bits > address.bits) return false;
  const shift = BigInt(address.bits - bits);
  return address.value >> shift === baseAddress.value >> shift;
}

function addressValue(text: string): { value: bigint; bits: number } | undefined {
  const family = isIP(text);
  if (family === 4) {
    return { value: text.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n), bits: 32 };
  }
  if (family !== 6) return undefined;
  // The URL parser writes every form of an IPv6 address the same way.
  const plain = new URL(`http://[${text.replace(/%.*$/, '')}]/`).hostname.slice(1, -1);
  const [head = '', tail] = plain.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0');
  const groups = tail === undefined ? left : [...left, ...zeros, ...right];
  return { value: groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n), bits: 128 };
}
