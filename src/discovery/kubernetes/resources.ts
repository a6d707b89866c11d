import type { z } from 'zod';
import {
  endpointSliceSchema,
  endpointsSchema,
  ingressSchema,
  nodeSchema,
  plainObjectSchema,
  podSchema,
  serviceSchema,
} from './objects.ts';
import type { PlainObject } from './objects.ts';

/** Where the API has the objects of a kind, and what is read of them. */
export interface Resource<T extends PlainObject> {
  readonly api: string;
  readonly plural: string;
  readonly schema: z.ZodType<T>;
}

const CORE = '/api/v1';

/** The kinds of objects that are watched. */
export const RESOURCES = {
  node: { api: CORE, plural: 'nodes', schema: nodeSchema },
  namespace: { api: CORE, plural: 'namespaces', schema: plainObjectSchema },
  pod: { api: CORE, plural: 'pods', schema: podSchema },
  service: { api: CORE, plural: 'services', schema: serviceSchema },
  endpoints: { api: CORE, plural: 'endpoints', schema: endpointsSchema },
  endpointslice: { api: '/apis/discovery.k8s.io/v1', plural: 'endpointslices', schema: endpointSliceSchema },
  ingress: { api: '/apis/networking.k8s.io/v1', plural: 'ingresses', schema: ingressSchema },
  replicaset: { api: '/apis/apps/v1', plural: 'replicasets', schema: plainObjectSchema },
  job: { api: '/apis/batch/v1', plural: 'jobs', schema: plainObjectSchema },
} as const;
