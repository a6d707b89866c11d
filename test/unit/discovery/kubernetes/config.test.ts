import { describe, expect, test } from 'vitest';
import { validateYaml } from '../../../../src/core/validate-yaml.ts';
import { parseYaml } from '../../../../src/core/yaml.ts';
import { kubernetesConfigSchema } from '../../../../src/discovery/kubernetes/config.ts';
import { readKubeconfig } from '../../../../src/discovery/kubernetes/kubeconfig.ts';
import {
  fieldSelectorProblem,
  labelSelectorProblem,
} from '../../../../src/discovery/kubernetes/selectors.ts';
import { MemoryFileSystem } from '../../../../src/core/testing/memory-file-system.ts';

/** `line:col: message` of each problem. */
function problems(yaml: string): string[] {
  const result = validateYaml(parseYaml(yaml, 'prometheus.yml'), kubernetesConfigSchema);
  return result.ok ? [] : result.issues.map(({ line, column, message }) => `${line}:${column}: ${message}`);
}

function keyOf(yaml: string, folder = '/etc'): string {
  const result = validateYaml(parseYaml(yaml, 'prometheus.yml'), kubernetesConfigSchema, folder);
  if (!result.ok) throw new Error(result.issues[0]!.message);
  return result.value.key;
}

describe('kubernetes_sd_configs', () => {
  test('take every field', () => {
    const key = keyOf(`
api_server: https://10.0.0.1:6443/base
role: endpointslice
namespaces: { names: [a, b] }
selectors:
  - { role: pod, label: 'a=b', field: 'spec.nodeName=x' }
  - { role: service, label: 'c' }
  - { role: endpointslice }
attach_metadata: { node: true, namespace: true, deployment: true, job: true, cronjob: true }
basic_auth: { username: u, password: p }
tls_config: { insecure_skip_verify: true }
proxy_url: http://proxy:3128
follow_redirects: false
enable_http2: false
http_headers: { X-A: { values: [b] } }
`);
    const options = JSON.parse(key.slice('kubernetes:'.length)) as Record<string, unknown>;
    expect(options).toMatchObject({
      access: { kind: 'api-server', url: 'https://10.0.0.1:6443/base', http: { followRedirects: false } },
      role: 'endpointslice',
      namespaces: ['a', 'b'],
      ownNamespace: false,
      selectors: {
        pod: { label: 'a=b', field: 'spec.nodeName=x' },
        service: { label: 'c', field: '' },
        endpointslice: { label: '', field: '' },
      },
      attach: { node: true, namespace: true, deployment: true, job: true, cronjob: true },
    });
  });

  test('read paths against the folder of the config, and have defaults', () => {
    expect(JSON.parse(keyOf('{ role: pod, kubeconfig_file: kube }').slice('kubernetes:'.length))).toEqual({
      access: { kind: 'kubeconfig', file: '/etc/kube' },
      role: 'pod',
      namespaces: [],
      ownNamespace: false,
      selectors: {},
      attach: { node: false, namespace: false, deployment: false, job: false, cronjob: false },
    });
  });

  test('that are equal share a provider, those that differ in a secret do not', () => {
    const config = (password: string) =>
      keyOf(`{ role: pod, api_server: 'http://a', basic_auth: { username: u, password: ${password} } }`);
    expect(config('x')).toBe(config('x'));
    expect(config('x')).not.toBe(config('y'));
    expect(config('x-secret')).not.toContain('x-secret');
  });

  test.each([
    ['{}', '1:1: key "role" is missing'],
    ['role: ""', '1:7: role: must be one of pod, service, endpoints, endpointslice, node, ingress, not ""'],
    ['role: vm', '1:7: role: must be one of pod, service, endpoints, endpointslice, node, ingress, not "vm"'],
    ['role: pod\nroles: pod', '2:1: unknown key "roles"; did you mean "role"?'],
    [
      'role: pod\napi_server: http://a\nkubeconfig_file: b',
      "3:18: kubeconfig_file: cannot use 'kubeconfig_file' and 'api_server' simultaneously",
    ],
    [
      'role: pod\nkubeconfig_file: b\nbasic_auth: { username: u }',
      "3:13: basic_auth: cannot use a custom HTTP client configuration together with 'kubeconfig_file'",
    ],
    [
      'role: pod\nfollow_redirects: false',
      "2:19: follow_redirects: to use custom HTTP client configuration please provide the 'api_server' URL explicitly",
    ],
    [
      'role: pod\nhttp_headers: { A: { values: [b] } }',
      "2:15: http_headers: to use custom HTTP client configuration please provide the 'api_server' URL explicitly",
    ],
    [
      'role: pod\napi_server: http://a\nnamespaces:\n  own_namespace: true',
      "4:18: namespaces.own_namespace: cannot use 'api_server' and 'namespaces.own_namespace' simultaneously",
    ],
    [
      'role: pod\nkubeconfig_file: a\nnamespaces:\n  own_namespace: true',
      "4:18: namespaces.own_namespace: cannot use 'kubeconfig_file' and 'namespaces.own_namespace' simultaneously",
    ],
    [
      'role: pod\napi_server: 10.0.0.1:6443',
      '2:13: api_server: "10.0.0.1:6443" is not a valid URL of an API server',
    ],
    ['role: pod\nnamespaces: { name: [a] }', '2:15: unknown key "name" in namespaces; did you mean "names"?'],
    ['role: pod\nattach_metadata: { node: maybe }', '2:26: '],
    [
      'role: pod\nselectors:\n  - { role: pod }\n  - { role: pod }',
      '4:13: selectors[1].role: duplicated selector role: pod',
    ],
    [
      'role: service\nselectors: [{ role: pod }]',
      '2:21: selectors[0].role: service role supports only service selectors',
    ],
    [
      'role: endpoints\nselectors: [{ role: node }]',
      '2:21: selectors[0].role: endpoints role supports only pod, service, endpoints selectors',
    ],
    [
      'role: pod\nselectors: [{ role: pod, label: "a=(b" }]',
      '2:33: selectors[0].label: unable to parse requirement: ',
    ],
    [
      'role: pod\nselectors: [{ role: pod, field: "spec.nodeName" }]',
      "2:33: selectors[0].field: invalid selector: 'spec.nodeName'; can't understand 'spec.nodeName'",
    ],
    [
      'role: pod\napi_server: http://a\nbearer_token: x\nbasic_auth: { username: u }',
      'at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured',
    ],
  ])('refuse %j', (yaml, message) => {
    expect(problems(yaml).join('\n')).toContain(message);
  });
});

