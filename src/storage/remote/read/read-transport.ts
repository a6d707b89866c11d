/**
 * Reading from other programs, in two halves: whoever evaluates makes the request and understands the answer, in any thread; the
 * main thread has the connections and the secrets, and only hands bytes on.
 */

/** An endpoint as those see it that ask. Plain data. */
export interface ReadEndpointView {
  readonly name: string;
  readonly readRecent: boolean;
  readonly requiredMatchers: readonly (readonly [name: string, value: string])[];
  /** Added to selectors, and taken from the series that come; empty when `filter_external_labels` is off. */
  readonly externalLabels: readonly (readonly [name: string, value: string])[];
  readonly maxFrameBytes: number;
}

/** All endpoints at present. Plain data. */
export interface RemoteReadView {
  /** Which configuration it is of. */
  readonly version: number;
  /** From when on everything is here. */
  readonly localStartMs: number;
  readonly endpoints: readonly ReadEndpointView[];
}

/** A request to an endpoint. Plain data. */
export interface ReadAsk {
  readonly version: number;
  /** Its place in {@link RemoteReadView.endpoints}. */
  readonly endpoint: number;
  /** Snappy over a `prometheus.ReadRequest`. */
  readonly body: Uint8Array;
}

/** How the bytes of an answer are to be understood. */
export type ReadForm = 'samples' | 'chunks';

/** Takes an answer. */
export interface ReadSink {
  /** Called once, before any bytes. */
  begin(form: ReadForm): void;
  /** The bytes may be changed afterwards. Throws TOCSIN_ERR_PARSE for what can't be an answer. */
  push(bytes: Uint8Array): void;
}

/** Asks endpoints. */
export interface ReadTransport {
  /** Resolves when the whole answer was handed on. Rejects with a TocsinError that says why there is none, or with the signal's reason. */
  read(ask: ReadAsk, sink: ReadSink, signal: AbortSignal): Promise<void>;
}

/** Asks endpoints, and tells which there are. */
export interface RemoteReadPort extends ReadTransport {
  /** undefined when there is none. */
  readonly view: RemoteReadView | undefined;
}
