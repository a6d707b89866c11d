import { loadConfig } from '../config/index.ts';
import { TocsinError } from '../core/errors.ts';
import { createRegistry } from '../core/metrics.ts';
import { NodeDnsClient } from '../core/system/node-dns-client.ts';
import { NodePrograms } from '../core/system/node-programs.ts';
import { createLogger } from '../core/system/pino-logger.ts';
import { SystemRandom } from '../core/system/system-random.ts';
import { DiscoveryManager } from '../discovery/index.ts';
import type { TargetGroup } from '../discovery/index.ts';
import { targetsOfGroup } from '../scrape/index.ts';
import type { ScrapeConfig } from '../scrape/index.ts';
import type { CommandContext } from './command-context.ts';
import { flag, usageError } from './command-line.ts';
import type { Command } from './command-line.ts';
import type { ParsedFlags } from './flag-set.ts';
import { FEATURE_FLAG, ruleFileOptions } from './rule-file-options.ts';

/** `tocsin check service-discovery`, as `promtool check service-discovery`. */
export const CHECK_SERVICE_DISCOVERY: Command = {
  args: '[FLAGS] FILE JOB',
  help: 'Run the discovery of a job and print what it finds, before and after relabelling.',
  flags: [flag('timeout', 'duration', '30s', 'How long to wait for what is found.'), FEATURE_FLAG],
  run: checkServiceDiscovery,
};

/** What became of a target, as promtool prints it: without labels when relabelling dropped it. */
interface CheckedTarget {
  readonly discoveredLabels: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly error?: string;
}

async function checkServiceDiscovery(flags: ParsedFlags, context: CommandContext): Promise<number> {
  const [file, jobName, ...more] = flags.positional;
  if (file === undefined || jobName === undefined || more.length > 0) {
    throw usageError('name the configuration file and the job');
  }
  const { files, environment, stdout } = context;
  const { scrapeConfigs } = await loadConfig(files, {
    configFile: file,
    environment,
    rules: ruleFileOptions(flags, context),
  });
  const job = scrapeConfigs.find((one) => one.jobName === jobName);
  if (job === undefined) {
    const names = scrapeConfigs.map((one) => `\n\t${one.jobName}`).join('');
    throw new TocsinError('TOCSIN_ERR_USAGE', `job ${jobName} not found; there are:${names}`);
  }
  const groups = await discover(job, flags.durationMs('timeout'), context);
  stdout.write(
    `${JSON.stringify(
      groups.flatMap((group) => checkedTargets(group, job)),
      null,
      2,
    )}\n`,
  );
  return 0;
}

/** The groups that the discovery of a job knows after a while; what it says goes to stderr. */
async function discover(
  job: ScrapeConfig,
  timeoutMs: number,
  { clock, files, http, environment, stderr }: CommandContext,
): Promise<readonly TargetGroup[]> {
  let groups: readonly TargetGroup[] = [];
  const manager = new DiscoveryManager({
    name: 'scrape',
    clock,
    files,
    http,
    environment,
    dns: new NodeDnsClient(),
    programs: new NodePrograms(),
    random: new SystemRandom(),
    userAgent: 'tocsin',
    logger: createLogger(clock, stderr, { level: 'warn', format: 'logfmt' }),
    registry: createRegistry(),
    onUpdate: (sets) => {
      groups = sets.get(job.jobName) ?? [];
    },
  });
  await manager.apply(new Map([[job.jobName, job.discovery]]));
  await clock.sleep(timeoutMs);
  await manager.stop();
  return groups;
}

function checkedTargets(group: TargetGroup, job: ScrapeConfig): CheckedTarget[] {
  return [...targetsOfGroup(group, job)].map((result) => {
    if (result.kind === 'active') {
      const { discoveredLabels, labels } = result.target;
      return { discoveredLabels: discoveredLabels.toObject(), labels: labels.toObject() };
    }
    const discoveredLabels = result.discoveredLabels.toObject();
    return result.kind === 'dropped'
      ? { discoveredLabels, labels: {} }
      : { discoveredLabels, labels: {}, error: result.reason };
  });
}
