import type { Clock } from '../core/clock.ts';
import { TocsinError, errorText } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { FileSystem } from '../core/ports.ts';
import { requireYaml } from '../core/validate-yaml.ts';
import { parseYaml } from '../core/yaml.ts';
import type { DiscoveryMetrics } from './metrics.ts';
import { discoveryConfig } from './provider.ts';
import type { DiscoveryConfig, Provider, ProviderContext, SendGroups } from './provider.ts';
import { makeTargetGroup } from './target-group.ts';
import type { TargetGroup } from './target-group.ts';
import { groupsFileSchema } from './written-group.ts';

/** Changes of a file come in bursts; the files are read once after this much quiet. */
const QUIET_MS = 50;
const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** What `file_sd_configs` say. Paths are absolute or relative to the working folder; only their last part may have `*`. */
export interface FileDiscoveryOptions {
  readonly files: readonly string[];
  readonly refreshIntervalMs: number;
}

/** `file_sd_configs`: target groups from JSON and YAML files, read again when they change and every so often. */
export function fileDiscovery(options: FileDiscoveryOptions): DiscoveryConfig {
  const config = discoveryConfig('file', { ...options }, (own, context) => new FileProvider(own, context));
  return { ...config, targetFiles: options.files };
}

/** The files that a pattern of `file_sd_configs` stands for now, and what is wrong with those that cannot be read as targets. */
export async function checkTargetFiles(
  files: FileSystem,
  pattern: string,
): Promise<{ readonly found: readonly string[]; readonly problems: readonly string[] }> {
  const found = await expandPattern(files, pattern);
  const problems: string[] = [];
  for (const file of found) {
    try {
      parseGroups(UTF8.decode(await files.readFile(file)), file);
    } catch (error) {
      problems.push(errorText(error));
    }
  }
  return { found, problems };
}

/**
 * A file that cannot be read or is not well-formed keeps its last good groups; a file that is gone loses them.
 *
 * @see prometheus discovery/file/file.go
 */
class FileProvider implements Provider {
  readonly #options: FileDiscoveryOptions;
  readonly #clock: Clock;
  readonly #files: FileSystem;
  readonly #logger: Logger;
  readonly #metrics: DiscoveryMetrics;
  /** Number of groups that each file had when it was last read well. */
  #groupCounts = new Map<string, number>();

  constructor(options: FileDiscoveryOptions, context: ProviderContext) {
    this.#options = options;
    this.#clock = context.clock;
    this.#files = context.files;
    this.#logger = context.logger;
    this.#metrics = context.metrics;
  }

  async run(send: SendGroups, signal: AbortSignal): Promise<void> {
    let changed = false;
    let wait = new AbortController();
    const onStop = (): void => {
      wait.abort();
    };
    signal.addEventListener('abort', onStop, { once: true });
    const folders = new Set(this.#options.files.map((pattern) => splitPath(pattern).folder));
    const watches = [...folders].map((folder) =>
      this.#files.watch(folder, () => {
        changed = true;
        wait.abort();
      }),
    );
    try {
      while (!signal.aborted) {
        changed = false;
        wait = new AbortController();
        await this.#refresh(send);
        if (!changed && !signal.aborted) await this.#pause(wait.signal);
        if (changed) await this.#clock.sleep(QUIET_MS, signal);
      }
    } finally {
      signal.removeEventListener('abort', onStop);
      for (const watch of watches) watch.close();
      for (const file of this.#groupCounts.keys()) this.#metrics.fileModified.remove(file);
    }
  }

