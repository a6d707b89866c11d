import { holdYoungGeneration } from '../core/system/young-generation.ts';
import { runServe } from '../app/index.ts';
import { describeFlags, type ParsedFlags } from './flag-set.ts';
import { optionsFromFlags } from './serve-options.ts';
import { SERVE_FLAGS, parseServeFlags, readFeatures } from './serve-flags.ts';

/** `tocsin serve`: runs until it is told to stop. */
export async function run(args: readonly string[]): Promise<number> {
  // Until it is ready: the log is replayed.
  holdYoungGeneration();
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(
      `usage: tocsin serve [FLAGS]\n\nScrapes, stores, evaluates and notifies.\n\n${describeFlags(SERVE_FLAGS)}`,
    );
    return 0;
  }
  const flags: ParsedFlags = parseServeFlags(args);
  const { enabled, warnings } = readFeatures(flags);
  return runServe(optionsFromFlags(flags, enabled), {
    level: flags.text('log.level'),
    format: flags.text('log.format'),
    warnings: [...flags.warnings(), ...warnings],
  });
}
