import { z } from 'zod';
import { TocsinError, errorText } from '../core/errors.ts';
import { parseFloatText } from '../core/float-text.ts';
import { Labels, METRIC_NAME } from '../core/labels.ts';
import { SystemRandom } from '../core/system/system-random.ts';
import { groupSchedule, parseRuleFile, slotAtOrBefore } from '../rules/index.ts';
import type { RecordingRuleConfig, RuleGroupConfig } from '../rules/index.ts';
import { BlockImport } from '../storage/index.ts';
import { callApiV1 } from './api-client.ts';
import type { CommandContext } from './command-context.ts';
import { flag, parseTime, usageError } from './command-line.ts';
import type { Command } from './command-line.ts';
import type { ParsedFlags } from './flag-set.ts';
import { blockSpan, pauseOf } from './tsdb-blocks.ts';

/** How long before now the backfill ends when nobody says: what is younger is in memory of the server. */
const END_BEFORE_NOW_MS = 3 * 3600_000;
/** Points of a series that are asked for at a time; servers refuse more than 11,000. */
const MAX_STEPS = 10_000;

const matrixSchema = z.object({
  resultType: z.literal('matrix'),
  result: z.array(
    z.object({
      metric: z.record(z.string(), z.string()),
      values: z.array(z.tuple([z.number(), z.string()])).default([]),
      histograms: z.array(z.unknown()).optional(),
    }),
  ),
});

/** `tocsin tsdb create-blocks-from rules`, with promtool's arguments. */
export const CREATE_FROM_RULES: Command = {
  args: '[FLAGS] --start=TIME RULE_FILE …',
  help: 'Make blocks of what new recording rules would have stored, evaluated by a server; alerting rules are passed over.',
  flags: [
    flag('http.config.file', 'text', '', 'File with credentials, TLS and proxy for the requests.'),
    flag('url', 'text', 'http://localhost:9090', 'Server that has the samples and evaluates.'),
    flag('start', 'text', '', 'First moment (RFC 3339 or Unix seconds); must be given.'),
    flag('end', 'text', '', 'Last moment (RFC 3339 or Unix seconds); 3 hours ago when not given.'),
    flag('output-dir', 'text', 'data/', 'Folder for the blocks.'),
    flag('eval-interval', 'duration', '60s', 'How often to evaluate groups that do not say it themselves.'),
    flag('max-block-duration', 'text', '', 'Longest time that a block may have; at least 2h.'),
  ],
  run: createFromRules,
};

/** A rule and when it is evaluated. */
interface Backfilled {
  readonly rule: RecordingRuleConfig;
  readonly group: RuleGroupConfig;
  readonly intervalMs: number;
}

/** A block that is being filled. */
interface OpenBlock {
  readonly samples: BlockImport;
  /** Which rule gave a series. */
  readonly owners: Map<string, Backfilled>;
}

async function createFromRules(flags: ParsedFlags, context: CommandContext): Promise<number> {
  const { files, stderr, clock } = context;
  if (flags.positional.length === 0) throw usageError("required argument 'rule-files' not provided");
  if (flags.text('start') === '') throw usageError('required flag --start not provided');
  const startMs = parseTime(flags.text('start'), '--start');
  const end = flags.text('end');
  const endMs = end === '' ? clock.nowMs() - END_BEFORE_NOW_MS : parseTime(end, '--end');
  if (startMs >= endMs) throw usageError('start time is not before end time');
  const spanMs = blockSpan(flags);
  const rules = await readRules(flags, context);
  const path = flags.text('output-dir');
  await files.makeFolder(path);
  const pause = pauseOf(context);
  const failed = new Set<Backfilled>();
  for (let fromMs = Math.floor(startMs / spanMs) * spanMs; fromMs <= endMs; fromMs += spanMs) {
    const block: OpenBlock = { samples: new BlockImport(spanMs), owners: new Map() };
    const span = [Math.max(fromMs, startMs), Math.min(fromMs + spanMs - 1, endMs)] as const;
    for (const one of rules) {
      if (failed.has(one)) continue;
      try {
        await evaluate(one, span, block, flags, context);
      } catch (error) {
        if (!(error instanceof TocsinError)) throw error;
        failed.add(one);
        const where = `${one.group.file}, group ${one.group.name}, rule ${one.rule.record}`;
        stderr.write(`rule importer error: ${where}: ${errorText(error)}\n`);
      }
      await block.samples.settle();
      await pause();
    }
    const meta = await block.samples.write(path, {
      files,
      pause,
      nowMs: clock.nowMs(),
      random: new SystemRandom(),
    });
    if (meta !== undefined) {
      const { ulid, stats } = meta;
      stderr.write(
        `block ${ulid}: ${stats.numSamples} samples up to ${new Date(meta.maxTime - 1).toISOString()}\n`,
      );
    }
  }
  if (failed.size > 0) throw new TocsinError('TOCSIN_ERR_HTTP', 'error importing rules');
  return 0;
}

