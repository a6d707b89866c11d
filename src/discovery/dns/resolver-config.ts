/** What `/etc/resolv.conf` says. */
export interface ResolverConfig {
  /** Addresses, in the order in which they are asked. */
  readonly servers: readonly string[];
  /** Domains that short names are tried in. */
  readonly search: readonly string[];
  /** A name with at least so many dots is tried as it is first. */
  readonly ndots: number;
}

/**
 * Reads the text of a `resolv.conf`. Of `domain` and `search` the last one counts.
 *
 * @see resolv.conf(5), github.com/miekg/dns clientconfig.go
 */
export function parseResolverConfig(text: string): ResolverConfig {
  const servers: string[] = [];
  let search: readonly string[] = [];
  let ndots = 1;
  for (const line of text.split('\n')) {
    if (/^[;#]/.test(line)) continue;
    const [key, ...values] = line.trim().split(/\s+/);
    if (key === 'nameserver' && ADDRESS.test(values[0] ?? '')) servers.push(values[0]!);
    else if (key === 'domain') search = values.slice(0, 1);
    else if (key === 'search') search = values;
    else if (key === 'options') {
      for (const option of values) {
        const match = /^ndots:(\d+)$/.exec(option);
        if (match !== null) ndots = Math.min(15, Number(match[1]));
      }
    }
  }
  return { servers, search, ndots };
}

/** An IPv4 address, or an IPv6 address that may name its zone. */
const ADDRESS = /^(?:\d{1,3}(?:\.\d{1,3}){3}|[\da-f.]*:[\da-f.]*:[\da-f:.]*(?:%\S+)?)$/i;

/** The full names (with a dot at the end) that a name may stand for, in the order in which they are tried. */
export function namesToTry(name: string, { search, ndots }: ResolverConfig): string[] {
  if (name.endsWith('.')) return [name];
  const full = `${name}.`;
  const within = search.map((domain) => (domain === '.' ? full : `${full}${domain.replace(/\.?$/, '.')}`));
  const dots = name.split('.').length - 1;
  return dots >= ndots ? [full, ...within] : [...within, full];
}
