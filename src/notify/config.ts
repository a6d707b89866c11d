import { z } from 'zod';
import { filePathSchema } from '../core/schema.ts';
import { receiverFieldsSchema } from './config-receivers.ts';
import { globalSchema } from './global-config.ts';
import type { GlobalFields } from './global-config.ts';
import { integrationsOf } from './receivers/receiver-kinds.ts';
import type { AnyIntegration } from './receivers/receiver-kinds.ts';

export { alertingSchema } from './alerting-config.ts';
export type { AlertingConfig, AlertmanagerConfig } from './alerting-config.ts';

type ReceiverFields = z.output<typeof receiverFieldsSchema>;

/** This room's keys of an `alertmanager.yml`, for the schema of the whole file. */
export const notifyShape = {
  global: globalSchema.prefault({}),
  receivers: z.array(receiverFieldsSchema).default([]),
  templates: z.array(filePathSchema).default([]),
};

/** What {@link notifyShape} reads. */
export interface NotifyFields {
  readonly global: GlobalFields;
  readonly receivers: readonly ReceiverFields[];
  /** Globs. */
  readonly templates: readonly string[];
}

/** One integration of a receiver with what it takes from `global`. */
export type IntegrationConfig = AnyIntegration & {
  /** Position among the receiver's integrations of its kind. */
  readonly index: number;
  readonly sendResolved: boolean;
};

/** A receiver with all its integrations. */
export interface ReceiverConfig {
  readonly name: string;
  /** With `name` among them. */
  readonly labels: Readonly<Record<string, string>>;
  readonly integrations: readonly IntegrationConfig[];
}

/** This room's part of an Alertmanager configuration. */
export interface NotifyConfig {
  readonly resolveTimeoutMs: number;
  /** `global.resolve_muted`; undefined = the command's default (on in `tocsin serve`). */
  readonly resolveMuted: boolean | undefined;
  readonly receivers: readonly ReceiverConfig[];
  /** Globs of template files. */
  readonly templates: readonly string[];
}

/** A check that failed, with its place below the document's root. */
export interface NotifyProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/**
 * Hands the globals down and checks what only holds for both together (Alertmanager's messages). The config is usable
 * only when there are no problems; repeated receiver names are found by the routing check.
 *
 * @see prometheus/alertmanager config/config.go Config.UnmarshalYAML
 */
export function notifyConfigOf(fields: NotifyFields): {
  readonly config: NotifyConfig;
  readonly problems: readonly NotifyProblem[];
} {
  const problems: NotifyProblem[] = [];
  const { global } = fields;
  const receivers = fields.receivers.map((receiver, i): ReceiverConfig => {
    const integrations = integrationsOf(receiver).flatMap(({ key, index, written }): IntegrationConfig[] => {
      const integration = written.complete(global);
      if (typeof integration !== 'string') {
        return [{ ...integration, index, sendResolved: written.sendResolved }];
      }
      problems.push({ path: ['receivers', i, key, index], message: integration });
      return [];
    });
    return { name: receiver.name, labels: { ...receiver.labels, name: receiver.name }, integrations };
  });
  const config = {
    resolveTimeoutMs: global.resolve_timeout,
    resolveMuted: global.resolve_muted,
    receivers,
    templates: fields.templates,
  };
  return { config, problems };
}
