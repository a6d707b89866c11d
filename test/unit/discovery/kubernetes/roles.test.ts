import { describe, expect, test } from 'vitest';
import { endpointSliceRole } from '../../../../src/discovery/kubernetes/endpoint-slice-role.ts';
import { endpointsRole } from '../../../../src/discovery/kubernetes/endpoints-role.ts';
import { ingressRole } from '../../../../src/discovery/kubernetes/ingress-role.ts';
import { nodeRole } from '../../../../src/discovery/kubernetes/node-role.ts';
import {
  endpointSliceSchema,
  endpointsSchema,
  ingressSchema,
  nodeSchema,
  plainObjectSchema,
  podSchema,
  serviceSchema,
} from '../../../../src/discovery/kubernetes/objects.ts';
import { podRole } from '../../../../src/discovery/kubernetes/pod-role.ts';
import type { ClusterView } from '../../../../src/discovery/kubernetes/role.ts';
import { serviceRole } from '../../../../src/discovery/kubernetes/service-role.ts';
import type { TargetGroup } from '../../../../src/discovery/index.ts';

const NOTHING: ClusterView = {
  nodes: undefined,
  namespaces: undefined,
  pods: undefined,
  services: undefined,
  replicaSets: undefined,
  jobs: undefined,
  attachJob: false,
  attachCronJob: false,
};

/** A group with the prefix of all labels left out, so that one sees what matters. */
function shown(group: TargetGroup | undefined): unknown {
  const short = (labels: Record<string, string>): Record<string, string> =>
    Object.fromEntries(
      Object.entries(labels).map(([name, value]) => [name.replace('__meta_kubernetes_', '~'), value]),
    );
  return (
    group && {
      source: group.source,
      labels: short(group.labels.toObject()),
      targets: group.targets.map((target) => short(target.toObject())),
    }
  );
}

