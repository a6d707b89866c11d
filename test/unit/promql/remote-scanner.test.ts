import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ResultScanner } from '../../../src/promql/remote/result-scanner.ts';

/** Scans a text cut into pieces at the given places. */
function scan(
  text: string,
  cuts: readonly number[],
  limit = 0,
): { rest: unknown; result: string; isTruncated: boolean } {
  const bytes = new TextEncoder().encode(text);
  const scanner = new ResultScanner(limit);
  let from = 0;
  for (const cut of [...cuts, bytes.length].map((at) => Math.min(at, bytes.length)).sort((a, b) => a - b)) {
    scanner.push(bytes.slice(from, cut));
    from = cut;
  }
  const { rest, result, isTruncated } = scanner.end();
  return { rest, result: Buffer.concat(result).toString('utf8'), isTruncated };
}

const cutsArbitrary = fc.array(fc.nat(2000), { maxLength: 12 });
const seriesArbitrary = fc.array(
  fc.record({
    metric: fc.dictionary(fc.string(), fc.string()),
    values: fc.array(fc.tuple(fc.integer(), fc.string()), { maxLength: 4 }),
  }),
  { maxLength: 6 },
);

describe('taking the result out of an answer', () => {
  it('gives what JSON.parse gives, wherever the bytes are cut', () => {
    fc.assert(
      fc.property(
        seriesArbitrary,
        fc.array(fc.string()),
        cutsArbitrary,
        fc.boolean(),
        (series, warnings, cuts, wide) => {
          const answer = {
            status: 'success',
            warnings,
            data: { resultType: 'matrix', result: series },
            tail: { data: 1 },
          };
          const { rest, result, isTruncated } = scan(JSON.stringify(answer, null, wide ? 2 : 0), cuts);
          expect(JSON.parse(result)).toEqual(series);
          expect(rest).toEqual({ ...answer, data: { resultType: 'matrix', result: null } });
          expect(isTruncated).toBe(false);
        },
      ),
    );
  });

  it('cuts series beyond the limit', () => {
    fc.assert(
      fc.property(seriesArbitrary, fc.integer({ min: 1, max: 7 }), cutsArbitrary, (series, limit, cuts) => {
        const answer = { status: 'success', data: { result: series, resultType: 'vector' } };
        const { result, isTruncated } = scan(JSON.stringify(answer), cuts, limit);
        expect(JSON.parse(result)).toEqual(series.slice(0, limit));
        expect(isTruncated).toBe(series.length > limit);
      }),
    );
  });

  it('does not cut scalars', () => {
    const text = '{"status":"success","data":{"resultType":"scalar","result":[1.5,"2"]}}';
    expect(scan(text, [], 1)).toMatchObject({ result: '[1.5,"2"]', isTruncated: false });
  });

  it('leaves other answers whole', () => {
    for (const answer of [
      { status: 'success', data: ['a', 'b'] },
      { status: 'success', data: { resultType: 'vector', result: null } },
      { status: 'error', errorType: 'bad_data', error: '{"data":{"result":[1]}}' },
      { result: [1], data: { deeper: { result: [2] } } },
    ]) {
      expect(scan(JSON.stringify(answer), [])).toEqual({ rest: answer, result: '', isTruncated: false });
    }
  });

  it('says that it is no JSON, whatever comes', () => {
    fc.assert(
      fc.property(fc.string(), cutsArbitrary, (text, cuts) => {
        const { rest, result } = scan(text, cuts);
        if (result === '' && rest !== undefined) expect(rest).toEqual(JSON.parse(text));
      }),
    );
  });
});
