import { WRITE_MESSAGES } from '../config.ts';
import type { WriteMessage } from '../config.ts';

const MEDIA_TYPE = 'application/x-protobuf';

/** Which message a request has, or why it is not accepted. */
export type ChosenMessage =
  { readonly ok: true; readonly message: WriteMessage } | { readonly ok: false; readonly message: string };

/**
 * The message of remote write that a `Content-Type` names; 1.0 when it names none.
 *
 * @see client_golang exp/api/remote ParseProtoMsg
 */
export function chooseMessage(
  contentType: string | undefined,
  accepted: readonly WriteMessage[],
): ChosenMessage {
  const given = contentType?.trim() ?? '';
  const [media, ...parameters] = (given === '' ? MEDIA_TYPE : given).split(';');
  if (media !== MEDIA_TYPE) {
    return {
      ok: false,
      message: `expected ${MEDIA_TYPE} as the first (media) part, got ${given} content-type`,
    };
  }
  let message: WriteMessage = 'prometheus.WriteRequest';
  for (const parameter of parameters) {
    const [key, value, ...rest] = parameter.split('=');
    if (value === undefined || rest.length > 0) {
      return {
        ok: false,
        message: `expected parameters of the content-type to be key-values, got ${parameter} in ${given} content-type`,
      };
    }
    if (key !== 'proto') continue;
    const found = WRITE_MESSAGES.find((one) => one === value);
    if (found === undefined) {
      return {
        ok: false,
        message: `got ${given} content type; unknown type for remote write protobuf message ${value}, supported: ${WRITE_MESSAGES.join(', ')}`,
      };
    }
    message = found;
    break;
  }
  if (accepted.includes(message)) return { ok: true, message };
  return {
    ok: false,
    message: `${message} protobuf message is not accepted by this server; only accepts ${accepted.join(', ')}`,
  };
}
