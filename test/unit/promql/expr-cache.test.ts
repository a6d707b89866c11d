import { describe, expect, it, vi } from 'vitest';
import { ExprCache } from '../../../src/promql/expr-cache.ts';
import { parseExpr } from '../../../src/promql/parser/parse.ts';

function cache(): { readonly exprs: ExprCache; readonly parse: (text: string) => unknown } {
  const parse = vi.fn((text: string) => parseExpr(text));
  return { exprs: new ExprCache(parse), parse };
}

describe('kept syntax trees', () => {
  it('are parsed once', () => {
    const { exprs, parse } = cache();
    expect(exprs.get('a + b')).toBe(exprs.get('a + b'));
    expect(parse).toHaveBeenCalledTimes(1);
  });

  it('are not made of what is no query', () => {
    const { exprs } = cache();
    expect(() => exprs.get('a +')).toThrow('parse error');
    expect(() => exprs.get('a +')).toThrow('parse error');
    expect(exprs.size).toBe(0);
  });

  it('leave long texts out', () => {
    const { exprs, parse } = cache();
    const text = `a{b="${'x'.repeat(5000)}"}`;
    exprs.get(text);
    exprs.get(text);
    expect(parse).toHaveBeenCalledTimes(2);
    expect(exprs.size).toBe(0);
  });

  it('give way to newer ones, those that are in use last', () => {
    const { exprs } = cache();
    const first = exprs.get('kept');
    const filler = 'x'.repeat(4000);
    for (let i = 0; i < 300; i++) {
      exprs.get(`a{b="${filler}${i}"}`);
      expect(exprs.get('kept')).toBe(first);
    }
    expect(exprs.size).toBeLessThan(135);
  });
});
