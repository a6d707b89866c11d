import { TocsinError } from '../core/errors.ts';
import { histogramText } from '../core/histogram/text.ts';
import type { Labels } from '../core/labels.ts';
import { SystemRandom } from '../core/system/system-random.ts';
import { parseMetricSelector } from '../promql/index.ts';
import {
  BlockImport,
  ReadOnlyData,
  SampleBuffer,
  analyzeBlock,
  analyzeChunks,
  lastBlock,
  listBlocks,
  openBlock,
} from '../storage/index.ts';
import type { SeriesRef } from '../storage/index.ts';
import { withSystem } from './command-context.ts';
import type { CommandContext } from './command-context.ts';
import { flag, runGroup, usageError } from './command-line.ts';
import type { CommandGroup } from './command-line.ts';
import type { ParsedFlags } from './flag-set.ts';
import { blockSpan, pauseOf } from './tsdb-blocks.ts';
import { readOpenMetrics } from './tsdb-import.ts';
import { CREATE_FROM_RULES } from './tsdb-rules.ts';
import {
  blockTable,
  figuresChart,
  goDuration,
  openMetricsSeries,
  sampleText,
  seriesText,
} from './tsdb-text.ts';

const DEFAULT_PATH = 'data/';
const READABLE = flag('human-readable', 'switch', 'false', 'Print times and sizes for people.');
const DUMP_FLAGS = [
  flag('min-time', 'integer', '-9223372036854775808', 'First time, in milliseconds since 1970.'),
  flag('max-time', 'integer', '9223372036854775807', 'Last time, in milliseconds since 1970.'),
  flag('match', 'list', "{__name__=~'(?s:.*)'}", 'Series selector; may be given more than once.'),
  {
    ...flag('sandbox-dir-root', 'text', '', 'Nothing is written when a folder is read.'),
    standing: 'ignored',
  } as const,
];
const CREATE = 'create-blocks-from';

/** `tocsin tsdb …`, with promtool's arguments and output. */
export const TSDB_COMMANDS: CommandGroup = {
  list: {
    args: '[FLAGS] [FOLDER]',
    help: 'List blocks.',
    flags: [READABLE],
    short: { r: 'human-readable' },
    run: list,
  },
  analyze: {
    args: '[FLAGS] [FOLDER] [BLOCK]',
    help: 'Tell about churn, cardinality and compaction of a block, the last when none is named.',
    flags: [
      flag('limit', 'integer', '20', 'How many items to show in each list.'),
      flag('extended', 'switch', 'false', 'Look into the chunks, too.'),
      flag('match', 'text', '', 'Selector of the series to look at.'),
    ],
    run: analyze,
  },
  dump: {
    args: '[FLAGS] [FOLDER]',
    help: 'Print samples, also of a folder that is in use: nothing is locked or written.',
    flags: [...DUMP_FLAGS, flag('format', 'text', 'prom', 'What to print.', ['prom', 'seriesjson'])],
    run: (flags, context) => dump(flags, context, flags.text('format') === 'prom' ? 'prom' : 'json'),
  },
  'dump-openmetrics': {
    args: '[FLAGS] [FOLDER]',
    help: 'Print samples as OpenMetrics, without native histograms.',
    flags: DUMP_FLAGS,
    run: (flags, context) => dump(flags, context, 'openmetrics'),
  },
  [`${CREATE} openmetrics`]: {
    args: '[FLAGS] FILE [FOLDER]',
    help: 'Make blocks of the samples of an OpenMetrics file.',
    flags: [
      READABLE,
      flag('quiet', 'switch', 'false', 'Do not list the blocks.'),
      flag('max-block-duration', 'text', '', 'Longest time that a block may have; at least 2h.'),
      flag('label', 'list', '', 'NAME=VALUE to give to all series; may be given more than once.'),
    ],
    short: { r: 'human-readable', q: 'quiet' },
    run: createFromOpenMetrics,
  },
  [`${CREATE} rules`]: CREATE_FROM_RULES,
};

