import { z } from 'zod';
import { listOf, number, part, text, texts } from '../go-json.ts';

/**
 * What discovery reads of the API's objects. Schemas drop all other fields, so that a cluster's objects are kept at a
 * fraction of their size; absent and null fields read as the API's zero values.
 */

const metadata = z.object({
  name: z.string(),
  namespace: text,
  uid: text,
  resourceVersion: text,
  labels: texts,
  annotations: texts,
  ownerReferences: listOf(z.object({ kind: text, name: text, controller: z.boolean().nullish() })),
});

/** `metadata` of an object. */
export type ObjectMeta = z.output<typeof metadata>;

/** An object of which only the metadata matters: namespaces, replica sets, jobs. */
export const plainObjectSchema = z.object({ metadata });
/** Read by {@link plainObjectSchema}. */
export type PlainObject = z.output<typeof plainObjectSchema>;

/** A node. */
export const nodeSchema = z.object({
  metadata,
  spec: part({ providerID: text }),
  status: part({
    conditions: listOf(z.object({ type: text, status: text })),
    addresses: listOf(z.object({ type: text, address: text })),
    daemonEndpoints: part({ kubeletEndpoint: part({ Port: number }) }),
  }),
});
/** Read by {@link nodeSchema}. */
export type Node = z.output<typeof nodeSchema>;

const container = z.object({
  name: text,
  image: text,
  ports: listOf(z.object({ name: text, containerPort: number, protocol: text })),
});
const containerStatus = z.object({ name: text, containerID: text });

/** A pod. */
export const podSchema = z.object({
  metadata,
  spec: part({
    nodeName: text,
    containers: listOf(container),
    initContainers: listOf(container),
  }),
  status: part({
    podIP: text,
    hostIP: text,
    phase: text,
    conditions: listOf(z.object({ type: text, status: text })),
    containerStatuses: listOf(containerStatus),
    initContainerStatuses: listOf(containerStatus),
  }),
});
/** Read by {@link podSchema}. */
export type Pod = z.output<typeof podSchema>;

/** A service. */
export const serviceSchema = z.object({
  metadata,
  spec: part({
    type: text,
    clusterIP: text,
    externalName: text,
    loadBalancerIP: text,
    ipFamilyPolicy: text,
    ipFamilies: listOf(z.string()),
    ports: listOf(z.object({ name: text, port: number, protocol: text })),
  }),
  status: part({ loadBalancer: part({ ingress: listOf(z.object({ ip: text })) }) }),
});
/** Read by {@link serviceSchema}. */
export type Service = z.output<typeof serviceSchema>;

const targetRef = z.object({ kind: text, namespace: text, name: text }).nullish();

const endpointAddress = z.object({
  ip: text,
  hostname: text,
  nodeName: z.string().nullish(),
  targetRef,
});
/** An address of {@link Endpoints}. */
export type EndpointAddress = z.output<typeof endpointAddress>;

/** Endpoints, the older form of a service's addresses. */
export const endpointsSchema = z.object({
  metadata,
  subsets: listOf(
    z.object({
      addresses: listOf(endpointAddress),
      notReadyAddresses: listOf(endpointAddress),
      ports: listOf(z.object({ name: text, port: number, protocol: text })),
    }),
  ),
});
/** Read by {@link endpointsSchema}. */
export type Endpoints = z.output<typeof endpointsSchema>;

const sliceEndpoint = z.object({
  addresses: listOf(z.string()),
  conditions: part({
    ready: z.boolean().nullish(),
    serving: z.boolean().nullish(),
    terminating: z.boolean().nullish(),
  }),
  hostname: z.string().nullish(),
  nodeName: z.string().nullish(),
  zone: z.string().nullish(),
  deprecatedTopology: texts,
  targetRef,
});
/** An endpoint of an {@link EndpointSlice}. */
export type SliceEndpoint = z.output<typeof sliceEndpoint>;

const slicePort = z.object({
  name: z.string().nullish(),
  port: z.number().nullish(),
  protocol: z.string().nullish(),
  appProtocol: z.string().nullish(),
});
/** A port of an {@link EndpointSlice}. */
export type SlicePort = z.output<typeof slicePort>;

/** A part of a service's endpoints. */
export const endpointSliceSchema = z.object({
  metadata,
  addressType: text,
  endpoints: listOf(sliceEndpoint),
  ports: listOf(slicePort),
});
/** Read by {@link endpointSliceSchema}. */
export type EndpointSlice = z.output<typeof endpointSliceSchema>;

/** An ingress. */
export const ingressSchema = z.object({
  metadata,
  spec: part({
    ingressClassName: z.string().nullish(),
    tls: listOf(z.object({ hosts: listOf(z.string()) })),
    rules: listOf(
      z.object({
        host: text,
        http: z.object({ paths: listOf(z.object({ path: text })) }).nullish(),
      }),
    ),
  }),
});
/** Read by {@link ingressSchema}. */
export type Ingress = z.output<typeof ingressSchema>;

/** The owner that controls an object, if one does. */
export function controllerOf(
  object: PlainObject,
): { readonly kind: string; readonly name: string } | undefined {
  return object.metadata.ownerReferences.find((owner) => owner.controller === true);
}

/** `namespace/name`, or only the name for what has no namespace: the key under which objects are kept. */
export function objectKey(object: PlainObject): string {
  const { namespace, name } = object.metadata;
  return namespace === '' ? name : `${namespace}/${name}`;
}
