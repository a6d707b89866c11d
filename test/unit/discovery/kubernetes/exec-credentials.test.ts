import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeNetwork } from '../../../../src/core/testing/fake-network.ts';
import { FakePrograms } from '../../../../src/core/testing/fake-programs.ts';
import type { HttpRequest } from '../../../../src/core/ports.ts';
import { KubernetesServer } from '../../../support/kubernetes-server.ts';
import { until } from '../../../support/until.ts';
import { ProviderWorld } from '../provider-world.ts';

const V1 = 'client.authentication.k8s.io/v1';

let server: KubernetesServer;
let programs: FakePrograms;
let world: ProviderWorld;

beforeEach(async () => {
  server = new KubernetesServer();
  await server.start();
  server.token = 'one';
  server.put('pods', {
    metadata: { name: 'a', namespace: 'models' },
    spec: { containers: [{ name: 'c' }] },
    status: { podIP: '10.0.0.1' },
  });
  programs = new FakePrograms();
  world = new ProviderWorld({ programs });
});

afterEach(async () => {
  await world.stop();
  await server.close();
});

function configure(exec: string, cluster = `{ server: '${server.url}' }`): void {
  world.files.put(
    '/home/.kube/config',
    `current-context: a
contexts: [{ name: a, context: { cluster: b, user: c } }]
clusters: [{ name: b, cluster: ${cluster} }]
users: [{ name: c, user: { exec: { apiVersion: ${V1}, ${exec} } } }]
`,
  );
  world.start('kubernetes_sd_configs: [{ role: pod, kubeconfig_file: /home/.kube/config }]');
}

const printed = (status: object, apiVersion = V1) => ({
  stdout: JSON.stringify({ kind: 'ExecCredential', apiVersion, status }),
});
const errors = () => world.lines.filter((line) => line.startsWith('error '));

describe('a program that gives credentials', () => {
  test('is run once for all that ask, with its arguments and what it is to know', async () => {
    programs.answer = () => printed({ token: 'one' });
    configure(
      'command: ./bin/aws, args: [eks, get-token], env: [{ name: AWS_PROFILE, value: p }], provideClusterInfo: true, interactiveMode: IfAvailable',
      `{ server: '${server.url}', certificate-authority: ca.pem }`,
    );
    world.files.put('/home/.kube/ca.pem', 'CA');
    await world.sent(1);
    await until('it is watched', () => server.openWatches('pods') === 1);
    expect(programs.calls).toHaveLength(1);
    const { program, args, environment } = programs.calls[0]!;
    expect([program, ...args]).toEqual(['/home/.kube/bin/aws', 'eks', 'get-token']);
    expect(environment['AWS_PROFILE']).toBe('p');
    expect(JSON.parse(environment['KUBERNETES_EXEC_INFO']!)).toEqual({
      kind: 'ExecCredential',
      apiVersion: V1,
      spec: {
        interactive: false,
        cluster: { server: server.url, 'certificate-authority-data': Buffer.from('CA').toString('base64') },
      },
    });
  });

  test('is run again when its token ends', async () => {
    programs.answer = () =>
      printed({ token: 'one', expirationTimestamp: new Date(world.clock.nowMs() + 900_000).toISOString() });
    configure('command: get-token');
    await world.sent(1);
    await until('it is watched', () => server.openWatches('pods') === 1);
    await world.pass(200_000);
    server.sendEvent('pods', { type: 'BOOKMARK', object: { metadata: { resourceVersion: '150' } } });
    server.endWatches('pods', 'end');
    await until('it is watched again', () => server.asked('pods', 'watch').length === 2);
    expect(programs.calls).toHaveLength(1);
    await until('the watch is open', () => server.openWatches('pods') === 1);
    await world.pass(200_000);
    server.sendEvent('pods', { type: 'BOOKMARK', object: { metadata: { resourceVersion: '151' } } });
    server.endWatches('pods', 'end');
    await until('it is watched again', () => server.asked('pods', 'watch').length === 3);
    await until('the watch is open', () => server.openWatches('pods') === 1);
    await world.pass(290_000);
    await world.pass(210_000);
    server.endWatches('pods', 'end');
    await until('it is run again', () => programs.calls.length === 2);
  });

  test('is run again when the server refuses its token', async () => {
    let token = 'one';
    programs.answer = () => printed({ token });
    configure('command: get-token');
    await world.sent(1);
    await until('it is watched', () => server.openWatches('pods') === 1);
    token = 'two';
    server.token = 'two';
    server.sendEvent('pods', { type: 'BOOKMARK', object: { metadata: { resourceVersion: '150' } } });
    server.endWatches('pods', 'end');
    await until('the old one is refused', () => errors().length === 1);
    await world.clock.advanceTo(world.clock.nextTimerMs()!);
    await until('it is watched again', () => server.openWatches('pods') === 1);
    expect(programs.calls).toHaveLength(2);
    expect(server.requests.at(-1)!.authorization).toBe('Bearer two');
  });

  test('may give a certificate', async () => {
    const network = new FakeNetwork();
    const requests: HttpRequest[] = [];
    network.serve('api.example', (request) => {
      requests.push(request);
      return { status: 500 };
    });
    const inside = new ProviderWorld({ programs, http: network });
    programs.answer = () => printed({ clientCertificateData: 'CERT', clientKeyData: 'KEY' });
    const own = world;
    world = inside;
    configure('command: get-cert', '{ server: https://api.example, insecure-skip-tls-verify: true }');
    await until('it is asked', () => requests.length === 1);
    expect(requests[0]!.connection?.tls).toMatchObject({
      cert: 'CERT',
      key: 'KEY',
      insecureSkipVerify: true,
    });
    expect(requests[0]!.headers).not.toHaveProperty('Authorization');
    await own.stop();
  });

  test.each([
    ['is not there', undefined, 'it could not be started: there is none (brew install it)'],
    ['fails', { exitCode: 3, stderr: 'not\nlogged in' }, 'get-token ended with 3: not logged in'],
    ['prints something else', { stdout: 'HIDDEN' }, 'not valid JSON'],
    ['prints another version', printed({ token: 'HIDDEN' }, 'x/v2'), 'apiVersion x/v2, where'],
    ['prints half a certificate', printed({ clientKeyData: 'HIDDEN' }), 'neither a token nor a certificate'],
    ['prints no status', { stdout: `{"kind":"ExecCredential","apiVersion":"${V1}"}` }, 'status'],
  ])('that %s is a failure, and run again later', async (_, answer, message) => {
    programs.answer = () => answer;
    configure('command: get-token, installHint: brew install it');
    await until('it is said', () => errors().length === 1);
    expect(errors()[0]).toContain(message);
    expect(errors()[0]).not.toContain('HIDDEN');
    programs.answer = () => printed({ token: 'one' });
    await world.clock.advanceTo(world.clock.nextTimerMs()!);
    await world.sent(1);
  });
});