/** Entry of `tocsin tsdb`. Ctrl-C ends it in good order: nothing half-written stays. */
export async function run(args: readonly string[]): Promise<number> {
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    return await withSystem((context) => runTsdb(args, { ...context, stop: stop.signal }));
  } finally {
    process.removeListener('SIGINT', onSignal);
    process.removeListener('SIGTERM', onSignal);
  }
}

/** {@link run} on a given world. */
export function runTsdb(args: readonly string[], context: CommandContext): Promise<number> {
  const isCreate = args[0] === CREATE && args[1] !== undefined && args[1] !== '--help';
  const words = isCreate ? [`${CREATE} ${args[1]}`, ...args.slice(2)] : args;
  return runGroup('tsdb', TSDB_COMMANDS, words, context, { later: ['bench'] });
}

async function list(flags: ParsedFlags, context: CommandContext): Promise<number> {
  const blocks = await listBlocks(context.files, flags.positional[0] ?? DEFAULT_PATH);
  context.stdout.write(blockTable(blocks, true, flags.isOn('human-readable')));
  return 0;
}

async function analyze(flags: ParsedFlags, context: CommandContext): Promise<number> {
  const { files, stdout } = context;
  const match = flags.text('match');
  const matchers = match === '' ? [] : parseMetricSelector(match);
  const path = flags.positional[0] ?? DEFAULT_PATH;
  const block = openBlock(files, path, flags.positional[1] ?? (await lastBlock(files, path)));
  try {
    const { meta } = block;
    const pause = pauseOf(context);
    const found = await analyzeBlock(block, matchers, flags.integer('limit'), pause);
    const lines = [
      `Block ID: ${meta.ulid}`,
      `Duration: ${goDuration(meta.maxTime - meta.minTime)}`,
      `Total Series: ${meta.stats.numSeries}`,
      ...(match === '' ? [] : [`Matcher: ${match}`]),
      `Label names: ${found.labelNames}`,
      ...(match === '' ? [] : [`Matched series: ${found.seriesCount}`]),
      `Postings (unique label pairs): ${found.labelPairs}`,
      `Postings entries (total label pairs): ${found.entries}`,
    ];
    const tables = [
      ['Label pairs most involved in churning', found.churningPairs],
      ['Label names most involved in churning', found.churningNames],
      ['Most common label pairs', found.commonPairs],
      ['Label names with highest cumulative label value length', found.valueLengths],
      ['Highest cardinality labels', found.valueCounts],
      ['Highest cardinality metric names', found.metricNames],
    ] as const;
    for (const [title, rows] of tables) {
      lines.push('', `${title}:`, ...rows.map(({ key, value }) => `${value} ${key}`));
    }
    stdout.write(`${lines.join('\n')}\n`);
    if (!flags.isOn('extended')) return 0;
    const chunks = await analyzeChunks(block, matchers, pause);
    stdout.write('\nCompaction analysis:\n\n');
    const charts = [
      ['samples per float chunk', chunks.floatSamples],
      ['bytes per float chunk', chunks.floatBytes],
      ['samples per histogram chunk', chunks.histogramSamples],
      ['bytes per histogram chunk', chunks.histogramBytes],
      ['buckets per histogram chunk', chunks.histogramBuckets],
    ] as const;
    for (const [what, figures] of charts) stdout.write(figuresChart(what, figures, chunks.chunks));
    return 0;
  } finally {
    block.close();
  }
}

async function dump(
  flags: ParsedFlags,
  context: CommandContext,
  format: 'prom' | 'json' | 'openmetrics',
): Promise<number> {
  const { files, clock, stdout, stderr } = context;
  for (const warning of flags.warnings()) stderr.write(`tocsin: ${warning}\n`);
  const [minMs, maxMs] = [flags.integer('min-time'), flags.integer('max-time')];
  const selectors = flags.list('match').map(parseMetricSelector);
  const say = (_: unknown, message: string): void => stderr.write(`tocsin: ${message}\n`);
  const quiet = (): void => undefined;
  const logger = { debug: quiet, info: quiet, warn: say, error: say, child: () => logger };
  const path = flags.positional[0] ?? DEFAULT_PATH;
  const data = await ReadOnlyData.open({ files, path, clock, logger, maxMs });
  const querier = data.querier(minMs, maxMs);
  try {
    const pause = pauseOf(context);
    const buffer = new SampleBuffer();
    const seen = new Set<string>();
    for (const matchers of selectors) {
      const cursor = await querier.select(matchers, { minMs, maxMs, limit: 0 });
      while (cursor.next()) {
        await pause();
        const labels = cursor.labels();
        if (selectors.length > 1) {
          if (seen.has(labels.key)) continue;
          seen.add(labels.key);
        }
        if (format === 'json') stdout.write(`${labels.json}\n`);
        else {
          cursor.read(minMs, maxMs, buffer);
          stdout.write(samplesText(labels, buffer, format));
        }
      }
    }
    if (format === 'openmetrics') stdout.write('# EOF\n');
    return 0;
  } finally {
    querier.close();
    data.close();
  }
}

