import { z } from 'zod';
import { Labels } from '../../../src/core/labels.ts';
import type { Clock } from '../../../src/core/clock.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import type { HttpClient } from '../../../src/core/ports.ts';
import { SystemClock } from '../../../src/core/system/system-clock.ts';
import { UndiciHttpClient } from '../../../src/core/system/undici-http-client.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { validateYaml } from '../../../src/core/validate-yaml.ts';
import { parseYaml } from '../../../src/core/yaml.ts';
import {
  NotificationTemplates,
  buildIntegrations,
  notifyConfigOf,
  notifyShape,
} from '../../../src/notify/index.ts';
import type { NotifyConfig, Notification, Receiver, SendOutcome } from '../../../src/notify/index.ts';
import { RecordingLogger, START_MS, alertOf } from './helpers.ts';
import { RecordingServer } from './servers.ts';

export const EXTERNAL_URL = 'http://tocsin.example:9093';

export const FIRING = alertOf(
  { alertname: 'HighLatency', model: 'm1', severity: 'page', instance: 'a:1' },
  {
    annotations: Labels.fromObject({ summary: 'p99 is 2.1 s', value: '2.1' }),
    startsAtMs: START_MS - 90_500,
  },
);
export const RESOLVED = alertOf(
  { alertname: 'HighLatency', model: 'm1', severity: 'page', instance: 'b:1' },
  { annotations: Labels.fromObject({ summary: 'p99 is 2.1 s' }), endsAtMs: START_MS - 1000 },
);

/** SHA-256 of the group key that `notificationOf` gives, in hex: what receivers know the group by. */
export const GROUP_HASH = '498ff1b461f01c48eb8d2a30d63be337b33315a688bce186378b26d3c6009042';

const schema = z.strictObject(notifyShape);

/** The configuration, or everything that is wrong with it as `line:column: message`. */
export function readNotifyConfig(yaml: string): NotifyConfig | string {
  const result = validateYaml(parseYaml(yaml, 'am.yml'), schema);
  if (!result.ok) {
    return result.issues.map(({ line, column, message }) => `${line}:${column}: ${message}`).join('\n');
  }
  const { config, problems } = notifyConfigOf(result.value);
  if (problems.length === 0) return config;
  return problems.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n');
}

/** Options of {@link ReceiverBench.send}. */
export interface SendOptions {
  /** Text of a template file. */
  readonly templates?: string;
  readonly signal?: AbortSignal;
  /** Takes the place of the recording server's address. */
  readonly serverUrl?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Receivers over real HTTP to a server that records; files and log are in memory. */
export class ReceiverBench {
  readonly server: RecordingServer;
  readonly files = new MemoryFileSystem();
  readonly logger = new RecordingLogger();
  clock: Clock = new SystemClock();
  readonly #http = new UndiciHttpClient();

  private constructor(server: RecordingServer) {
    this.server = server;
  }

  static async start(): Promise<ReceiverBench> {
    return new ReceiverBench(await RecordingServer.start());
  }

  /** Forgets what came and answers 200 with nothing. */
  reset(): void {
    this.server.requests.length = 0;
    this.server.answer = () => ({});
    this.logger.lines.length = 0;
    this.files.fault = undefined;
    this.clock = new SystemClock();
  }

  /**
   * Sends through the first integration of a configuration written as YAML; `URL` stands for the server's address, and
   * requests to addresses that start with `redirected` go to the server too, for receivers whose address is fixed.
   */
  async send(
    yaml: string,
    notification: Notification,
    options: SendOptions = {},
    redirected?: string,
  ): Promise<SendOutcome> {
    const receiver = this.receiver(yaml, options, redirected);
    return receiver.send(notification, options.signal ?? new AbortController().signal);
  }

  /** The receiver of {@link send}, for what it keeps from one notification to the next. */
  receiver(yaml: string, options: SendOptions = {}, redirected?: string): Receiver {
    const serverUrl = options.serverUrl ?? this.server.url;
    const config = readNotifyConfig(yaml.replaceAll('URL', serverUrl));
    if (typeof config === 'string') throw new Error(config);
    const sources = options.templates === undefined ? [] : [{ name: 'own.tmpl', text: options.templates }];
    const [integration] = buildIntegrations(
      config.receivers,
      new Set(config.receivers.map(({ name }) => name)),
      new NotificationTemplates(sources, EXTERNAL_URL),
      {
        http: redirected === undefined ? this.#http : this.#redirecting(redirected, serverUrl),
        files: this.files,
        clock: this.clock,
        random: new SeededRandom(1),
        logger: this.logger,
        mailer: { send: () => Promise.reject(new Error('not mail')) },
        console: { write: () => undefined },
        environment: options.environment ?? {},
        programs: { run: () => Promise.reject(new Error('no programs')) },
      },
    );
    return integration!.receiver;
  }

  #redirecting(prefix: string, serverUrl: string): HttpClient {
    return {
      request: (request) => {
        const url = request.url.startsWith(prefix)
          ? `${serverUrl}${request.url.slice(prefix.length)}`
          : request.url;
        return this.#http.request({ ...request, url });
      },
      close: () => Promise.resolve(),
    };
  }

  async stop(): Promise<void> {
    await this.#http.close();
    await this.server.stop();
  }
}
