import type { Registry } from '../core/metrics.ts';
import { type OtlpConfig, OtlpReceiver, type Tsdb, WriteReceiver } from '../storage/index.ts';
import type { TocsinOptions } from './options.ts';
import type { TocsinPorts } from './ports.ts';

/** What takes samples that others send; undefined is switched off. */
export interface Receivers {
  readonly remoteWrite: WriteReceiver | undefined;
  readonly otlp: OtlpReceiver | undefined;
}

/** The receivers that the flags ask for; `otlpConfig` is asked at each request. */
export function createReceivers(
  { receive, query }: Pick<TocsinOptions, 'receive' | 'query'>,
  { clock, logger }: TocsinPorts,
  registry: Registry,
  storage: Tsdb,
  otlpConfig: () => OtlpConfig,
): Receivers {
  if (receive === undefined) return { remoteWrite: undefined, otlp: undefined };
  const common = { ...receive, clock, registry, storage, logger: logger.child({ component: 'web' }) };
  const { remoteWrite: messages, otlp } = receive;
  return {
    remoteWrite: messages && new WriteReceiver({ ...common, messages }),
    otlp: otlp
      ? new OtlpReceiver({ ...common, config: otlpConfig, lookbackMs: query.lookbackMs })
      : undefined,
  };
}
