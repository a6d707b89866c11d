import { isResolved } from '../../alerts/index.ts';
import type { Alert } from '../../alerts/index.ts';
import { formatDuration } from '../../core/duration.ts';
import type { TextOutput } from '../../core/ports.ts';
import type { Notification, Receiver, SendOutcome } from '../notification.ts';
import { formatRfc3339 } from '../time.ts';
import { consoleOf, consoleSchema } from './console-config.ts';
import type { ConsoleConfig } from './console-config.ts';
import { receiverKind } from './receiver-kind.ts';

/** Control characters of alerts must not reach the terminal: they could move the cursor or hide text. */
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

const COLOURS = { red: 31, green: 32, yellow: 33, cyan: 36, dim: 2, bold: 1 } as const;

/** Labels that have a place of their own in the block. */
const PLACED_LABELS = ['alertname', 'severity', 'model'];

/**
 * Prints each notification as a block that people read: how bad, which alert, which model, its value, the cause, since
 * when. Always succeeds.
 */
export class ConsoleReceiver implements Receiver {
  readonly #colours: boolean;
  readonly #output: TextOutput;

  constructor(config: ConsoleConfig, output: TextOutput) {
    this.#colours = config.colors;
    this.#output = output;
  }

  async send(notification: Notification): Promise<SendOutcome> {
    const blocks = notification.alerts.map((alert) => this.#block(alert, notification.nowMs));
    const repeated = notification.priorAttempts > 0 ? ' (sent again)' : '';
    const head = `${formatRfc3339(notification.nowMs)} ${notification.reason}${repeated}`;
    this.#output.write(`${this.#paint('dim', head)}\n${blocks.join('')}\n`);
    return { kind: 'sent' };
  }

  #block(alert: Alert, nowMs: number): string {
    const resolved = isResolved(alert, nowMs);
    const severity = alert.labels.get('severity');
    const name = clean(alert.labels.get('alertname') || '(no alertname)');
    const model = clean(alert.labels.get('model'));
    const word = resolved ? 'RESOLVED' : `FIRING${severity === '' ? '' : ` ${clean(severity)}`}`;
    const colour = resolved ? 'green' : severity === 'warning' || severity === 'info' ? 'yellow' : 'red';
    const title = `${this.#paint(colour, `[${word}]`)} ${this.#paint('bold', name)}`;
    const lines = [`${title}${model === '' ? '' : ` ${this.#paint('cyan', `model=${model}`)}`}`];
    for (const [field, text] of fieldsOf(alert, resolved, nowMs)) {
      lines.push(`  ${this.#paint('dim', `${field}:`.padEnd(10))}${text}`);
    }
    return lines.map((line) => `${line}\n`).join('');
  }

  #paint(colour: keyof typeof COLOURS, text: string): string {
    return this.#colours ? `\u001b[${COLOURS[colour]}m${text}\u001b[0m` : text;
  }
}

/** `console_configs`. */
export const consoleKind = receiverKind({
  kind: 'console',
  schema: consoleSchema,
  complete: consoleOf,
  createReceiver: (config, { console }) => new ConsoleReceiver(config, console),
});

function fieldsOf(alert: Alert, resolved: boolean, nowMs: number): (readonly [string, string])[] {
  const { annotations, labels } = alert;
  const summary = annotations.get('summary') || annotations.get('message');
  const detail = annotations.get('description');
  const rest = labels.without(...PLACED_LABELS);
  const since = formatRfc3339(alert.startsAtMs);
  const lastedMs = wholeSeconds((resolved ? alert.endsAtMs : nowMs) - alert.startsAtMs);
  const span = resolved
    ? `${since}, lasted ${formatDuration(lastedMs)}`
    : `${since} (${formatDuration(lastedMs)} ago)`;
  const fields: (readonly [string, string])[] = [
    ['value', annotations.get('value')],
    ['summary', summary],
    ['cause', annotations.get('cause')],
    ['detail', detail === summary ? '' : detail],
    ['since', span],
    ['labels', [...rest].map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(' ')],
    ['runbook', annotations.get('runbook_url')],
    ['source', alert.generatorUrl],
  ];
  return fields.filter(([, text]) => text !== '').map(([name, text]) => [name, clean(text)]);
}

function wholeSeconds(durationMs: number): number {
  return Math.max(0, Math.floor(durationMs / 1000) * 1000);
}

/** One line without control characters. */
function clean(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ').replaceAll(CONTROL, '');
}
