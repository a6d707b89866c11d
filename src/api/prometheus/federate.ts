import { formatFloatGeneral } from '../../core/float-text.ts';
import {
  LEGACY_LABEL_NAME,
  LEGACY_METRIC_NAME,
  METRIC_NAME,
  compareText,
  type Labels,
} from '../../core/labels.ts';
import { SampleBuffer, isStale, type Querier } from '../../storage/index.ts';
import type { Params } from '../params.ts';
import { selector } from '../params.ts';
import type { ApiDeps, PrometheusPorts } from '../ports.ts';

/** Series read in one turn of the loop. */
const TURN_SERIES = 2000;

/** Content type of {@link federate}'s text. */
export const FEDERATE_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

interface Newest {
  readonly labels: Labels;
  readonly tMs: number;
  readonly value: number;
}

/**
 * The newest sample of each series that `match[]` selects, as exposition text; stale ones and those without a name are
 * left out, external labels are added where they are missing.
 *
 * @see prometheus web/federate.go
 */
export async function federate(
  deps: ApiDeps,
  ports: PrometheusPorts,
  params: Params,
): Promise<Iterable<string>> {
  const sets = params.all('match[]').map((text) => selector(text));
  const maxMs = deps.clock.nowMs();
  const minMs = maxMs - deps.options.lookbackMs;
  const querier = (ports.federated ?? ports.readable).querier(minMs, maxMs);
  const found = new Map<string, Newest>();
  try {
    for (const matchers of sets) {
      await readNewest(deps, querier, matchers, minMs, maxMs, found);
    }
  } finally {
    querier.close();
  }
  const sorted = [...found.values()].sort((a, b) => compareText(a.labels.metricName, b.labels.metricName));
  return lines(sorted, externalLabels(ports.externalLabels()));
}

async function readNewest(
  deps: ApiDeps,
  querier: Querier,
  matchers: ReturnType<typeof selector>,
  minMs: number,
  maxMs: number,
  found: Map<string, Newest>,
): Promise<void> {
  const cursor = await querier.select(matchers, { minMs, maxMs, limit: 0 });
  const buffer = new SampleBuffer(64);
  for (let i = 1; cursor.next(); i++) {
    const length = cursor.read(minMs, maxMs, buffer);
    if (i % TURN_SERIES === 0) await deps.clock.yieldTurn();
    if (length === 0 || isStale(buffer.values[length - 1]!)) continue;
    const labels = cursor.labels();
    if (labels.metricName === '') continue;
    found.set(labels.key, {
      labels,
      tMs: buffer.timestamps[length - 1]!,
      value: buffer.values[length - 1]!,
    });
  }
}

function externalLabels(labels: Labels): readonly (readonly [string, string])[] {
  const entries = [...labels];
  if (!labels.has('instance')) entries.push(['instance', '']);
  return entries.sort(([a], [b]) => compareText(a, b));
}

function* lines(
  samples: readonly Newest[],
  external: readonly (readonly [string, string])[],
): Generator<string> {
  let lastName: string | undefined;
  for (const { labels, tMs, value } of samples) {
    const name = labels.metricName;
    const isLegacy = LEGACY_METRIC_NAME.test(name);
    let text = '';
    if (name !== lastName) text += `# TYPE ${isLegacy ? name : quote(name)} untyped\n`;
    lastName = name;
    const pairs = [...labels].filter(([label]) => label !== METRIC_NAME);
    for (const [label, added] of external) if (!labels.has(label)) pairs.push([label, added]);
    const parts = pairs.map(
      ([label, text]) => `${LEGACY_LABEL_NAME.test(label) ? label : quote(label)}=${quote(text)}`,
    );
    if (!isLegacy) parts.unshift(quote(name));
    text += `${isLegacy ? name : ''}${parts.length > 0 ? `{${parts.join(',')}}` : ''}`;
    yield `${text} ${formatFloatGeneral(value)} ${tMs}\n`;
  }
}

function quote(text: string): string {
  return `"${text
    .replaceAll('\\', '\\\\')
    .replaceAll('\n', String.raw`\n`)
    .replaceAll('"', String.raw`\"`)}"`;
}
