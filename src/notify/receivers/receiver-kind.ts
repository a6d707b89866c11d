import type { z } from 'zod';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/log.ts';
import type { Mailer } from '../../core/mailer.ts';
import type { FileSystem, HttpClient, Programs, Random, TextOutput } from '../../core/ports.ts';
import type { GlobalFields } from '../global-config.ts';
import type { Receiver } from '../notification.ts';
import type { NotificationTemplates } from '../templates.ts';

/** The world that receivers reach out to. */
export interface ReceiverPorts {
  readonly http: HttpClient;
  readonly mailer: Mailer;
  readonly files: FileSystem;
  readonly console: TextOutput;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** For AWS' `credential_process`. */
  readonly programs: Programs;
  /** For `proxy_from_environment` and what AWS takes from there (`AWS_…`). */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** What a receiver is built with. */
export interface ReceiverContext extends ReceiverPorts {
  readonly templates: NotificationTemplates;
}

/** An integration with what it takes from `global`. */
export interface CompleteIntegration<Kind extends string, Config> {
  readonly kind: Kind;
  readonly config: Config;
  readonly createReceiver: (context: ReceiverContext) => Receiver;
}

/** An entry of `<kind>_configs` as read: what it takes from `global` is still to come. */
export interface WrittenIntegration<Kind extends string, Config> {
  readonly sendResolved: boolean;
  /** The integration, or what is missing in words of Alertmanager. */
  readonly complete: (global: GlobalFields) => CompleteIntegration<Kind, Config> | string;
}

/** What makes a kind of receiver. */
export interface ReceiverKind<Kind extends string, Fields, Config> {
  readonly kind: Kind;
  /** Of one entry of `<kind>_configs`. */
  readonly schema: z.ZodType<Fields>;
  /** Hands the globals down; a text says what is missing. */
  readonly complete: (fields: Fields, global: GlobalFields) => Config | string;
  readonly createReceiver: (config: Config, context: ReceiverContext) => Receiver;
}

/** The schema of an entry of `<kind>_configs`, for the table of kinds. */
export function receiverKind<
  Kind extends string,
  Fields extends { readonly send_resolved: boolean },
  Config extends object,
>(definition: ReceiverKind<Kind, Fields, Config>): z.ZodType<WrittenIntegration<Kind, Config>> {
  const { kind, schema, complete, createReceiver } = definition;
  return schema.transform((fields) => ({
    sendResolved: fields.send_resolved,
    complete: (global) => {
      const config = complete(fields, global);
      if (typeof config === 'string') return config;
      return { kind, config, createReceiver: (context) => createReceiver(config, context) };
    },
  }));
}
