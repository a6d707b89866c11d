import type { DiscoveryConfig, Provider } from './provider.ts';
import type { TargetGroup } from './target-group.ts';

/** `static_configs`: all of a job's in one. Sends its groups once. */
export function staticDiscovery(groups: readonly TargetGroup[]): DiscoveryConfig {
  return {
    kind: 'static',
    key: `static:${JSON.stringify(groups)}`,
    createProvider: () => new StaticProvider(groups),
  };
}

class StaticProvider implements Provider {
  readonly #groups: readonly TargetGroup[];

  constructor(groups: readonly TargetGroup[]) {
    this.#groups = groups;
  }

  async run(send: (groups: readonly TargetGroup[]) => void): Promise<void> {
    send(this.#groups);
  }
}
