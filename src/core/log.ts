/** Fields of a log line; `err` is printed with its causes. Secrets print as `<secret>`. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Where the program says what it does. Implemented on pino with the Clock's time; `child` adds fields to each line. */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  child(fields: LogFields): Logger;
}

/** A logger that says nothing, for tests. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child() {
    return silentLogger;
  },
};
