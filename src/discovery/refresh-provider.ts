import { errorText } from '../core/errors.ts';
import { Labels } from '../core/labels.ts';
import type { Provider, ProviderContext, SendGroups } from './provider.ts';
import type { TargetGroup } from './target-group.ts';

/** What a {@link RefreshProvider} does. */
export interface RefreshOptions {
  /** Label `mechanism` of its metrics: `http`, `dns` … */
  readonly mechanism: string;
  readonly intervalMs: number;
  /**
   * All groups as they are now. May reject with anything; the groups of the last time that went well stay then. A
   * group that is left out is gone.
   */
  readonly refresh: (signal: AbortSignal) => Promise<readonly TargetGroup[]>;
  /** Sources that are not among the groups are kept instead of being gone; no when absent. */
  readonly keepsMissing?: boolean;
}

/**
 * Looks at once and then every interval, and sends everything it finds. A look that takes longer than the interval is
 * followed by the next one at once.
 *
 * @see prometheus discovery/refresh/refresh.go
 */
export class RefreshProvider implements Provider {
  readonly #options: RefreshOptions;
  readonly #context: ProviderContext;
  #sources: ReadonlySet<string> = new Set();

  constructor(options: RefreshOptions, context: ProviderContext) {
    this.#options = options;
    this.#context = context;
  }

  async run(send: SendGroups, signal: AbortSignal): Promise<void> {
    const { clock, metrics, setName } = this.#context;
    const { mechanism, intervalMs } = this.#options;
    const own = metrics.refreshOf(mechanism, setName);
    try {
      await this.#refresh(send, signal);
      let dueMs = clock.monotonicMs() + intervalMs;
      for (;;) {
        await clock.sleep(Math.max(0, dueMs - clock.monotonicMs()), signal);
        dueMs = Math.max(dueMs, clock.monotonicMs()) + intervalMs;
        await this.#refresh(send, signal);
      }
    } finally {
      own.release();
    }
  }

  async #refresh(send: SendGroups, signal: AbortSignal): Promise<void> {
    const { clock, metrics, logger, setName } = this.#context;
    const { mechanism, refresh, keepsMissing } = this.#options;
    const startMs = clock.monotonicMs();
    let groups: readonly TargetGroup[];
    try {
      groups = await refresh(signal);
    } catch (error) {
      if (signal.aborted) throw error;
      metrics.refreshFailures.inc({ mechanism, config: setName });
      logger.error({ err: errorText(error) }, 'Unable to refresh target groups');
      return;
    } finally {
      const seconds = (clock.monotonicMs() - startMs) / 1000;
      metrics.refreshDuration.observe({ mechanism, config: setName }, seconds);
      metrics.refreshDurations.observe({ mechanism }, seconds);
    }
    const sources = new Set(groups.map((group) => group.source));
    const gone: TargetGroup[] = [];
    if (keepsMissing !== true) {
      for (const source of this.#sources) {
        if (!sources.has(source)) gone.push({ source, targets: [], labels: Labels.EMPTY });
      }
    }
    this.#sources = sources;
    send([...groups, ...gone]);
  }
}