describe('selectors', () => {
  test.each([
    '',
    'a',
    '!a',
    'a=b',
    'a == b',
    'a!=b,c',
    'x in (a, b), y notin (c)',
    'app.kubernetes.io/name=x',
    'n>5,m < 3',
    'a=',
  ])('for labels may be %j', (selector) => {
    expect(labelSelectorProblem(selector)).toBeUndefined();
  });

  test.each(['a b', 'a in b', 'a=b=c', '-a', 'a,,b', 'a=(b)', 'n>x', '/a', `a=${'x'.repeat(64)}`, 'a in (b'])(
    'for labels may not be %j',
    (selector) => {
      expect(labelSelectorProblem(selector)).toMatch(/^unable to parse requirement/);
    },
  );

  test.each(['', 'a=b', 'a==b', 'a!=b,c=d', String.raw`a=b\,c\=d\\`, 'a='])(
    'for fields may be %j',
    (selector) => {
      expect(fieldSelectorProblem(selector)).toBeUndefined();
    },
  );

  test.each(['a', 'a=b=c', String.raw`a=\b`, 'a!b'])('for fields may not be %j', (selector) => {
    expect(fieldSelectorProblem(selector)).toMatch(/^invalid/);
  });
});

describe('a kubeconfig', () => {
  const read = async (cluster: string, user: string) => {
    const files = new MemoryFileSystem();
    files.put(
      '/home/config',
      `current-context: a
contexts: [{ name: a, context: { cluster: b, user: c } }]
clusters: [{ name: b, cluster: ${cluster} }]
users: [{ name: c, user: ${user} }]
`,
    );
    return readKubeconfig('/home/config', files);
  };
  const base64 = (text: string) => Buffer.from(text).toString('base64');

  test('has certificates inline or in files beside it', async () => {
    const inline = await read(
      `{ server: https://s, certificate-authority-data: ${base64('CA')}, certificate-authority: no, tls-server-name: n, proxy-url: http://p:1 }`,
      `{ client-certificate-data: ${base64('CERT')}, client-key-data: ${base64('KEY')} }`,
    );
    expect(inline.url).toBe('https://s');
    expect(inline.http.tls).toMatchObject({ ca: 'CA', caFile: undefined, cert: 'CERT', serverName: 'n' });
    expect(inline.http.tls.key?.reveal()).toBe('KEY');
    expect(inline.http.proxy.url).toBe('http://p:1');
    const files = await read(
      '{ server: https://s, certificate-authority: ca.pem, insecure-skip-tls-verify: true }',
      '{ client-certificate: tls/cert.pem, client-key: /abs/key.pem }',
    );
    expect(files.http.tls).toMatchObject({
      caFile: '/home/ca.pem',
      certFile: '/home/tls/cert.pem',
      keyFile: '/abs/key.pem',
      insecureSkipVerify: true,
    });
    expect(files.http.proxy.fromEnvironment).toBe(true);
  });

  test('has a token, or a name and a password', async () => {
    const token = await read('{ server: https://s }', '{ token: t, username: u, password: p }');
    expect(token.http.authorization?.credentials?.reveal()).toBe('t');
    expect(token.http.basicAuth).toBeUndefined();
    const basic = await read('{ server: https://s }', '{ username: u, password: p }');
    expect(basic.http.basicAuth).toMatchObject({ username: 'u' });
    expect(basic.http.basicAuth?.password?.reveal()).toBe('p');
    expect((await read('{ server: https://s }', '')).http.authorization).toBeUndefined();
  });
});
