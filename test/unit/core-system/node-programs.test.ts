import { expect, test } from 'vitest';
import { NodePrograms } from '../../../src/core/system/node-programs.ts';

const { signal } = new AbortController();
const run = (script: string, stop = signal) =>
  new NodePrograms().run({
    program: process.execPath,
    args: ['-e', script],
    environment: { ADDED: 'x' },
    signal: stop,
  });

test('gives what a program printed and how it ended', async () => {
  const script =
    'console.log(process.env.ADDED, process.argv.length, !!process.env.PATH); console.error("bad"); process.exit(3)';
  expect(await run(script)).toEqual({ exitCode: 3, stdout: 'x 1 true\n', stderr: 'bad\n' });
});

test('gives it no input to wait for', async () => {
  expect((await run('process.stdin.on("end", () => console.log("end")).resume()')).stdout).toBe('end\n');
});

test('fails for a program that is not there', async () => {
  const call = { program: '/nowhere/tool', args: [], environment: {}, signal };
  await expect(new NodePrograms().run(call)).rejects.toMatchObject({
    code: 'TOCSIN_ERR_PROGRAM',
    message: expect.stringContaining('/nowhere/tool: it could not be started') as string,
  });
});

test('fails for one that prints without end, and ends it', async () => {
  await expect(run('setInterval(() => process.stdout.write("x".repeat(1e6)), 1)')).rejects.toThrow(
    'it prints more than 4194304 bytes',
  );
});

test('ends a program with the signal', async () => {
  const controller = new AbortController();
  const ended = run('console.log("up"); setInterval(() => {}, 1000)', controller.signal);
  const reason = new Error('enough');
  controller.abort(reason);
  await expect(ended).rejects.toBe(reason);
  await expect(run('', controller.signal)).rejects.toBe(reason);
});

test('fails for a program that something else ends', async () => {
  await expect(run('process.kill(process.pid, "SIGKILL")')).rejects.toThrow('it was ended by SIGKILL');
});
