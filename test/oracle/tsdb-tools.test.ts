import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runTsdb } from '../../src/cli/tsdb.ts';
import { NodeFileSystem } from '../../src/core/system/node-file-system.ts';
import { SystemClock } from '../../src/core/system/system-clock.ts';
import { FakeNetwork } from '../../src/core/testing/fake-network.ts';
import { hasProgram } from '../support/programs.ts';

const START_S = 1_700_006_400;
const SAMPLES = 700;

function openMetrics(): string {
  const lines = ['# TYPE m gauge'];
  for (let s = 0; s < 8; s++) {
    for (let i = 0; i < SAMPLES; i++)
      lines.push(`m{s="${s}",u="ü"} ${s * 1000 + i / 8} ${START_S + i * 15}.5`);
  }
  lines.push('# TYPE h histogram', `h_bucket{le="1.0"} 4 ${START_S}`);
  return `${lines.join('\n')}\n# EOF\n`;
}

const promtool = (...argv: string[]): string => execFileSync('promtool', argv, { encoding: 'utf8' });

async function tocsin(...argv: string[]): Promise<string> {
  let out = '';
  const code = await runTsdb(argv, {
    clock: new SystemClock(),
    files: new NodeFileSystem(),
    http: new FakeNetwork(),
    stdout: { write: (text) => void (out += text) },
    stderr: { write: () => undefined },
    environment: {},
    userName: '',
  });
  expect(code).toBe(0);
  return out;
}

it.skipIf(!hasProgram('promtool'))('tsdb commands say what promtool says of the same folder', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-tools-'));
  try {
    const [input, theirs, ours] = [join(folder, 'input'), join(folder, 'theirs'), join(folder, 'ours')];
    for (const data of [theirs, ours]) mkdirSync(join(data, 'wal'), { recursive: true });
    writeFileSync(input, openMetrics());
    promtool('tsdb', 'create-blocks-from', 'openmetrics', input, theirs);
    await tocsin('create-blocks-from', 'openmetrics', input, ours);
    expect(readdirSync(ours).filter((name) => name.includes('tmp'))).toEqual([]);
    expect(promtool('tsdb', 'dump', ours)).toBe(promtool('tsdb', 'dump', theirs));
    for (const data of [theirs, ours]) {
      for (const command of [['list'], ['list', '-r'], ['dump'], ['dump', '--match={s="3"}']]) {
        expect(await tocsin(...command, data), command.join(' ')).toBe(promtool('tsdb', ...command, data));
      }
      // 2.42 has another word for the count; equal lines come in any order there.
      const sorted = (text: string): string[] =>
        text
          .replace(/^Series:/m, 'Total Series:')
          .split('\n')
          .sort();
      expect(sorted(await tocsin('analyze', data))).toEqual(sorted(promtool('tsdb', 'analyze', data)));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

it('a sample without a timestamp is named by file and line, and nothing is left', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-tools-'));
  try {
    const input = join(folder, 'input');
    writeFileSync(input, 'a 1 1700006400\na 2\n# EOF\n');
    await expect(tocsin('create-blocks-from', 'openmetrics', input, join(folder, 'out'))).rejects.toThrow(
      `${input}:2: expected timestamp`,
    );
    expect(readdirSync(folder)).toEqual(['input']);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

it('samples may come in any order', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-tools-'));
  try {
    const input = join(folder, 'input');
    writeFileSync(input, 'a 2 1700006402\na 1 1700006401\na 3 1700006403\n# EOF\n');
    await tocsin('create-blocks-from', 'openmetrics', '-q', input, folder);
    expect(await tocsin('dump-openmetrics', folder)).toBe(
      'a{} 1 1700006401.000\na{} 2 1700006402.000\na{} 3 1700006403.000\n# EOF\n',
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
