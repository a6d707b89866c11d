import { pino, type Logger as Pino } from 'pino';
import type { Clock } from '../clock.ts';
import { errorText } from '../errors.ts';
import type { LogFields, Logger } from '../log.ts';
import type { TextOutput } from '../ports.ts';

/** Levels of `--log.level`. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** How lines look: Prometheus' `--log.format`. */
export type LogFormat = 'logfmt' | 'json';

/** A value as logfmt writes it: bare when it is one word, quoted otherwise. */
function logfmtValue(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'null');
  return text !== '' && !/[\s"=\\]/.test(text) ? text : JSON.stringify(text);
}

/** One JSON line of pino as a logfmt line: `time=… level=INFO msg="…" component=…`. */
function toLogfmt(line: string): string {
  const { time, level, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const parts = [`time=${String(time)}`, `level=${String(level)}`, `msg=${logfmtValue(msg)}`];
  for (const [name, value] of Object.entries(fields)) parts.push(`${name}=${logfmtValue(value)}`);
  return `${parts.join(' ')}\n`;
}

class PinoLogger implements Logger {
  readonly #pino: Pino;

  constructor(instance: Pino) {
    this.#pino = instance;
  }

  debug(fields: LogFields, message: string): void {
    this.#pino.debug(fields, message);
  }

  info(fields: LogFields, message: string): void {
    this.#pino.info(fields, message);
  }

  warn(fields: LogFields, message: string): void {
    this.#pino.warn(fields, message);
  }

  error(fields: LogFields, message: string): void {
    this.#pino.error(fields, message);
  }

  child(fields: LogFields): Logger {
    return new PinoLogger(this.#pino.child(fields));
  }
}

/** Makes the program's logger: times from the Clock, errors as one line of text with their causes. */
export function createLogger(
  clock: Clock,
  output: TextOutput,
  options: { readonly level: LogLevel; readonly format: LogFormat },
): Logger {
  const write = (line: string): void => {
    output.write(options.format === 'json' ? line : toLogfmt(line));
  };
  const instance = pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":"${new Date(clock.nowMs()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label.toUpperCase() }) },
      serializers: { err: errorText },
    },
    { write },
  );
  return new PinoLogger(instance);
}
