import { errorText } from '../../core/errors.ts';
import { goQuote } from '../../core/go-quote.ts';
import { AlertmanagerApiError } from '../api-error.ts';
import { parseRfc3339 } from '../params.ts';

/** Codes of the schema's checks, as the generated code of Alertmanager has them. */
const CODE = { type: 601, required: 602, minItems: 612 } as const;

/** A JSON object of a request's body. */
export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Reads a request's JSON body, with the errors that Alertmanager's generated code gives: what is no JSON or has the wrong
 * types is 400, what lacks something required 422. `name` is the body's name in messages.
 */
export class BodyReader {
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  /** The parsed body. */
  parse(text: unknown, contentType: string | undefined): unknown {
    const type = (contentType ?? '').split(';')[0]!.trim().toLowerCase();
    if (type !== 'application/json') {
      const message = `unsupported media type ${goQuote(type)}, only [application/json] are allowed`;
      throw AlertmanagerApiError.ofCode(415, message);
    }
    if (typeof text !== 'string' || text.trim() === '') throw this.required('');
    try {
      return JSON.parse(text) as unknown;
    } catch (error) {
      throw this.#failed(jsonProblem(text, errorText(error)));
    }
  }

  /** `x.y in body is required` */
  required(path: string): AlertmanagerApiError {
    const what = path === '' ? this.#name : path;
    return AlertmanagerApiError.ofCode(CODE.required, `${what} in body is required`);
  }

  /** `x in body should have at least 1 items` */
  tooFew(path: string): AlertmanagerApiError {
    return AlertmanagerApiError.ofCode(CODE.minItems, `${path} in body should have at least 1 items`);
  }

  /** `x in body must be of type uri: "…"` */
  wrongFormat(path: string, format: string, value: string): AlertmanagerApiError {
    const message = `${path} in body must be of type ${format}: ${goQuote(value)}`;
    return AlertmanagerApiError.ofCode(CODE.type, message);
  }

  list(value: unknown, goType: string): readonly unknown[] {
    if (value === null || value === undefined) return [];
    if (Array.isArray(value)) return value as readonly unknown[];
    throw this.#cannotUnmarshal(value, `Go value of type ${goType}`);
  }

  object(value: unknown, goType: string): JsonObject {
    if (value === null) return {};
    if (typeof value === 'object' && !Array.isArray(value)) return value as JsonObject;
    throw this.#cannotUnmarshal(value, `Go value of type ${goType}`);
  }

  /** A text; undefined when it is absent or null. */
  text(object: JsonObject, field: string, goField: string): string | undefined {
    const value = own(object, field);
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'string') return value;
    throw this.#cannotUnmarshal(value, `Go struct field ${goField} of type string`);
  }

  boolean(object: JsonObject, field: string, goField: string): boolean | undefined {
    const value = own(object, field);
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'boolean') return value;
    throw this.#cannotUnmarshal(value, `Go struct field ${goField} of type bool`);
  }

  /** A list in an object; undefined when it is absent or null. */
  listField(
    object: JsonObject,
    field: string,
    goField: string,
    goType: string,
  ): readonly unknown[] | undefined {
    const value = own(object, field);
    if (value === undefined || value === null) return undefined;
    if (Array.isArray(value)) return value as readonly unknown[];
    throw this.#cannotUnmarshal(value, `Go struct field ${goField} of type ${goType}`);
  }

  /** Names and texts; undefined when absent or null. */
  labels(object: JsonObject, field: string, goField: string): [string, string][] | undefined {
    const value = own(object, field);
    if (value === undefined || value === null) return undefined;
    if (typeof value !== 'object' || Array.isArray(value)) {
      throw this.#cannotUnmarshal(value, `Go struct field ${goField} of type models.LabelSet`);
    }
    return Object.entries(value).map(([name, text]) => {
      if (typeof text === 'string') return [name, text];
      if (text === null) return [name, ''];
      throw this.#cannotUnmarshal(text, `Go struct field ${goField} of type string`);
    });
  }

  /** Milliseconds of a date-time; undefined when absent, null, empty or Go's zero time. */
  timeMs(object: JsonObject, field: string, goField: string): number | undefined {
    const text = this.text(object, field, goField);
    if (text === undefined || text === '') return undefined;
    const timeMs = parseDateTime(text);
    if (timeMs === undefined) {
      const layout = '2006-01-02 15:04:05';
      throw this.#failed(
        `parsing time ${goQuote(text)} as ${goQuote(layout)}: cannot parse ${goQuote(text)} as "2006"`,
      );
    }
    return timeMs === ZERO_TIME_MS ? undefined : timeMs;
  }

  #cannotUnmarshal(value: unknown, into: string): AlertmanagerApiError {
    return this.#failed(`json: cannot unmarshal ${kindOf(value)} into ${into}`);
  }

  #failed(reason: string): AlertmanagerApiError {
    return AlertmanagerApiError.ofCode(400, `parsing ${this.#name} body from "" failed, because ${reason}`);
  }
}

const ZERO_TIME_MS = Date.parse('0001-01-01T00:00:00Z');

/** The formats that Alertmanager takes: RFC 3339, also without a zone (UTC) and with a space for the T. */
function parseDateTime(text: string): number | undefined {
  const plain = text.replace(' ', 'T');
  const zoned = /(?:Z|[+-]\d{2}:\d{2})$/.test(plain) ? plain : `${plain}Z`;
  return parseRfc3339(/^\d{4}-\d{2}-\d{2}Z$/.test(zoned) ? zoned.replace('Z', 'T00:00:00Z') : zoned);
}

function own(object: JsonObject, field: string): unknown {
  return Object.hasOwn(object, field) ? object[field] : undefined;
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

function jsonProblem(text: string, reason: string): string {
  const position = Number(/at position (\d+)/.exec(reason)?.[1] ?? 0);
  return /end of JSON input/.test(reason) || position >= text.length ? 'unexpected EOF' : reason;
}
