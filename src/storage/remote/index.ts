export { WRITE_MESSAGES } from './config.ts';
export type { WriteMessage } from './config.ts';
export type { StartTimes } from './receive/incoming.ts';
export { WriteReceiver } from './receive/write-receiver.ts';
export type { WriteAnswer, WriteCall } from './receive/write-receiver.ts';
export type { OtlpConfig } from './otlp/config.ts';
export { OtlpReceiver } from './otlp/otlp-receiver.ts';
export { RemoteWrite } from './send/remote-write.ts';
export type { FamilyMetadata } from './send/write-request.ts';
export { RemoteReadServer } from './read/read-server.ts';
export type { RemoteReadAnswer } from './read/read-server.ts';
export type { RemoteReadConfig } from './read/config.ts';
export { FanoutStorage } from './read/fanout-storage.ts';
export { RemoteReadClient } from './read/read-client.ts';
export type {
  ReadAsk,
  ReadForm,
  ReadSink,
  ReadTransport,
  RemoteReadPort,
  RemoteReadView,
} from './read/read-transport.ts';