async function readRules(flags: ParsedFlags, { files }: CommandContext): Promise<Backfilled[]> {
  const found: Backfilled[] = [];
  for (const file of flags.positional) {
    const text = new TextDecoder().decode(await files.readFile(file));
    for (const group of parseRuleFile(text, file)) {
      const intervalMs = group.intervalMs ?? flags.durationMs('eval-interval');
      for (const rule of group.rules) if (rule.kind === 'recording') found.push({ rule, group, intervalMs });
    }
  }
  return found;
}

/** Puts what a rule gives within a span of time into a block. */
async function evaluate(
  one: Backfilled,
  [startMs, endMs]: readonly [number, number],
  block: OpenBlock,
  flags: ParsedFlags,
  context: CommandContext,
): Promise<void> {
  const { rule, group, intervalMs } = one;
  // When the server's own evaluation of the group would come.
  let fromMs = slotAtOrBefore(groupSchedule(group.file, group.name, intervalMs), startMs);
  if (fromMs < startMs) fromMs += intervalMs;
  let hasHistograms = false;
  for (; fromMs <= endMs; fromMs += MAX_STEPS * intervalMs) {
    const toMs = Math.min(endMs, fromMs + (MAX_STEPS - 1) * intervalMs);
    const seconds = (timeMs: number): string => (timeMs / 1000).toFixed(3);
    const call = {
      url: flags.text('url'),
      path: '/query_range',
      form: [
        ['query', rule.query],
        ['start', seconds(fromMs)],
        ['end', seconds(toMs)],
        ['step', seconds(intervalMs)],
      ] as const,
      httpConfigFile: flags.text('http.config.file'),
    };
    const { data } = matrixSchema.safeParse(await callApiV1(call, context));
    if (data === undefined) throw new TocsinError('TOCSIN_ERR_HTTP', 'the answer is not understood');
    for (const { metric, values, histograms } of data.result) {
      hasHistograms ||= histograms !== undefined;
      const labels = Labels.fromObject(metric).merge(rule.labels).with(METRIC_NAME, rule.record);
      const owner = block.owners.get(labels.key) ?? one;
      if (owner !== one) {
        const text = `series ${labels.toString()} comes from rule ${owner.rule.record} of group ${owner.group.name} too`;
        throw new TocsinError('TOCSIN_ERR_STORAGE', text);
      }
      block.owners.set(labels.key, one);
      addSeries(block.samples, labels, values);
    }
  }
  if (hasHistograms) {
    context.stderr.write(
      `${rule.record}: native histograms are left out, for the API does not tell how they are stored\n`,
    );
  }
}

function addSeries(
  block: BlockImport,
  labels: Labels,
  values: readonly (readonly [seconds: number, text: string])[],
): void {
  const ref = block.series(labels);
  for (const [seconds, text] of values) {
    const value = parseFloatText(text);
    if (value === undefined) {
      throw new TocsinError('TOCSIN_ERR_HTTP', `the answer has ${JSON.stringify(text)} for a number`);
    }
    if (block.add(ref, Math.round(seconds * 1000), value)) continue;
    const what = `series ${labels.toString()} comes with two values at ${seconds}`;
    throw new TocsinError('TOCSIN_ERR_STORAGE', what);
  }
}
