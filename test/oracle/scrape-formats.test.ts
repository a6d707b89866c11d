import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { METRIC_TYPES } from '../../src/core/metric-types.ts';
import { makeParser } from '../../src/scrape/parser/content-type.ts';
import { Entry } from '../../src/scrape/parser/entry.ts';
import { readSeriesLabels } from '../../src/scrape/parser/series-labels.ts';
import { acceptHeader } from '../../src/scrape/protocols.ts';
import type { ScrapeProtocol } from '../../src/scrape/protocols.ts';
import { freePort, stopProcess, waitForReady } from '../support/processes.ts';
import { hasProgram } from '../support/programs.ts';

/** The metrics of a program written with Go's client library, in both formats that it speaks: the same series. */

const OPTIONS = { native: false, alwaysClassic: false, convertClassic: false, openMetrics2: false };

interface Exposition {
  readonly contentType: string;
  /** Series, with types where a family has one. */
  readonly series: ReadonlyMap<string, number>;
  readonly descriptions: readonly string[];
}

async function read(url: string, protocol: ScrapeProtocol): Promise<Exposition> {
  const response = await fetch(url, { headers: { accept: acceptHeader([protocol], 'allow-utf-8') } });
  const contentType = response.headers.get('content-type') ?? '';
  const body = new Uint8Array(await response.arrayBuffer());
  const parser = makeParser(body, body.length, contentType, '', OPTIONS);
  const series = new Map<string, number>();
  const descriptions: string[] = [];
  for (let entry = parser.next(); entry !== Entry.end; entry = parser.next()) {
    if (entry === Entry.meta) descriptions.push(`${parser.metaFamily()} ${parser.metaText()}`);
    else if (entry === Entry.series) {
      const { seriesStart, seriesEnd, metricType, value } = parser;
      const labels = readSeriesLabels(parser.body, seriesStart, seriesEnd, metricType);
      series.set(`${labels.toString()} ${METRIC_TYPES[metricType]}`, value);
    }
  }
  return { contentType, series, descriptions: descriptions.sort() };
}

describe.skipIf(!hasProgram('prometheus'))('one registry in two formats', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-formats-'));
  let child: ChildProcess;
  let url = '';

  beforeAll(async () => {
    writeFileSync(join(folder, 'prometheus.yml'), '');
    const port = await freePort();
    url = `http://127.0.0.1:${port}/metrics`;
    child = spawn(
      'prometheus',
      [
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=error',
      ],
      { stdio: 'ignore' },
    );
    await waitForReady(`http://127.0.0.1:${port}/-/ready`, child);
    // What a first request adds is there from now on.
    await read(url, 'PrometheusText0.0.4');
  }, 60_000);

  afterAll(async () => {
    await stopProcess(child);
    rmSync(folder, { recursive: true, force: true });
  });

  test('protobuf gives what text gives', async () => {
    const text = await read(url, 'PrometheusText0.0.4');
    const proto = await read(url, 'PrometheusProto');
    expect(proto.contentType).toContain('application/vnd.google.protobuf');
    expect(proto.series.size).toBeGreaterThan(250);
    expect([...proto.series.keys()].sort()).toEqual([...text.series.keys()].sort());
    expect(proto.descriptions).toEqual(text.descriptions);
    // What nothing changes meanwhile is the same to the bit.
    const still = [...text.series].filter(([key]) =>
      /^(?:go_info|prometheus_build_info|process_start|prometheus_tsdb_wal_fsync)/.test(key),
    );
    expect(still.length).toBeGreaterThan(3);
    for (const [key, value] of still) expect(proto.series.get(key), key).toBe(value);
  });
});
