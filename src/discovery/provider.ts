import { AuthorizedHttp } from '../core/authorized-http.ts';
import type { Clock } from '../core/clock.ts';
import { configKey } from '../core/config-key.ts';
import type { HttpClientConfig } from '../core/http-config.ts';
import type { Logger } from '../core/log.ts';
import type { DnsClient, FileSystem, HttpClient, Programs, Random } from '../core/ports.ts';
import type { Environment } from '../core/proxy-choice.ts';
import type { DiscoveryMetrics } from './metrics.ts';
import type { TargetGroup } from './target-group.ts';

/** The doors to the world that discovery goes through. */
export interface DiscoveryPorts {
  readonly clock: Clock;
  readonly files: FileSystem;
  readonly http: HttpClient;
  readonly dns: DnsClient;
  readonly programs: Programs;
  readonly random: Random;
  /** For `proxy_from_environment` and for credentials that clouds take from there (`AWS_…`, `AZURE_…`). */
  readonly environment: Environment;
  /** `User-Agent` of every request. */
  readonly userAgent: string;
}

/** What a provider works with. */
export interface ProviderContext extends DiscoveryPorts {
  readonly logger: Logger;
  readonly metrics: DiscoveryMetrics;
  /** Label `config` of its metrics: the first of the sets (jobs) it was started for. */
  readonly setName: string;
  /** HTTP with the credentials and settings of an HTTP client block; over a Unix socket where one is given. */
  httpFor(config: HttpClientConfig, socketPath?: string): AuthorizedHttp;
}

/** The context of one provider. */
export function makeProviderContext(
  ports: DiscoveryPorts,
  own: Pick<ProviderContext, 'logger' | 'metrics' | 'setName'>,
): ProviderContext {
  const { clock, files, http, dns, programs, random, environment, userAgent } = ports;
  return {
    ...own,
    clock,
    files,
    http,
    dns,
    programs,
    random,
    environment,
    userAgent,
    httpFor: (config, socketPath) =>
      new AuthorizedHttp({
        http,
        files,
        clock,
        random,
        environment,
        config,
        ...(socketPath !== undefined && { socketPath }),
      }),
  };
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
  /** Holds secrets only as their hash; it is not for showing all the same. */
  readonly key: string;
  /** Its HTTP client block, for looking whether the files that it names are there. */
  readonly http?: HttpClientConfig;
  /** Files that targets are read from, for looking at them; their last part may have `*`. */
  readonly targetFiles?: readonly string[];
  createProvider(context: ProviderContext): Provider;
}

/** A {@link DiscoveryConfig} whose key is made of all its `options`: plain data and secrets, perhaps with an HTTP client block. */
export function discoveryConfig<Options extends object>(
  kind: string,
  options: Options & { readonly http?: HttpClientConfig | undefined },
  createProvider: (options: Options, context: ProviderContext) => Provider,
): DiscoveryConfig {
  return {
    kind,
    key: `${kind}:${configKey(options)}`,
    ...(options.http !== undefined && { http: options.http }),
    createProvider: (context) => createProvider(options, context),
  };
}
