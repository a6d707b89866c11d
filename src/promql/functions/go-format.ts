function special(value: number): string {
  if (value !== value) return 'NaN';
  return value > 0 ? '+Inf' : '-Inf';
}

function withExponent(mantissa: string, exponent: number): string {
  const sign = exponent < 0 ? '-' : '+';
  return `${mantissa}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`;
}

/** A positive number with so many digits; a tie goes to the even digit, where JavaScript's own rounding goes up. */
function roundedToEven(value: number, digits: number): string {
  const [exact = '', exponent = '0'] = value.toExponential(20).split('e');
  const all = exact.replace('.', '');
  const isTie = /^50*$/.test(all.slice(digits));
  if (!isTie || Number(all[digits - 1]) % 2 === 1) return value.toExponential(digits - 1);
  const kept = all.slice(0, digits);
  return `${kept[0]}.${kept.slice(1)}e${exponent}`;
}

/** Go's `%.Ng` of a float: at most `digits` significant digits; an exponent below 1e-4 and from 10^digits on. */
export function goGeneralDigits(value: number, digits: number): string {
  if (!Number.isFinite(value)) return special(value);
  const negative = value < 0 || Object.is(value, -0) ? '-' : '';
  if (value === 0) return `${negative}0`;
  const [mantissa = '', exponentText = '0'] = roundedToEven(Math.abs(value), digits).split('e');
  const exponent = Number(exponentText);
  const trimmed = mantissa.replace('.', '').replace(/0+$/, '') || '0';
  if (exponent < -4 || exponent >= digits) {
    const shown = trimmed.length > 1 ? `${trimmed[0]}.${trimmed.slice(1)}` : trimmed;
    return negative + withExponent(shown, exponent);
  }
  if (exponent < 0) return `${negative}0.${'0'.repeat(-exponent - 1)}${trimmed}`;
  const whole = trimmed.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  const fraction = trimmed.slice(exponent + 1);
  return negative + (fraction === '' ? whole : `${whole}.${fraction}`);
}
