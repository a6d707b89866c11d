import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import type { FileSystem } from '../core/ports.ts';
import type { DiscoveryMetrics } from './metrics.ts';
import type { TargetGroup } from './target-group.ts';

/** What a provider works with. */
export interface ProviderContext {
  readonly clock: Clock;
  readonly files: FileSystem;
  readonly logger: Logger;
  readonly metrics: DiscoveryMetrics;
}

/**
 * Takes the groups that changed: a group replaces the one of the same source, a group without targets removes it. On
 * failure a provider sends nothing, so that the last good targets stay; it never sends part of a list.
 */
export type SendGroups = (groups: readonly TargetGroup[]) => void;

/** A source of targets. */
export interface Provider {
  /**
   * Finds targets and keeps watching until `signal` fires; then resolves (or rejects with the signal's reason). The
   * first groups are sent as soon as they are known.
   */
  run(send: SendGroups, signal: AbortSignal): Promise<void>;
}

/** One entry of `static_configs` or a `*_sd_configs`. Configs with equal `key` share one provider. */
export interface DiscoveryConfig {
  /** `static`, `file` … */
  readonly kind: string;
  readonly key: string;
  createProvider(context: ProviderContext): Provider;
}