  /** Waits for the next regular reading; ends early, without an error, when `interrupt` fires. */
  async #pause(interrupt: AbortSignal): Promise<void> {
    try {
      await this.#clock.sleep(this.#options.refreshIntervalMs, interrupt);
    } catch (error) {
      if (!interrupt.aborted) throw error;
    }
  }

  async #refresh(send: SendGroups): Promise<void> {
    const startMs = this.#clock.monotonicMs();
    const counts = new Map<string, number>();
    for (const pattern of this.#options.files) {
      const files = await this.#expand(pattern);
      if (files === undefined) {
        // The folder cannot be listed: nothing is known of its files, so they keep what they had.
        this.#keep(pattern, counts);
        continue;
      }
      for (const file of files) counts.set(file, await this.#readFile(file, send));
    }
    for (const [file, before] of this.#groupCounts) {
      const now = counts.get(file) ?? 0;
      if (!counts.has(file)) this.#metrics.fileModified.remove(file);
      const gone: TargetGroup[] = [];
      for (let i = now; i < before; i++) gone.push(makeTargetGroup(sourceOf(file, i), []));
      if (gone.length > 0) send(gone);
    }
    this.#groupCounts = counts;
    this.#metrics.fileScanDuration.observe((this.#clock.monotonicMs() - startMs) / 1000);
  }

  #keep(pattern: string, counts: Map<string, number>): void {
    const matches = matcherOf(pattern);
    for (const [file, count] of this.#groupCounts) if (matches(file)) counts.set(file, count);
  }

  /** Paths that a pattern stands for; undefined when its folder cannot be listed. */
  async #expand(pattern: string): Promise<string[] | undefined> {
    try {
      return await expandPattern(this.#files, pattern);
    } catch (error) {
      this.#metrics.fileReadErrors.inc();
      this.#logger.error({ glob: pattern, err: errorText(error) }, 'Error expanding glob');
      return undefined;
    }
  }

  /** Sends a file's groups; returns how many it has (had, when it cannot be read). */
  async #readFile(file: string, send: SendGroups): Promise<number> {
    try {
      const stat = await this.#files.stat(file);
      const groups = parseGroups(UTF8.decode(await this.#files.readFile(file)), file);
      this.#metrics.fileModified.set({ filename: file }, Math.floor((stat?.modifiedMs ?? 0) / 1000));
      send(groups);
      return groups.length;
    } catch (error) {
      this.#metrics.fileReadErrors.inc();
      this.#logger.error({ path: file, err: errorText(error) }, 'Error reading file');
      return this.#groupCounts.get(file) ?? 0;
    }
  }
}

async function expandPattern(files: FileSystem, pattern: string): Promise<string[]> {
  const { folder, prefix, last } = splitPath(pattern);
  if (!last.includes('*')) {
    const stat = await files.stat(pattern);
    return stat === undefined || stat.isDirectory ? [] : [pattern];
  }
  if ((await files.stat(folder)) === undefined) return [];
  const matches = matcherOf(pattern);
  return (await files.list(folder)).map((name) => prefix + name).filter(matches);
}

/** Target groups in a file's text; throws a TocsinError that says where it is wrong. */
function parseGroups(text: string, file: string): TargetGroup[] {
  if (/\.json$/i.test(file)) {
    try {
      JSON.parse(text);
    } catch (error) {
      throw new TocsinError('TOCSIN_ERR_PARSE', `${file}: not valid JSON: ${errorText(error)}`);
    }
  }
  if (text.trim() === '') return [];
  const groups = requireYaml(parseYaml(text, file), groupsFileSchema) ?? [];
  return groups.map((group, i) =>
    makeTargetGroup(sourceOf(file, i), group.targets, group.labels.with('__meta_filepath', file)),
  );
}

function sourceOf(file: string, index: number): string {
  return `${file}:${index}`;
}

function splitPath(path: string): { folder: string; prefix: string; last: string } {
  const slash = path.lastIndexOf('/');
  if (slash < 0) return { folder: '.', prefix: '', last: path };
  return {
    folder: slash === 0 ? '/' : path.slice(0, slash),
    prefix: path.slice(0, slash + 1),
    last: path.slice(slash + 1),
  };
}

/** Whether a path is one that the pattern stands for; `*` is any text within the last part (not a leading dot's). */
function matcherOf(pattern: string): (path: string) => boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&'));
  const regexp = new RegExp(`^${parts.join('[^/]*')}$`, 'u');
  return (path) => regexp.test(path);
}
