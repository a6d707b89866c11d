/**
 * Every operating failure the program can report, with what it means. `docs/errors.md` lists the same codes and a test
 * holds the two equal.
 */
export const ERROR_CODES = {
  TOCSIN_ERR_CONFIG: 'a configuration or rule file is not acceptable; the message starts with file:line:col',
  TOCSIN_ERR_USAGE: 'a command line is not acceptable',
  TOCSIN_ERR_NOT_IN_VERSION: 'a key, flag or command of the contract that this version does not have',
  TOCSIN_ERR_LISTEN: 'the server could not listen on its address',
  TOCSIN_ERR_DATA_FOLDER: 'the data folder cannot be used',
  TOCSIN_ERR_STORAGE: 'reading or writing samples failed',
  TOCSIN_ERR_STATE: 'reading or writing the small durable state failed',
  TOCSIN_ERR_HTTP: 'an HTTP request could not be made or did not end well',
  TOCSIN_ERR_DNS: 'a DNS server could not be asked or did not answer as it should',
  TOCSIN_ERR_PROGRAM: 'another program could not be run or did not end well',
  TOCSIN_ERR_TIMEOUT: 'something took longer than it was allowed to',
  TOCSIN_ERR_CANCELLED: 'work was ended because nobody needs it any more',
  TOCSIN_ERR_PARSE: 'text from outside could not be parsed',
  TOCSIN_ERR_TEMPLATE: 'a template could not be parsed or executed',
  TOCSIN_ERR_REGEXP: 'a regular expression is not valid RE2',
} as const;

/** The codes of {@link ERROR_CODES}. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** An operating failure: something outside went wrong, the program did not. Bugs are {@link AssertionFailure}s. */
export class TocsinError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TocsinError';
    this.code = code;
  }
}

/** Thrown by {@link assert}: a bug in tocsin. Nothing catches it on purpose; the process ends. */
export class AssertionFailure extends Error {
  constructor(message: string) {
    super(`bug in tocsin: ${message}`);
    this.name = 'AssertionFailure';
  }
}

/** States what must be true for the code to be right; stays on in production. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message);
}

/**
 * The text of anything that was thrown, causes included, on one line. An error of the system below a TocsinError adds
 * nothing: who wraps one says in words what it means.
 */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const parts = [error.message === '' ? error.name : error.message];
  const isExplained = error instanceof TocsinError && isSystemError(error.cause);
  if (error.cause !== undefined && !isExplained) {
    const cause = errorText(error.cause);
    if (cause !== '' && !parts[0]!.includes(cause)) parts.push(cause);
  }
  return parts.join(': ').replaceAll(/\s*\n\s*/g, ' ');
}

/** Whether a failure, or what caused it, has one of these codes of the system. */
export function hasSystemCode(error: unknown, codes: ReadonlySet<string>): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && codes.has(String(at.code))) return true;
  }
  return false;
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}