const POD = {
  metadata: {
    name: 'llama-0',
    namespace: 'models',
    uid: 'u-1',
    labels: { 'app.kubernetes.io/name': 'llama' },
    annotations: { 'prometheus.io/scrape': 'yes' },
    ownerReferences: [
      { kind: 'Nobody', name: 'x' },
      { kind: 'ReplicaSet', name: 'llama-7f', controller: true },
    ],
  },
  spec: {
    nodeName: 'gpu-1',
    containers: [
      {
        name: 'server',
        image: 'vllm:1',
        ports: [
          { name: 'http', containerPort: 8000, protocol: 'TCP' },
          { name: 'rpc', containerPort: 8001, protocol: 'UDP' },
        ],
      },
      { name: 'sidecar', image: 'proxy:2' },
    ],
    initContainers: [{ name: 'fetch', image: 'fetch:3', ports: [{ containerPort: 9, protocol: 'TCP' }] }],
  },
  status: {
    podIP: '10.0.0.1',
    hostIP: '192.168.0.1',
    phase: 'Running',
    conditions: [{ type: 'Ready', status: 'True' }],
    containerStatuses: [{ name: 'server', containerID: 'containerd://1' }],
    initContainerStatuses: [{ name: 'fetch', containerID: 'containerd://0' }],
  },
};
const POD_LABELS = {
  '~pod_name': 'llama-0',
  '~pod_uid': 'u-1',
  '~pod_ip': '10.0.0.1',
  '~pod_host_ip': '192.168.0.1',
  '~pod_node_name': 'gpu-1',
  '~pod_phase': 'Running',
  '~pod_ready': 'true',
  '~pod_controller_kind': 'ReplicaSet',
  '~pod_controller_name': 'llama-7f',
  '~pod_label_app_kubernetes_io_name': 'llama',
  '~pod_labelpresent_app_kubernetes_io_name': 'true',
  '~pod_annotation_prometheus_io_scrape': 'yes',
  '~pod_annotationpresent_prometheus_io_scrape': 'true',
};
const NODE = {
  metadata: { name: 'gpu-1', labels: { zone: 'a' } },
  spec: { providerID: 'aws:///a/i-1' },
  status: {
    addresses: [
      { type: 'Hostname', address: 'gpu-1.local' },
      { type: 'InternalIP', address: '192.168.0.1' },
      { type: 'InternalIP', address: 'fd00::1' },
    ],
    conditions: [
      { type: 'Ready', status: 'True' },
      { type: 'Disk.Pressure', status: 'Unknown' },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
  },
};
const NODE_ATTACHED = { '~node_name': 'gpu-1', '~node_label_zone': 'a', '~node_labelpresent_zone': 'true' };
const NAMESPACE = { metadata: { name: 'models', labels: { team: 'ml' }, annotations: { cost: '7' } } };
const NAMESPACE_ATTACHED = {
  '~namespace_label_team': 'ml',
  '~namespace_labelpresent_team': 'true',
  '~namespace_annotation_cost': '7',
  '~namespace_annotationpresent_cost': 'true',
};
const SERVICE = {
  metadata: { name: 'llama', namespace: 'models', labels: { tier: 'gpu' } },
  spec: {
    type: 'ClusterIP',
    clusterIP: '10.96.0.1',
    ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
  },
};
const SERVICE_ATTACHED = {
  '~namespace': 'models',
  '~service_name': 'llama',
  '~service_label_tier': 'gpu',
  '~service_labelpresent_tier': 'true',
};
const nodes = new Map([['gpu-1', nodeSchema.parse(NODE)]]);
const namespaces = new Map([['models', plainObjectSchema.parse(NAMESPACE)]]);
const pods = new Map([['models/llama-0', podSchema.parse(POD)]]);
const services = new Map([['models/llama', serviceSchema.parse(SERVICE)]]);

/** Targets of the pod's containers whose ports are not behind the service. */
function portLabels(
  container: string,
  image: string,
  name: string,
  port: string,
  protocol: string,
  init = 'false',
) {
  return {
    '~pod_container_name': container,
    '~pod_container_image': image,
    ...(name !== '' && { '~pod_container_port_name': name }),
    '~pod_container_port_number': port,
    '~pod_container_port_protocol': protocol,
    '~pod_container_init': init,
  };
}

describe('nodes', () => {
  test('have the first of their addresses, in the order of types', () => {
    expect(shown(nodeRole.groupOf(nodeSchema.parse(NODE), NOTHING))).toEqual({
      source: 'node/gpu-1',
      labels: {
        ...NODE_ATTACHED,
        '~node_provider_id': 'aws:///a/i-1',
        '~node_condition_ready': 'true',
        '~node_condition_disk_pressure': 'unknown',
      },
      targets: [
        {
          __address__: '192.168.0.1:10250',
          instance: 'gpu-1',
          '~node_address_InternalIP': '192.168.0.1',
          '~node_address_Hostname': 'gpu-1.local',
        },
      ],
    });
  });

  test.each([
    [['Hostname', 'LegacyHostIP'], 'LegacyHostIP'],
    [['LegacyHostIP', 'ExternalDNS'], 'ExternalDNS'],
    [['ExternalDNS', 'ExternalIP'], 'ExternalIP'],
    [['ExternalIP', 'InternalDNS'], 'InternalDNS'],
    [['InternalDNS', 'InternalIP'], 'InternalIP'],
  ])('of %j use %s', (types, used) => {
    const node = { ...NODE, status: { addresses: types.map((type) => ({ type, address: type })) } };
    const group = nodeRole.groupOf(nodeSchema.parse(node), NOTHING);
    expect(group?.targets[0]?.get('__address__')).toBe(`${used}:0`);
  });

  test('without an address say nothing', () => {
    expect(nodeRole.groupOf(nodeSchema.parse({ metadata: { name: 'x' } }), NOTHING)).toBeUndefined();
  });
});

describe('pods', () => {
  const targets = [
    {
      __address__: '10.0.0.1:8000',
      '~pod_container_id': 'containerd://1',
      ...portLabels('server', 'vllm:1', 'http', '8000', 'TCP'),
    },
    {
      __address__: '10.0.0.1:8001',
      '~pod_container_id': 'containerd://1',
      ...portLabels('server', 'vllm:1', 'rpc', '8001', 'UDP'),
    },
    {
      __address__: '10.0.0.1',
      '~pod_container_name': 'sidecar',
      '~pod_container_image': 'proxy:2',
      '~pod_container_init': 'false',
    },
    {
      __address__: '10.0.0.1:9',
      '~pod_container_id': 'containerd://0',
      ...portLabels('fetch', 'fetch:3', '', '9', 'TCP', 'true'),
    },
  ];

  test('have a target for each port, and one for a container without ports', () => {
    expect(shown(podRole.groupOf(podSchema.parse(POD), NOTHING))).toEqual({
      source: 'pod/models/llama-0',
      labels: { '~namespace': 'models', ...POD_LABELS },
      targets,
    });
  });

  test('show node, namespace and deployment where these are watched', () => {
    const owner = { kind: 'Deployment', name: 'llama', controller: true };
    const set = { metadata: { name: 'llama-7f', namespace: 'models', ownerReferences: [owner] } };
    const replicaSets = new Map([['models/llama-7f', plainObjectSchema.parse(set)]]);
    const group = podRole.groupOf(podSchema.parse(POD), { ...NOTHING, nodes, namespaces, replicaSets });
    expect(shown(group)).toEqual({
      source: 'pod/models/llama-0',
      labels: {
        '~namespace': 'models',
        '~pod_deployment_name': 'llama',
        ...POD_LABELS,
        ...NODE_ATTACHED,
        ...NAMESPACE_ATTACHED,
      },
      targets,
    });
  });

  test('of jobs show job and cron job, each where it is asked for', () => {
    const owned = (kind: string, name: string) => [{ kind, name, controller: true }];
    const pod = podSchema.parse({
      ...POD,
      metadata: { name: 'p', namespace: 'models', ownerReferences: owned('Job', 'eval-1') },
    });
    const job = {
      metadata: { name: 'eval-1', namespace: 'models', ownerReferences: owned('CronJob', 'eval') },
    };
    const jobs = new Map([['models/eval-1', plainObjectSchema.parse(job)]]);
    const names = (attachJob: boolean, attachCronJob: boolean) => {
      const { labels } = podRole.groupOf(pod, { ...NOTHING, jobs, attachJob, attachCronJob })!;
      return [labels.get('__meta_kubernetes_pod_job_name'), labels.get('__meta_kubernetes_pod_cronjob_name')];
    };
    expect(names(true, false)).toEqual(['eval-1', '']);
    expect(names(false, true)).toEqual(['', 'eval']);
    expect(names(false, false)).toEqual(['', '']);
  });

  test('have no targets without an address, or on a node that is not watched', () => {
    const starting = podSchema.parse({ ...POD, status: { phase: 'Pending' } });
    expect(podRole.groupOf(starting, NOTHING)?.targets).toEqual([]);
    expect(podRole.groupOf(podSchema.parse(POD), { ...NOTHING, nodes: new Map() })?.targets).toEqual([]);
  });

  test('without a condition are unknown, with an IPv6 address have it in brackets', () => {
    const pod = podSchema.parse({ ...POD, status: { podIP: 'fd00::2' } });
    const group = podRole.groupOf(pod, NOTHING)!;
    expect(group.labels.get('__meta_kubernetes_pod_ready')).toBe('unknown');
    expect(group.targets[0]!.get('__address__')).toBe('[fd00::2]:8000');
    expect(group.targets[2]!.get('__address__')).toBe('fd00::2');
  });
});

describe('services', () => {
  const target = {
    __address__: 'llama.models.svc:80',
    '~service_port_name': 'http',
    '~service_port_number': '80',
    '~service_port_protocol': 'TCP',
  };
  const withSpec = (spec: object, status: object = {}) =>
    shown(
      serviceRole.groupOf(
        serviceSchema.parse({ ...SERVICE, spec: { ...SERVICE.spec, ...spec }, status }),
        NOTHING,
      ),
    );

  test('have a target for each port', () => {
    expect(shown(serviceRole.groupOf(serviceSchema.parse(SERVICE), { ...NOTHING, namespaces }))).toEqual({
      source: 'svc/models/llama',
      labels: { ...SERVICE_ATTACHED, ...NAMESPACE_ATTACHED },
      targets: [{ ...target, '~service_type': 'ClusterIP', '~service_cluster_ip': '10.96.0.1' }],
    });
  });

  test('outside the cluster have a name and no address', () => {
    expect(withSpec({ type: 'ExternalName', externalName: 'models.example' })).toMatchObject({
      targets: [{ ...target, '~service_type': 'ExternalName', '~service_external_name': 'models.example' }],
    });
  });

  test('of load balancers show their addresses, or the one that was asked for', () => {
    const spec = { type: 'LoadBalancer', loadBalancerIP: '203.0.113.1' };
    const common = { ...target, '~service_type': 'LoadBalancer', '~service_cluster_ip': '10.96.0.1' };
    expect(withSpec(spec)).toMatchObject({
      targets: [{ ...common, '~service_loadbalancer_ip': '203.0.113.1' }],
    });
    const ingress = [{ ip: '203.0.113.2' }, { hostname: 'x' }, { ip: '203.0.113.3' }];
    expect(withSpec(spec, { loadBalancer: { ingress } })).toMatchObject({
      targets: [{ ...common, '~service_loadbalancer_ip': '203.0.113.2,203.0.113.3' }],
    });
  });
});

describe('ingresses', () => {
  const paths = (group: TargetGroup | undefined) =>
    group?.targets.map((target) => [
      target.get('__meta_kubernetes_ingress_scheme'),
      target.get('__address__'),
      target.get('__meta_kubernetes_ingress_path'),
    ]);
  const ingress = (hosts: string[]) =>
    ingressSchema.parse({
      metadata: { name: 'web', namespace: 'models' },
      spec: {
        ingressClassName: 'nginx',
        tls: [{ hosts }],
        rules: [
          { host: 'a.example.com', http: { paths: [{ path: '/x' }, {}] } },
          { host: 'b.example.com' },
          { host: 'c.b.example.com', http: { paths: [{ path: '/c' }] } },
          { host: 'd.example.com', http: { paths: null } },
        ],
      },
    });

  test('have a target for each path of each rule', () => {
    const group = ingressRole.groupOf(ingress(['a.example.com']), { ...NOTHING, namespaces });
    expect(shown(group)).toEqual({
      source: 'ingress/models/web',
      labels: {
        '~namespace': 'models',
        '~ingress_name': 'web',
        '~ingress_class_name': 'nginx',
        ...NAMESPACE_ATTACHED,
      },
      targets: [
        ['https', 'a.example.com', '/x'],
        ['https', 'a.example.com', '/'],
        ['http', 'b.example.com', '/'],
        ['http', 'c.b.example.com', '/c'],
      ].map(([scheme, host, path]) => ({
        __address__: host,
        '~ingress_host': host,
        '~ingress_scheme': scheme,
        '~ingress_path': path,
      })),
    });
  });

  test('use TLS for hosts that a pattern covers, in their first part only', () => {
    const schemes = (pattern: string) =>
      paths(ingressRole.groupOf(ingress([pattern]), NOTHING))?.map(([scheme]) => scheme);
    expect(schemes('*.example.com')).toEqual(['https', 'https', 'https', 'http']);
    expect(schemes('*.b.example.com')).toEqual(['http', 'http', 'http', 'https']);
    expect(schemes('a.*.com')).toEqual(['http', 'http', 'http', 'http']);
  });
});

describe('endpoints', () => {
  const ENDPOINTS = {
    metadata: { name: 'llama', namespace: 'models', labels: { own: 'yes' } },
    subsets: [
      {
        addresses: [
          {
            ip: '10.0.0.1',
            hostname: 'llama-0',
            nodeName: 'gpu-1',
            targetRef: { kind: 'Pod', namespace: 'models', name: 'llama-0' },
          },
        ],
        notReadyAddresses: [{ ip: '10.0.0.9', targetRef: { kind: 'Node', name: 'gpu-1' } }],
        ports: [{ name: 'http', port: 8000, protocol: 'TCP' }],
      },
    ],
  };

  test('have targets for addresses and for further ports of their pods', () => {
    const group = endpointsRole.groupOf(endpointsSchema.parse(ENDPOINTS), {
      ...NOTHING,
      pods,
      services,
      nodes,
      namespaces,
    });
    const port = { '~endpoint_port_name': 'http', '~endpoint_port_protocol': 'TCP' };
    expect(shown(group)).toEqual({
      source: 'endpoints/models/llama',
      labels: {
        ...SERVICE_ATTACHED,
        ...NAMESPACE_ATTACHED,
        '~endpoints_name': 'llama',
        '~endpoints_label_own': 'yes',
        '~endpoints_labelpresent_own': 'true',
      },
      targets: [
        {
          __address__: '10.0.0.1:8000',
          ...port,
          '~endpoint_ready': 'true',
          '~endpoint_hostname': 'llama-0',
          '~endpoint_node_name': 'gpu-1',
          '~endpoint_address_target_kind': 'Pod',
          '~endpoint_address_target_name': 'llama-0',
          ...NODE_ATTACHED,
          ...POD_LABELS,
          ...portLabels('server', 'vllm:1', 'http', '8000', 'TCP'),
        },
        {
          __address__: '10.0.0.9:8000',
          ...port,
          '~endpoint_ready': 'false',
          '~endpoint_address_target_kind': 'Node',
          '~endpoint_address_target_name': 'gpu-1',
          ...NODE_ATTACHED,
        },
        {
          __address__: '10.0.0.1:8001',
          ...POD_LABELS,
          ...portLabels('server', 'vllm:1', 'rpc', '8001', 'UDP'),
        },
        {
          __address__: '10.0.0.1:9',
          ...POD_LABELS,
          ...portLabels('fetch', 'fetch:3', '', '9', 'TCP', 'true'),
        },
      ],
    });
  });

  test('name what they show', () => {
    expect(endpointsRole.referencesOf(endpointsSchema.parse(ENDPOINTS)).sort()).toEqual([
      'namespace models',
      'node gpu-1',
      'pod models/llama-0',
      'service models/llama',
    ]);
  });

  test('without subsets have no targets', () => {
    const endpoints = endpointsSchema.parse({ metadata: { name: 'x', namespace: 'y' }, subsets: null });
    expect(endpointsRole.groupOf(endpoints, NOTHING)?.targets).toEqual([]);
  });
});

describe('endpoint slices', () => {
  const SLICE = {
    metadata: {
      name: 'llama-x',
      namespace: 'models',
      labels: { 'kubernetes.io/service-name': 'llama' },
    },
    addressType: 'IPv4',
    endpoints: [
      {
        addresses: ['10.0.0.1', '10.0.0.2'],
        conditions: { ready: true, serving: true, terminating: false },
        hostname: 'llama-0',
        nodeName: 'gpu-1',
        zone: 'a',
        deprecatedTopology: { 'topology.io/rack': '3' },
        targetRef: { kind: 'Pod', namespace: 'models', name: 'llama-0' },
      },
      { addresses: ['10.0.0.9'], targetRef: { kind: 'Node', name: 'gpu-1' } },
    ],
    ports: [{ name: 'http', port: 8000, protocol: 'TCP', appProtocol: 'h2c' }],
  };
  const portOf = {
    '~endpointslice_port': '8000',
    '~endpointslice_port_name': 'http',
    '~endpointslice_port_protocol': 'TCP',
    '~endpointslice_port_app_protocol': 'h2c',
  };
  const podTarget = {
    ...portOf,
    '~endpointslice_endpoint_conditions_ready': 'true',
    '~endpointslice_endpoint_conditions_serving': 'true',
    '~endpointslice_endpoint_conditions_terminating': 'false',
    '~endpointslice_endpoint_hostname': 'llama-0',
    '~endpointslice_endpoint_node_name': 'gpu-1',
    '~endpointslice_endpoint_zone': 'a',
    '~endpointslice_endpoint_topology_topology_io_rack': '3',
    '~endpointslice_endpoint_topology_present_topology_io_rack': 'true',
    '~endpointslice_address_target_kind': 'Pod',
    '~endpointslice_address_target_name': 'llama-0',
    ...NODE_ATTACHED,
    ...POD_LABELS,
    ...portLabels('server', 'vllm:1', 'http', '8000', 'TCP'),
  };

  test('have targets for addresses and for further ports of their pods', () => {
    const view = { ...NOTHING, pods, services, nodes, namespaces };
    expect(shown(endpointSliceRole.groupOf(endpointSliceSchema.parse(SLICE), view))).toEqual({
      source: 'endpointslice/models/llama-x',
      labels: {
        ...SERVICE_ATTACHED,
        ...NAMESPACE_ATTACHED,
        '~endpointslice_name': 'llama-x',
        '~endpointslice_address_type': 'IPv4',
        '~endpointslice_label_kubernetes_io_service_name': 'llama',
        '~endpointslice_labelpresent_kubernetes_io_service_name': 'true',
      },
      targets: [
        { __address__: '10.0.0.1:8000', ...podTarget },
        { __address__: '10.0.0.2:8000', ...podTarget },
        {
          __address__: '10.0.0.9:8000',
          ...portOf,
          '~endpointslice_address_target_kind': 'Node',
          '~endpointslice_address_target_name': 'gpu-1',
          ...NODE_ATTACHED,
        },
        {
          __address__: '10.0.0.1:8001',
          ...POD_LABELS,
          ...portLabels('server', 'vllm:1', 'rpc', '8001', 'UDP'),
        },
        {
          __address__: '10.0.0.1:9',
          ...POD_LABELS,
          ...portLabels('fetch', 'fetch:3', '', '9', 'TCP', 'true'),
        },
      ],
    });
  });

  test('whose port has no number have the bare address', () => {
    const slice = { ...SLICE, endpoints: [{ addresses: ['10.0.0.9'] }], ports: [{ name: 'any' }] };
    expect(shown(endpointSliceRole.groupOf(endpointSliceSchema.parse(slice), NOTHING))).toMatchObject({
      targets: [{ __address__: '10.0.0.9', '~endpointslice_port_name': 'any' }],
    });
  });

  test.each([
    ['PreferDualStack', ['IPv6', 'IPv4'], 0],
    ['RequireDualStack', ['IPv6', 'IPv4'], 0],
    ['PreferDualStack', ['IPv4', 'IPv6'], 1],
    ['PreferDualStack', [], 1],
    ['SingleStack', ['IPv6'], 1],
  ])('of a service with %s %j have %i targets an address', (ipFamilyPolicy, ipFamilies, count) => {
    const service = serviceSchema.parse({ ...SERVICE, spec: { ipFamilyPolicy, ipFamilies } });
    const slice = endpointSliceSchema.parse({ ...SLICE, endpoints: [{ addresses: ['10.0.0.9'] }] });
    const group = endpointSliceRole.groupOf(slice, {
      ...NOTHING,
      services: new Map([['models/llama', service]]),
    });
    expect(group?.targets).toHaveLength(count);
  });

  test('name what they show', () => {
    expect(endpointSliceRole.referencesOf(endpointSliceSchema.parse(SLICE)).sort()).toEqual([
      'namespace models',
      'node gpu-1',
      'pod models/llama-0',
      'service models/llama',
    ]);
  });
});
