import { matchesAll } from '../../core/matcher.ts';
import { json, type JsonPieces } from '../json-text.ts';
import type { AlertmanagerStatus } from '../types.ts';
import type { V2Context } from './handler.ts';
import { receiverLabels, receiverMatchers } from './query.ts';

/** `GET /status` */
export function getStatus({ ports, deps }: V2Context): JsonPieces {
  const status: AlertmanagerStatus = {
    cluster: ports.cluster(),
    config: { original: ports.configText() },
    uptime: new Date(ports.startedAtMs).toISOString(),
    versionInfo: deps.options.buildInfo,
  };
  return json(status);
}

/** `GET /receivers` */
export function getReceivers({ ports, params }: V2Context): JsonPieces {
  const matchers = receiverMatchers(ports, params);
  const receivers = ports.receivers().filter((receiver) => matchesAll(matchers, receiverLabels(receiver)));
  return json(receivers.map(({ name, labels }) => ({ name, labels: { ...labels, name } })));
}