function samplesText(labels: Labels, buffer: SampleBuffer, format: 'prom' | 'openmetrics'): string {
  const series = format === 'prom' ? seriesText(labels) : openMetricsSeries(labels);
  let text = '';
  for (let i = 0; i < buffer.length; i++) {
    const histogram = buffer.histograms?.[i];
    const tMs = buffer.timestamps[i]!;
    if (format === 'openmetrics') {
      if (histogram !== undefined) break;
      text += `${series} ${sampleText(buffer.values[i]!)} ${(tMs / 1000).toFixed(3)}\n`;
      continue;
    }
    const value = histogram === undefined ? sampleText(buffer.values[i]!) : histogramText(histogram);
    text += `${series} ${value} ${tMs}\n`;
  }
  return text;
}

function addedLabels(flags: ParsedFlags): [string, string][] {
  return flags.list('label').map((text) => {
    const at = text.indexOf('=');
    if (at <= 0) throw usageError(`--label: expected NAME=VALUE, got ${JSON.stringify(text)}`);
    return [text.slice(0, at), text.slice(at + 1)];
  });
}

async function createFromOpenMetrics(flags: ParsedFlags, context: CommandContext): Promise<number> {
  const { files, stdout, stderr, clock } = context;
  const [input, path = DEFAULT_PATH] = flags.positional;
  if (input === undefined) throw usageError("required argument 'input file' not provided");
  const spanMs = blockSpan(flags);
  const added = addedLabels(flags);
  const pause = pauseOf(context);
  let [minMs, maxMs] = [Infinity, -Infinity];
  await readOpenMetrics(
    files,
    input,
    ({ tMs }) => {
      minMs = Math.min(minMs, tMs);
      maxMs = Math.max(maxMs, tMs);
    },
    pause,
  );
  await files.makeFolder(path);
  let isFirst = true;
  let fromMs = Math.floor(minMs / spanMs) * spanMs;
  while (fromMs <= maxMs) {
    const endMs = fromMs + spanMs;
    let nextMs = Infinity;
    const block = new BlockImport(spanMs);
    const refs = new Map<string, SeriesRef>();
    await readOpenMetrics(
      files,
      input,
      (sample) => {
        const { key, tMs, value } = sample;
        if (tMs < fromMs) return;
        if (tMs >= endMs) {
          nextMs = Math.min(nextMs, tMs);
          return;
        }
        let ref = refs.get(key);
        if (ref === undefined) {
          ref = block.series(sample.labels().merge(added));
          refs.set(key, ref);
        }
        if (!block.add(ref, tMs, value)) {
          throw new TocsinError(
            'TOCSIN_ERR_PARSE',
            `${sample.place()}: the series has another value at this time`,
          );
        }
      },
      async () => {
        await block.settle();
        await pause();
      },
    );
    const meta = await block.write(path, { files, pause, nowMs: clock.nowMs(), random: new SystemRandom() });
    if (meta !== undefined && !flags.isOn('quiet')) {
      const written = openBlock(files, path, meta.ulid);
      stdout.write(blockTable([written], isFirst, flags.isOn('human-readable')));
      written.close();
      isFirst = false;
    }
    if (nextMs < Infinity && !flags.isOn('quiet'))
      stderr.write(`read up to ${new Date(endMs).toISOString()}\n`);
    fromMs = Math.floor(nextMs / spanMs) * spanMs;
  }
  return 0;
}
