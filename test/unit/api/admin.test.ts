import type { FastifyInstance } from 'fastify';
import { beforeEach, describe, expect, it } from 'vitest';
import { createApi } from '../../../src/api/index.ts';
import { TocsinError } from '../../../src/core/errors.ts';
import { Fakes } from './fakes.ts';

let fakes: Fakes;
let api: FastifyInstance;

beforeEach(() => {
  fakes = new Fakes();
  api = createApi(fakes.deps({ enableAdmin: true }));
});

async function ask(
  method: 'GET' | 'POST' | 'PUT',
  path: string,
  form = '',
): Promise<readonly [status: number, body: string]> {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const url = `/api/v1/${path}`;
  const response = await api.inject({ method, url, ...(form !== '' && { payload: form, headers }) });
  return [response.statusCode, response.body];
}

function failure(errorType: string, error: string): string {
  return JSON.stringify({ status: 'error', errorType, error });
}

describe('the admin API', () => {
  it('is refused as by Prometheus unless it is allowed', async () => {
    api = createApi(fakes.deps());
    for (const name of ['delete_series', 'clean_tombstones', 'snapshot']) {
      const refused = [500, failure('unavailable', 'admin APIs disabled')];
      expect(await ask('POST', `admin/tsdb/${name}`)).toEqual(refused);
    }
    expect(fakes.calls).toEqual([]);
  });

  it('deletes by each selector, by POST and PUT', async () => {
    const form = 'match[]=up&match[]={job%3D"a"}&start=1&end=2.5';
    expect(await ask('POST', 'admin/tsdb/delete_series', form)).toEqual([204, '']);
    expect(await ask('PUT', 'admin/tsdb/delete_series?match[]=x')).toEqual([204, '']);
    expect(fakes.calls).toEqual([
      'delete {__name__="up"} 1000..2500',
      'delete {job="a"} 1000..2500',
      `delete {__name__="x"} ${-Number.MAX_SAFE_INTEGER}..${Number.MAX_SAFE_INTEGER}`,
    ]);
  });

  it.each([
    ['', 'no match[] parameter provided'],
    [
      'match[]=up&start=x',
      'invalid parameter "start": invalid time value for \'start\': cannot parse "x" to a valid timestamp',
    ],
    ['match[]=up{', 'invalid parameter "match[]": 1:4: parse error: unexpected end of input inside braces'],
  ])('refuses to delete by %j', async (form, error) => {
    expect(await ask('POST', 'admin/tsdb/delete_series', form)).toEqual([400, failure('bad_data', error)]);
    expect(fakes.calls).toEqual([]);
  });

  it('cleans up and makes snapshots', async () => {
    expect(await ask('POST', 'admin/tsdb/clean_tombstones')).toEqual([204, '']);
    const made = [200, '{"status":"success","data":{"name":"20260101T000000Z-00ff"}}'];
    expect(await ask('POST', 'admin/tsdb/snapshot')).toEqual(made);
    expect(await ask('PUT', 'admin/tsdb/snapshot?skip_head=true')).toEqual(made);
    expect(fakes.calls).toEqual(['clean', 'snapshot with head', 'snapshot without head']);
    const reason =
      'invalid parameter "skip_head": unable to parse boolean: strconv.ParseBool: parsing "x": invalid syntax';
    expect(await ask('POST', 'admin/tsdb/snapshot?skip_head=x')).toEqual([400, failure('bad_data', reason)]);
  });

  it('says what failed', async () => {
    fakes.adminError = new TocsinError('TOCSIN_ERR_STORAGE', 'the disk is gone');
    const deleted = await ask('POST', 'admin/tsdb/delete_series', 'match[]=up');
    expect(deleted).toEqual([500, failure('internal', 'the disk is gone')]);
    const copied = await ask('POST', 'admin/tsdb/snapshot');
    expect(copied).toEqual([500, failure('internal', 'create snapshot: the disk is gone')]);
  });
});

it('/status/tsdb/blocks shows blocks as their meta.json does', async () => {
  const { admin } = fakes.tsdb;
  const meta = {
    ulid: '01HF0000000000000000000000',
    minTime: 1,
    maxTime: 2,
    stats: {
      numSamples: 3,
      numFloatSamples: 3,
      numHistogramSamples: 0,
      numSeries: 1,
      numChunks: 1,
      numTombstones: 0,
    },
    compaction: {
      level: 1,
      sources: ['01HF0000000000000000000000'],
      parents: [],
      hints: [],
      deletable: false,
      failed: false,
    },
  };
  fakes.tsdb = { admin, blocks: [{ meta }] };
  const shown =
    '{"ulid":"01HF0000000000000000000000","minTime":1,"maxTime":2,"stats":{"numSamples":3,"numFloatSamples":3,' +
    '"numSeries":1,"numChunks":1},"compaction":{"level":1,"sources":["01HF0000000000000000000000"]},"version":1}';
  expect(await ask('GET', 'status/tsdb/blocks')).toEqual([
    200,
    `{"status":"success","data":{"blocks":[${shown}]}}`,
  ]);
});
