/**
 * Where Prometheus 2.42 and the 3.x that we follow differ, as far as queries of expressions.ts can show it. What is not
 * here is kept out of those queries and data: ranges and lookback counted their left edge in before 3.0; counters were
 * extrapolated to zero in another way; topk took another one of equal values; histogram_quantile interpolated native
 * histograms linearly.
 */
const DIFFERENCES: readonly {
  readonly why: string;
  readonly applies: (query: string, found: string) => boolean;
}[] = [
  {
    why: 'since 3.0 label_replace, label_join and unary minus merge equal series that share no step',
    applies: (query, found) =>
      /label_|-\(/.test(query) &&
      found.startsWith('only they fail') &&
      found.includes('vector cannot contain metrics with the same labelset'),
  },
  {
    why: 'since 3.0 a match must be unique even if the comparison then drops it',
    applies: (query, found) => /[<>=]=?/.test(query) && found.startsWith('only we fail: multiple matches'),
  },
  { why: 'since 3.0 atan2 with a scalar drops the name', applies: (query) => query.includes('atan2') },
  {
    why: '2.42 lost the samples of predict_linear under @ after the first step',
    applies: (query) => query.includes('predict_linear') && query.includes('@'),
  },
  {
    why: 'since 2.54 a first value that is not finite makes the deviation of a group NaN',
    // Theirs is 0, or what else the query makes of that.
    applies: (query, found) => /std(dev|var)/.test(query) && /: NaN, theirs -?[\d.e+-]+$/.test(found),
  },
  {
    why: 'since 3.0 avg divides a compensated sum where 2.42 went on from mean to mean: where last digits count it shows',
    applies: (query, found) =>
      /(resets|changes|count_values)\(.*avg/.test(query) && /\d, theirs \d/.test(found),
  },
  {
    why: 'since 3.0 an infinite compensated sum stays infinite rather than becoming NaN',
    applies: (_query, found) => /-?Infinity, theirs NaN$/.test(found),
  },
];

/** Where an answer of Prometheus 3 depends on something other than the query and the samples. */
const CHANCE: typeof DIFFERENCES = [
  {
    why: 'whether histograms are equal depends on the empty buckets that each has from its neighbours in a chunk',
    applies: (query, found) => /[=!]=/.test(query) && /nh|mixed/.test(query) && /lack/.test(found),
  },
  {
    why: 'whether a negated histogram was reset, or is NaN times infinity, depends on those empty buckets too',
    applies: (query, found) =>
      /nh|mixed/.test(query) &&
      /\{"count/.test(found) &&
      (/(rate|increase|resets).*-/.test(query) || /Inf|NaN| \/ 0/.test(query)),
  },
  {
    why: 'which kind of histogram an aggregation meets first depends on a hash table',
    applies: (_query, found) =>
      found.startsWith('notes ') && /vector contains a mix/.test(found) && /a mix.*a mix/.test(found),
  },
  {
    why: 'of the faults that one step of a binary operator has, the one of the last series is noted, in any order',
    applies: (query, found) =>
      found.startsWith('notes ') && found.includes('binary operator') && /\{g="a", i="1"\}/.test(query),
  },
  {
    why: 'of equal notes with several places it shows the one that was merged last',
    applies: (query, found) => {
      const [ours, theirs] = found.split(', theirs ').map((notes) => notes.replaceAll(/ \(\d+:\d+\)/g, ''));
      return (
        found.startsWith('notes ') &&
        ours === `notes ${theirs}` &&
        /quantile.*quantile|\(1:1\)/.test(`${query} ${found}`)
      );
    },
  },
];

/** Why a difference is as it should be; undefined when it isn't. */
export function documentedDifference(query: string, found: string, full: boolean): string | undefined {
  return (full ? CHANCE : DIFFERENCES).find(({ applies }) => applies(query, found))?.why;
}
