/** Prometheus' XOR chunk written the plain way: text of bits and BigInts. Slow and obvious. */

function bits(value: bigint, count: number): string {
  return BigInt.asUintN(count, value).toString(2).padStart(count, '0');
}

function uvarint(value: bigint): string {
  let rest = value;
  let out = '';
  while (rest >= 128n) {
    out += bits((rest & 127n) | 128n, 8);
    rest >>= 7n;
  }
  return out + bits(rest, 8);
}

function varint(value: bigint): string {
  return uvarint(value >= 0n ? value * 2n : -value * 2n - 1n);
}

function fits(dod: bigint, count: bigint): boolean {
  const half = 1n << (count - 1n);
  return -(half - 1n) <= dod && dod <= half;
}

function encodeDod(dod: bigint): string {
  if (dod === 0n) return '0';
  if (fits(dod, 14n)) return `10${bits(dod, 14)}`;
  if (fits(dod, 17n)) return `110${bits(dod, 17)}`;
  if (fits(dod, 20n)) return `1110${bits(dod, 20)}`;
  return `1111${bits(dod, 64)}`;
}

/** Data of a chunk after its u16 count. */
export function referenceXor(samples: readonly { readonly t: number; readonly v: bigint }[]): Uint8Array {
  let out = '';
  let window: { leading: number; trailing: number } | undefined;
  samples.forEach(({ t, v }, i) => {
    const before = samples[i - 1];
    if (before === undefined) {
      out += varint(BigInt(t)) + bits(v, 64);
      return;
    }
    const delta = BigInt(t) - BigInt(before.t);
    const earlier = samples[i - 2];
    out += earlier === undefined ? uvarint(delta) : encodeDod(delta - (BigInt(before.t) - BigInt(earlier.t)));
    const xor = v ^ before.v;
    if (xor === 0n) {
      out += '0';
      return;
    }
    const text = bits(xor, 64);
    const leading = Math.min(text.indexOf('1'), 31);
    const trailing = 63 - text.lastIndexOf('1');
    if (window !== undefined && leading >= window.leading && trailing >= window.trailing) {
      out += `10${text.slice(window.leading, 64 - window.trailing)}`;
    } else {
      window = { leading, trailing };
      const significant = 64 - leading - trailing;
      out += `11${bits(BigInt(leading), 5)}${bits(BigInt(significant), 6)}${text.slice(leading, 64 - trailing)}`;
    }
  });
  const bytes = new Uint8Array(Math.ceil(out.length / 8));
  for (let i = 0; i < bytes.length; i++)
    bytes[i] = Number.parseInt(out.slice(i * 8, i * 8 + 8).padEnd(8, '0'), 2);
  return bytes;
}
