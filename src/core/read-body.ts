import { TocsinError } from './errors.ts';
import type { HttpResponse } from './ports.ts';

/** The body of an answer as text. Rejects with a TocsinError that names `from` when it has more than `maxBytes` bytes. */
export async function readBody(response: HttpResponse, from: string, maxBytes: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let sizeBytes = 0;
  for await (const chunk of response.body) {
    sizeBytes += chunk.length;
    if (sizeBytes > maxBytes) {
      response.discard();
      throw new TocsinError('TOCSIN_ERR_HTTP', `${from}: the answer is larger than ${maxBytes} bytes`);
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
