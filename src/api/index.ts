export { createApi } from './create-api.ts';
export type { AlertmanagerPorts, ApiDeps, ApiOptions, PrometheusPorts, Readiness } from './ports.ts';
