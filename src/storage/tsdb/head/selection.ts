import type { Matcher } from '../../../core/matcher.ts';
import type { HeadSlabs } from './head-slabs.ts';
import { ROWS_PER_SLAB, Row } from './head-slabs.ts';
import type { LabelIndexView } from './label-index.ts';
import { intersect, subtract, unite } from './postings.ts';
import type { TakeRefs } from './postings.ts';

/** A name has to have more values than this for each candidate before its values are left alone. */
const VALUES_PER_CANDIDATE = 2;

/** The pairs of a matcher's name whose value does (or, with `wanted` false, does not) match. */
function pairsWhere(labels: LabelIndexView, matcher: Matcher, wanted: boolean): number[] {
  // The texts that alone match (or alone don't): nothing has to be scanned.
  const isPositive = matcher.op === '=' || matcher.op === '=~';
  const literals = matcher.regexp === undefined ? [matcher.value] : matcher.regexp.setMatches;
  if (literals !== undefined && isPositive === wanted) {
    const found = new Set(literals.filter((value) => value !== ''));
    return [...found].map((value) => labels.findText(matcher.name, value)).filter((pair) => pair !== 0);
  }
  const pairs: number[] = [];
  for (const pair of labels.values(matcher.name)) {
    if (matcher.matches(labels.symbols.text(labels.value(pair))) === wanted) pairs.push(pair);
  }
  return pairs;
}

/**
 * Refs of the series that fulfil all matchers, ascending. What excludes most at least cost comes first: equal texts and
 * sets of texts are looked up; of the others, where few candidates are left the candidates' own values are tried rather
 * than all values of the name. `take` gives the room for lists; new arrays when absent.
 *
 * @see prometheus tsdb/querier.go PostingsForMatchers
 */
export function selectRefs(
  slabs: HeadSlabs,
  labels: LabelIndexView,
  matchers: readonly Matcher[],
  take?: TakeRefs,
): Uint32Array {
  let candidates: Uint32Array | undefined;
  const lists: Uint32Array[] = [];
  const rest: Matcher[] = [];
  for (const matcher of matchers) {
    const matchesEmpty = matcher.matches('');
    const isLookUp = matcher.op === '=' || (matcher.op === '=~' && matcher.regexp!.setMatches !== undefined);
    if (matchesEmpty || !isLookUp) {
      rest.push(matcher);
      continue;
    }
    const list = unite(
      pairsWhere(labels, matcher, true).map((pair) => labels.list(pair)),
      take,
    );
    if (list.length === 0) return list;
    lists.push(list);
  }
  lists.sort((a, b) => a.length - b.length);
  for (const list of lists) candidates = candidates === undefined ? list : intersect(candidates, list, take);
  // Matchers that demand a value narrow more than those that also take none.
  rest.sort((a, b) => Number(a.matches('')) - Number(b.matches('')));
  for (const matcher of rest) {
    if (candidates?.length === 0) break;
    candidates = narrow(slabs, labels, matcher, candidates, take);
  }
  return candidates ?? labels.allSeries();
}

function narrow(
  slabs: HeadSlabs,
  labels: LabelIndexView,
  matcher: Matcher,
  candidates: Uint32Array | undefined,
  take: TakeRefs | undefined,
): Uint32Array {
  const values = labels.values(matcher.name);
  if (candidates !== undefined && candidates.length * VALUES_PER_CANDIDATE < values.length) {
    return tryEach(slabs, labels, matcher, candidates);
  }
  if (matcher.matches('')) {
    const excluded = unite(
      pairsWhere(labels, matcher, false).map((pair) => labels.list(pair)),
      take,
    );
    return subtract(candidates ?? labels.allSeries(), excluded, take);
  }
  const wanted = unite(
    pairsWhere(labels, matcher, true).map((pair) => labels.list(pair)),
    take,
  );
  return candidates === undefined ? wanted : intersect(candidates, wanted, take);
}

function tryEach(
  slabs: HeadSlabs,
  labels: LabelIndexView,
  matcher: Matcher,
  candidates: Uint32Array,
): Uint32Array {
  const name = labels.symbols.find(matcher.name);
  const verdicts = new Map<number, boolean>();
  return candidates.filter((ref) => {
    const row = slabs.rowOf(ref);
    if (row < 0) return false;
    const words = slabs.rows.words((row / ROWS_PER_SLAB) | 0);
    const pairs = labels.lists.view(words[(row % ROWS_PER_SLAB) * Row.words + Row.labels]!);
    let value = 0;
    for (let i = 0; i < pairs.length; i++) {
      if (labels.name(pairs[i]!) !== name) continue;
      value = labels.value(pairs[i]!);
      break;
    }
    let verdict = verdicts.get(value);
    if (verdict === undefined) {
      verdict = matcher.matches(labels.symbols.text(value));
      verdicts.set(value, verdict);
    }
    return verdict;
  });
}
