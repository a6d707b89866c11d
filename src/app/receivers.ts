import type { Registry } from '../core/metrics.ts';
import { type Tsdb, WriteReceiver } from '../storage/index.ts';
import type { TocsinOptions } from './options.ts';
import type { TocsinPorts } from './ports.ts';

/** What takes samples that others send; undefined is switched off. */
export interface Receivers {
  readonly remoteWrite: WriteReceiver | undefined;
}

/** The receivers that the flags ask for. */
export function createReceivers(
  receive: TocsinOptions['receive'],
  { clock, logger }: TocsinPorts,
  registry: Registry,
  storage: Tsdb,
): Receivers {
  const common = { clock, registry, storage, logger: logger.child({ component: 'web' }) };
  return {
    remoteWrite:
      receive?.remoteWrite && new WriteReceiver({ ...common, ...receive, messages: receive.remoteWrite }),
  };
}
