import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Labels } from '../../src/core/labels.ts';
import { silentLogger } from '../../src/core/log.ts';
import { Matcher } from '../../src/core/matcher.ts';
import { createRegistry } from '../../src/core/metrics.ts';
import { SeededRandom } from '../../src/core/seeded-random.ts';
import { NodeFileSystem } from '../../src/core/system/node-file-system.ts';
import { SystemClock } from '../../src/core/system/system-clock.ts';
import { Tsdb } from '../../src/storage/index.ts';
import { freePort, stopProcess, waitForReady } from '../support/processes.ts';
import { hasProgram } from '../support/programs.ts';
import { getData } from '../support/tocsin.ts';

const SERIES = Labels.fromObject({ __name__: 'requests_total', pod: 'a' });

function open(path: string): Promise<Tsdb> {
  return Tsdb.open({
    files: new NodeFileSystem(),
    path,
    clock: new SystemClock(),
    logger: silentLogger,
    registry: createRegistry(),
    random: new SeededRandom(1),
    retention: { timeMs: 0, sizeBytes: 0, percentage: 0 },
    maxExemplars: 100,
    lock: undefined,
  });
}

it.skipIf(!hasProgram('prometheus'))(
  'Prometheus reads exemplars and metadata of our log, and we after it',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tocsin-exemplars-'));
    try {
      const nowMs = new SystemClock().nowMs();
      const tsdb = await open(folder);
      const appender = tsdb.appender(nowMs);
      const ref = appender.series(SERIES);
      appender.updateMetadata?.(ref, { type: 'counter', unit: '', help: 'Requests.' });
      for (const [i, age] of [3000, 2000, 1000].entries()) {
        appender.append(ref, nowMs - age, i);
        const labels = Labels.fromObject({ trace_id: `t${i}` });
        appender.appendExemplar?.(ref, {
          labels,
          value: i / 4,
          timestampMs: nowMs - age,
          hasTimestamp: true,
        });
      }
      await appender.commit();
      await tsdb.close();
      const port = await freePort();
      const url = `http://127.0.0.1:${port}`;
      const child = spawn(
        'prometheus',
        [
          '--config.file=/dev/null',
          `--storage.tsdb.path=${folder}`,
          `--web.listen-address=127.0.0.1:${port}`,
          '--enable-feature=exemplar-storage',
        ],
        { stdio: 'ignore' },
      );
      try {
        await waitForReady(`${url}/-/ready`, child);
        const end = nowMs / 1000;
        const found = await getData(
          `${url}/api/v1/query_exemplars?query=requests_total&start=${end - 60}&end=${end}`,
        );
        expect(found).toEqual([
          {
            seriesLabels: { __name__: 'requests_total', pod: 'a' },
            exemplars: [3000, 2000, 1000].map((age, i) => ({
              labels: { trace_id: `t${i}` },
              value: String(i / 4),
              timestamp: (nowMs - age) / 1000,
            })),
          },
        ]);
      } finally {
        await stopProcess(child);
      }
      const again = await open(folder);
      const [series] = again.exemplars.select(0, nowMs, [[new Matcher('pod', '=', 'a')]]);
      await again.close();
      expect(series?.exemplars.map(({ value }) => value)).toEqual([0, 0.25, 0.5]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
