import { describe, expect, test } from 'vitest';
import { executorTask, type Executor } from '../../../src/core/executor.ts';
import { InlineExecutor } from '../../../src/core/inline-executor.ts';
import { SystemClock } from '../../../src/core/system/system-clock.ts';
import { ThreadExecutor } from '../../../src/core/system/thread-executor.ts';

const task = executorTask<{ readonly kind: string; readonly value: number }, number>(
  'example',
  import.meta.url,
  './executor-task',
);

describe.each<[string, () => Executor]>([
  ['ThreadExecutor', () => new ThreadExecutor(2)],
  ['InlineExecutor', () => new InlineExecutor(new SystemClock())],
])('%s', (_, make) => {
  test('gives results and rejections to whoever asked', async () => {
    const executor = make();
    const outcomes = await Promise.allSettled([
      executor.run(task, { kind: 'double', value: 2 }),
      executor.run(task, { kind: 'fail', value: 0 }),
      executor.run(task, { kind: 'double', value: 5 }),
      executor.run(task, { kind: 'double', value: 6 }),
    ]);
    expect(outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : 'rejected'))).toEqual([
      4,
      'rejected',
      10,
      12,
    ]);
    await executor.close();
  });

  test('does not start what is already aborted', async () => {
    const executor = make();
    const reason = new Error('not needed');
    await expect(executor.run(task, { kind: 'double', value: 1 }, AbortSignal.abort(reason))).rejects.toBe(
      reason,
    );
    await executor.close();
  });
});

describe('ThreadExecutor', () => {
  test('an endless task ends when aborted, and its thread is replaced', async () => {
    const executor = new ThreadExecutor(1);
    const controller = new AbortController();
    const endless = executor.run(task, { kind: 'spin', value: 0 }, controller.signal);
    const after = executor.run(task, { kind: 'double', value: 21 });
    setImmediate(() => {
      controller.abort(new Error('stop it'));
    });
    await expect(endless).rejects.toThrow('stop it');
    expect(await after).toBe(42);
    await executor.close();
  });

  test('closing rejects what runs', async () => {
    const executor = new ThreadExecutor(1);
    const endless = executor.run(task, { kind: 'spin', value: 0 });
    const rejected = expect(endless).rejects.toMatchObject({ code: 'TOCSIN_ERR_CANCELLED' });
    await executor.close();
    await rejected;
  });

  test('an input that cannot be sent is the caller’s error', async () => {
    const executor = new ThreadExecutor(1);
    const input = { kind: 'double', value: (() => 1) as unknown as number };
    await expect(executor.run(task, input)).rejects.toThrow(/could not be cloned/);
    expect(await executor.run(task, { kind: 'double', value: 4 })).toBe(8);
    await executor.close();
  });
});
