/** How an {@link AlertsService} behaves. */
export interface AlertsServiceOptions {
  /** Off: messages are printed instead of sent, for runs on a laptop. */
  readonly enable: boolean;
  /** Who speaks; becomes the label `app`. */
  readonly appName: string;
  /** How long the message stays an alert in tocsin, in seconds; also bounds the request. 10 when absent or null. */
  readonly timeout?: number | null;
  /** Where tocsin listens, route prefix included. */
  readonly url?: string;
  /** Where messages are printed when not enabled; the console by default. */
  readonly print?: (line: string) => void;
}

/** One message. */
export interface AlertMessage {
  readonly title: string;
  readonly message: string;
  /** More labels; they take part in routing. */
  readonly labels?: Readonly<Record<string, string>>;
}

const DEFAULT_URL = 'http://localhost:9090';
const DEFAULT_TIMEOUT_SECONDS = 10;

/**
 * Tells people something from a training job or a script: as an alert named by the title, through tocsin's routes.
 *
 * @example
 * const alerts = new AlertsService({ enable: true, appName: 'train-fraud' });
 * await alerts.notify({ title: 'TrainingFinished', message: 'AUC 0.941 after 14 epochs' });
 */
export class AlertsService {
  readonly #options: AlertsServiceOptions;

  constructor(options: AlertsServiceOptions) {
    this.#options = options;
  }

  /** Sends (or prints) a message; resolves when tocsin has it on disk. Rejects with an Error that says why not. */
  async notify(message: AlertMessage): Promise<void> {
    const { enable, appName } = this.#options;
    if (!enable) {
      // Without a tocsin to send to, the message must still be seen.
      const print = this.#options.print ?? console.log;
      print(`[${appName}] ${message.title}: ${message.message}`);
      return;
    }
    const timeoutMs = (this.#options.timeout ?? DEFAULT_TIMEOUT_SECONDS) * 1000;
    const url = `${(this.#options.url ?? DEFAULT_URL).replace(/\/+$/, '')}/api/v2/alerts`;
    const nowMs = Date.now();
    const alert = {
      labels: { ...message.labels, alertname: message.title, app: appName },
      annotations: { summary: message.message },
      startsAt: new Date(nowMs).toISOString(),
      endsAt: new Date(nowMs + timeoutMs).toISOString(),
    };
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify([alert]),
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (!response.ok) {
      throw new Error(
        `tocsin refused the message (HTTP ${response.status}): ${(await response.text()).slice(0, 500)}`,
      );
    }
  }
}
