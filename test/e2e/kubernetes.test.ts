import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serveHttp } from '../support/http-server.ts';
import type { TestServer } from '../support/http-server.ts';
import { KubernetesServer } from '../support/kubernetes-server.ts';
import { waitFor } from '../support/processes.ts';
import { getData, TocsinProcess } from '../support/tocsin.ts';

/** The built program finds pods in a cluster, with the relabelling that everybody has, and scrapes them. */

const folder = mkdtempSync(join(tmpdir(), 'tocsin-kubernetes-'));
const cluster = new KubernetesServer();
let model: TestServer;
let tocsin: TocsinProcess;
let url: string;

const pod = (name: string, scrape: string) => ({
  metadata: {
    name,
    namespace: 'models',
    labels: { app: 'llama' },
    annotations: { 'prometheus.io/scrape': scrape },
  },
  spec: {
    nodeName: 'gpu-1',
    containers: [{ name: 'c', ports: [{ containerPort: Number(model.address.split(':')[1]) }] }],
  },
  status: { podIP: '127.0.0.1', phase: 'Running' },
});

beforeAll(async () => {
  model = await serveHttp((_, response) =>
    response.setHeader('Content-Type', 'text/plain').end('tokens_total 7\n'),
  );
  cluster.token = 'secret';
  cluster.put('pods', pod('llama-0', 'true'));
  cluster.put('pods', pod('other', 'false'));
  await cluster.start();
  writeFileSync(join(folder, 'token'), 'secret\n');
  writeFileSync(
    join(folder, 'prometheus.yml'),
    `scrape_configs:
- job_name: pods
  scrape_interval: 1s
  kubernetes_sd_configs:
  - role: pod
    api_server: ${cluster.url}
    authorization: { credentials_file: token }
  relabel_configs:
  - { source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape], action: keep, regex: 'true' }
  - { action: labelmap, regex: __meta_kubernetes_pod_label_(.+) }
  - { source_labels: [__meta_kubernetes_pod_name], target_label: pod }
`,
  );
  tocsin = new TocsinProcess(['serve', '--config.file=prometheus.yml', '--web.listen-address=127.0.0.1:0'], {
    folder,
  });
  url = await tocsin.ready();
}, 60_000);

afterAll(async () => {
  await tocsin.stop();
  await cluster.close();
  await model.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Vector {
  readonly result: readonly { readonly metric: Record<string, string>; readonly value: [number, string] }[];
}

/** Waits until exactly these pods are `up`. */
async function up(...pods: string[]): Promise<Vector['result']> {
  return waitFor(`${pods.join(', ')} up`, 30_000, async () => {
    const { result } = await getData<Vector>(`${url}/api/v1/query?query=up%3D%3D1`);
    const names = result.map(({ metric }) => String(metric['pod'])).toSorted((a, b) => (a < b ? -1 : 1));
    return JSON.stringify(names) === JSON.stringify(pods) ? result : undefined;
  });
}

test('pods come and go as the cluster tells', { timeout: 90_000 }, async () => {
  const [found] = await up('llama-0');
  expect(found!.metric).toEqual({
    __name__: 'up',
    app: 'llama',
    instance: model.address,
    job: 'pods',
    pod: 'llama-0',
  });
  cluster.tell('ADDED', 'pods', pod('llama-1', 'true'));
  await up('llama-0', 'llama-1');
  cluster.tell('DELETED', 'pods', pod('llama-0', 'true'));
  await up('llama-1');
  expect(cluster.asked('pods', 'list')).toHaveLength(1);
});
