/** Kinds of errors of the Prometheus API. */
export type ApiErrorKind =
  | 'bad_data'
  | 'execution'
  | 'canceled'
  | 'timeout'
  | 'internal'
  | 'unavailable'
  | 'not_found'
  | 'not_acceptable';

const STATUS: Readonly<Record<ApiErrorKind, number>> = {
  bad_data: 400,
  execution: 422,
  canceled: 499,
  timeout: 503,
  internal: 500,
  unavailable: 500,
  not_found: 404,
  not_acceptable: 406,
};

/** An answer of the Prometheus API that says why there is none. */
export class ApiError extends Error {
  readonly kind: ApiErrorKind;

  constructor(kind: ApiErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ApiError';
    this.kind = kind;
  }

  /** HTTP status. */
  get status(): number {
    return STATUS[this.kind];
  }

  /** The envelope. */
  toJSON(): Record<string, unknown> {
    return { status: 'error', errorType: this.kind, error: this.message };
  }
}

/** An answer of the Alertmanager API that is no success; `body` undefined is an empty one. */
export class AlertmanagerApiError extends Error {
  readonly status: number;
  readonly body: unknown;

  constructor(status: number, body: unknown) {
    super(typeof body === 'string' ? body : JSON.stringify(body ?? ''));
    this.name = 'AlertmanagerApiError';
    this.status = status;
    this.body = body;
  }

  /** As its generated code answers: `{code, message}`; codes from 600 on come with status 422. */
  static ofCode(code: number, message: string): AlertmanagerApiError {
    return new AlertmanagerApiError(code >= 600 ? 422 : code, { code, message });
  }
}
