export { RemoteApi } from './remote-api.ts';
export { RemoteQueryEngine } from './remote-query-engine.ts';
export { RemoteQueryService } from './remote-query-service.ts';
export { RemoteReadableStorage } from './remote-readable-storage.ts';
