import type { ApiEnvelope } from '../api/types.ts';

/** Path of the page's base without its last slash: the server's route prefix, '' when there is none. */
export function basePath(): string {
  return new URL(document.baseURI).pathname.replace(/\/+$/, '');
}

/** What went wrong with a request, in words for people. */
export class RequestError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

async function send(path: string, init?: RequestInit): Promise<Response> {
  try {
    return await fetch(`${basePath()}/${path}`, init);
  } catch (error) {
    throw new RequestError(
      0,
      `tocsin does not answer (${error instanceof Error ? error.message : String(error)})`,
    );
  }
}

/** GET of Prometheus' API: the envelope's data, or the error it carries. */
export async function getV1<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await send(`api/v1/${path}`, signal === undefined ? {} : { signal });
  const text = await response.text();
  let envelope: ApiEnvelope<T>;
  try {
    envelope = JSON.parse(text) as ApiEnvelope<T>;
  } catch {
    throw new RequestError(
      response.status,
      `unexpected answer (HTTP ${response.status}): ${text.slice(0, 200)}`,
    );
  }
  if (envelope.status === 'error') throw new RequestError(response.status, envelope.error);
  return envelope.data;
}

/** A request of Alertmanager's API; errors are bare JSON strings or `{code, message}`. */
export async function requestV2<T>(path: string, init?: RequestInit): Promise<T> {
  const response = await send(`api/v2/${path}`, init);
  const text = await response.text();
  if (!response.ok) throw new RequestError(response.status, v2ErrorText(response.status, text));
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

function v2ErrorText(status: number, text: string): string {
  if (text === '') return `HTTP ${status}`;
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'string') return parsed;
    if (typeof parsed === 'object' && parsed !== null && 'message' in parsed) return String(parsed.message);
    return text;
  } catch {
    return text;
  }
}
