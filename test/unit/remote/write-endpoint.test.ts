import { beforeEach, describe, expect, test } from 'vitest';
import { AuthorizedHttp } from '../../../src/core/authorized-http.ts';
import { DEFAULT_HTTP_CLIENT_CONFIG } from '../../../src/core/http-config.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { FakeNetwork } from '../../../src/core/testing/fake-network.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { remoteWriteSchema } from '../../../src/storage/remote/config.ts';
import { WriteEndpoint } from '../../../src/storage/remote/send/write-endpoint.ts';
import type { SendOutcome } from '../../../src/storage/remote/send/write-endpoint.ts';

const V1 = 'prometheus.WriteRequest';
const V2 = 'io.prometheus.write.v2.Request';

let clock: VirtualClock;
let network: FakeNetwork;

beforeEach(() => {
  clock = new VirtualClock(0);
  network = new FakeNetwork();
});

function send(message: string): Promise<SendOutcome> {
  const config = remoteWriteSchema.parse({ url: 'http://far/write', protobuf_message: message });
  const files = new MemoryFileSystem();
  const http = new AuthorizedHttp({
    http: network,
    files,
    clock,
    random: new SeededRandom(1),
    config: DEFAULT_HTTP_CLIENT_CONFIG,
  });
  const endpoint = new WriteEndpoint(config, http, clock, 'test');
  return endpoint.send(new Uint8Array(100), new AbortController().signal, 0);
}

describe('an endpoint', () => {
  test('of version 2.0 must say that it stored something', async () => {
    network.serve('far', () => ({ status: 204 }));
    expect((await send(V1)).kind).toBe('sent');
    expect(await send(V2)).toEqual({
      kind: 'refused',
      reason: expect.stringContaining('it seems not to know remote write 2.0') as string,
    });
    for (const what of ['samples', 'histograms', 'exemplars']) {
      const headers = {
        'x-prometheus-remote-write-samples-written': '0',
        [`x-prometheus-remote-write-${what}-written`]: '2',
      };
      network.serve('far', () => ({ status: 204, headers }));
      expect((await send(V2)).kind).toBe('sent');
    }
  });

  test.each([
    [500, {}, { kind: 'retry', reason: 'HTTP 500: why', afterMs: undefined }],
    [503, { 'retry-after': '3' }, { kind: 'retry', reason: 'HTTP 503: why', afterMs: 3000 }],
    [429, { 'retry-after': '9999' }, { kind: 'retry', reason: 'HTTP 429: why', afterMs: 600_000 }],
    [400, {}, { kind: 'refused', reason: 'HTTP 400: why' }],
  ])('that answers %i', async (status, headers, outcome) => {
    network.serve('far', () => ({ status, headers, body: 'why\nand more' }));
    expect(await send(V1)).toEqual(outcome);
  });
});
