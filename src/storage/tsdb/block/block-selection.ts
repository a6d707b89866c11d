import type { Matcher } from '../../../core/matcher.ts';
import { intersect, subtract, unite } from '../head/postings.ts';
import { SeriesEntry } from './index-reader.ts';
import type { IndexReader } from './index-reader.ts';

/** Steps (values tried, series looked at) between two pauses. */
const STEPS_PER_SLICE = 2000;
/** A name has to have more values than this for each candidate before the candidates' own are tried. */
const VALUES_PER_CANDIDATE = 2;

/** Lets others have their turn during long work. */
export class Slices {
  readonly #pause: (() => Promise<void>) | undefined;
  #steps = 0;

  constructor(pause: (() => Promise<void>) | undefined) {
    this.#pause = pause;
  }

  /** Counts steps; true when {@link rest} should be awaited. */
  step(count = 1): boolean {
    this.#steps += count;
    return this.#pause !== undefined && this.#steps >= STEPS_PER_SLICE;
  }

  async rest(): Promise<void> {
    this.#steps = 0;
    await this.#pause?.();
  }
}

/** Series whose value does (or, with `wanted` false, does not) match, rising; absent labels aside. Not to be changed. */
async function refsWhere(
  index: IndexReader,
  matcher: Matcher,
  wanted: boolean,
  slices: Slices,
): Promise<Uint32Array> {
  const isPositive = matcher.op === '=' || matcher.op === '=~';
  const literals = literalsOf(matcher);
  if (literals !== undefined && isPositive === wanted) {
    const lists: Uint32Array[] = [];
    for (const value of new Set(literals)) {
      if (value !== '') lists.push(index.find(matcher.name, value));
      if (slices.step(10)) await slices.rest();
    }
    return unite(lists);
  }
  const key = `${wanted ? '+' : '-'}${matcher.toString()}`;
  let refs = index.matched(key);
  if (refs === undefined) {
    refs = unite(await listsOfMatching(index, matcher, wanted, slices));
    index.keepMatched(key, refs);
  }
  return refs;
}

/** Tries all values of the name. */
async function listsOfMatching(
  index: IndexReader,
  matcher: Matcher,
  wanted: boolean,
  slices: Slices,
): Promise<Uint32Array[]> {
  const isPositive = matcher.op === '=' || matcher.op === '=~';
  const lists: Uint32Array[] = [];
  const prefix = isPositive && wanted ? (matcher.regexp?.prefix ?? '') : '';
  const walk = index.postings.values(matcher.name, prefix);
  while (walk.next()) {
    if (prefix !== '' && !walk.value.startsWith(prefix)) break;
    const matches = matcher.matches(walk.value) === wanted;
    if (matches) lists.push(index.readPostings(walk.place));
    if (slices.step(matches ? 5 : 1)) await slices.rest();
  }
  return lists;
}

function literalsOf(matcher: Matcher): readonly string[] | undefined {
  return matcher.regexp === undefined ? [matcher.value] : matcher.regexp.setMatches;
}

/**
 * Refs of a block's series that fulfil all matchers, rising. What is looked up comes before what has to be searched;
 * where few candidates are left their own values are tried rather than all values of the name.
 *
 * @see prometheus tsdb/querier.go PostingsForMatchers
 */
export async function selectRefs(
  index: IndexReader,
  matchers: readonly Matcher[],
  slices: Slices,
): Promise<Uint32Array> {
  const lists: Uint32Array[] = [];
  const rest: Matcher[] = [];
  for (const matcher of matchers) {
    const isLookUp =
      (matcher.op === '=' || matcher.op === '=~') &&
      literalsOf(matcher) !== undefined &&
      !matcher.matches('');
    if (!isLookUp) {
      rest.push(matcher);
      continue;
    }
    const list = await refsWhere(index, matcher, true, slices);
    if (list.length === 0) return list;
    lists.push(list);
  }
  lists.sort((a, b) => a.length - b.length);
  let candidates: Uint32Array | undefined;
  for (const list of lists) candidates = candidates === undefined ? list : intersect(candidates, list);
  rest.sort((a, b) => Number(a.matches('')) - Number(b.matches('')));
  for (const matcher of rest) {
    if (candidates?.length === 0) break;
    candidates = await narrow(index, matcher, candidates, slices);
  }
  return candidates ?? index.all();
}

async function narrow(
  index: IndexReader,
  matcher: Matcher,
  candidates: Uint32Array | undefined,
  slices: Slices,
): Promise<Uint32Array> {
  const values = index.postings.valueCount(matcher.name);
  if (candidates !== undefined && candidates.length * VALUES_PER_CANDIDATE < values) {
    return tryEach(index, matcher, candidates, slices);
  }
  if (matcher.matches('')) {
    const excluded = await refsWhere(index, matcher, false, slices);
    return subtract(candidates ?? index.all(), excluded);
  }
  const wanted = await refsWhere(index, matcher, true, slices);
  return candidates === undefined ? wanted : intersect(candidates, wanted);
}

async function tryEach(
  index: IndexReader,
  matcher: Matcher,
  candidates: Uint32Array,
  slices: Slices,
): Promise<Uint32Array> {
  const series = new SeriesEntry();
  const out = new Uint32Array(candidates.length);
  let count = 0;
  for (const ref of candidates) {
    index.readSeries(ref, series, false);
    if (matcher.matches(valueOf(index, series, matcher.name))) out[count++] = ref;
    if (slices.step()) await slices.rest();
  }
  return out.subarray(0, count);
}

/** Value of a label of a series; '' when it has none. */
export function valueOf(index: IndexReader, series: SeriesEntry, name: string): string {
  const { symbols } = series;
  for (let i = 0; i + 1 < symbols.length; i += 2) {
    if (index.symbols.get(symbols[i]!) === name) return index.symbols.get(symbols[i + 1]!);
  }
  return '';
}
