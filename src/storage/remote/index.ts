export { RemoteWrite } from './send/remote-write.ts';
export type { FamilyMetadata } from './send/write-request.ts';
