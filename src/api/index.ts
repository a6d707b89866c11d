export { createApi } from './create-api.ts';
export { basePath } from './ui.ts';
export type {
  AlertmanagerPorts,
  ApiDeps,
  ApiOptions,
  PrometheusPorts,
  Readiness,
  ReceiverView,
  UiFiles,
} from './ports.ts';
