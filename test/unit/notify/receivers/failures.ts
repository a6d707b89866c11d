import { expect, it } from 'vitest';
import { TocsinError } from '../../../../src/core/errors.ts';
import { notificationOf } from '../helpers.ts';
import { FIRING } from '../receiver-bench.ts';
import type { ReceiverBench } from '../receiver-bench.ts';

/** Statuses that every receiver over HTTP takes alike: final or tried again, and why. */
const STATUSES = [
  [301, 'reject', 'other'],
  [400, 'reject', 'clientError'],
  [401, 'reject', 'authError'],
  [403, 'reject', 'authError'],
  [404, 'reject', 'clientError'],
  [429, 'retry', 'rateLimited'],
  [500, 'retry', 'serverError'],
  [503, 'retry', 'serverError'],
] as const;

/** Tests how failures of a receiver are told: which are final, how long to wait, and that its `secrets` do not show. */
export function testFailures(
  bench: () => ReceiverBench,
  yaml: string,
  {
    secrets,
    prefix = '',
    detail = ': why',
  }: {
    readonly secrets: readonly string[];
    readonly prefix?: string;
    /** What messages show of the answer `why`. */
    readonly detail?: string;
  },
): void {
  it.each(STATUSES)('status %i: %s %s', async (status, kind, reason) => {
    bench().server.answer = () => ({ status, body: 'why' });
    const outcome = await bench().send(yaml, notificationOf([FIRING]));
    expect(outcome).toEqual({ kind, reason, message: `${prefix}unexpected status code ${status}${detail}` });
    expect(bench().server.requests).toHaveLength(1);
  });

  it('429 is not tried again before Retry-After', async () => {
    bench().server.answer = () => ({ status: 429, headers: { 'Retry-After': '7' } });
    const outcome = await bench().send(yaml, notificationOf([FIRING]));
    expect(outcome).toMatchObject({ kind: 'retry', reason: 'rateLimited', afterMs: 7000 });
  });

  it('a request that was cut off is tried again and may have arrived', async () => {
    bench().server.answer = () => ({ hang: true });
    const controller = new AbortController();
    const sending = bench().send(yaml, notificationOf([FIRING]), { signal: controller.signal });
    await expect.poll(() => bench().server.requests.length).toBe(1);
    controller.abort(new TocsinError('TOCSIN_ERR_TIMEOUT', 'took too long'));
    const outcome = await sending;
    expect(outcome).toMatchObject({ kind: 'retry', reason: 'contextDeadlineExceeded', unknown: true });
  });

  it('secrets that a server echoes do not show', async () => {
    bench().server.answer = ({ path, headers, body }) => ({
      status: 500,
      body: `${path} ${JSON.stringify(headers)} ${body}`,
    });
    const shown = JSON.stringify(await bench().send(yaml, notificationOf([FIRING])));
    expect(shown).toContain('unexpected status code 500');
    for (const secret of secrets) expect(shown).not.toContain(secret);
    for (const secret of secrets) expect(bench().logger.lines.join('\n')).not.toContain(secret);
  });
}
