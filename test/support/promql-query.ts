import { histogramText } from '../../src/core/histogram/text.ts';
import { silentLogger } from '../../src/core/log.ts';
import { VirtualClock } from '../../src/core/virtual-clock.ts';
import { LocalQueryEngine, type LocalQueryEngineOptions, type QueryResult } from '../../src/promql/index.ts';
import { load } from '../promql/promqltest.ts';
import { parseScript } from '../promql/script.ts';
import { MemoryStorage } from './memory-storage.ts';

/** Everything experimental of Prometheus' language. */
const EXPERIMENTAL = {
  features: {
    experimentalFunctions: true,
    durationExpressions: true,
    extendedRangeSelectors: true,
    fillModifiers: true,
  },
};

/**
 * An engine over the samples of promqltest `load` commands.
 *
 * @example await engineOver(`load 1m\n  up{job="a"} 1 1 0`)
 */
export async function engineOver(
  script: string,
  options: Partial<LocalQueryEngineOptions> = {},
): Promise<LocalQueryEngine> {
  const storage = new MemoryStorage();
  for (const command of parseScript(script)) if (command.kind === 'load') await load(storage, command);
  return new LocalQueryEngine({
    storage,
    clock: new VirtualClock(0),
    logger: silentLogger,
    parseOptions: EXPERIMENTAL,
    ...options,
  });
}

/** An answer in lines: `{labels} value`, in a range `{labels} value@seconds value@seconds`, scalars as they are. */
export function linesOf({ value }: QueryResult): string[] {
  switch (value.type) {
    case 'scalar':
    case 'string':
      return [String(value.value)];
    case 'vector':
      return value.samples.map(
        ({ labels, value: number, histogram }) =>
          `${labels.toString()} ${histogram === undefined ? number : histogramText(histogram)}`,
      );
    case 'matrix':
      return value.series.map(({ labels, timestamps, values, histograms }) => {
        const points = [...values].map((number, i) => `${number}@${timestamps[i]! / 1000}`);
        for (const [i, histogram] of (histograms?.values ?? []).entries()) {
          points.push(`${histogramText(histogram)}@${histograms!.timestamps[i]! / 1000}`);
        }
        return `${labels.toString()} ${points.join(' ')}`;
      });
  }
}

/** The message that a query is refused with; '' when it has an answer. */
export async function messageOf(query: Promise<unknown>): Promise<string> {
  return await query.then(
    () => '',
    (reason: unknown) => (reason instanceof Error ? reason.message : String(reason)),
  );
}
