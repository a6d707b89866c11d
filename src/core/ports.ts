/**
 * The doors to the world outside the process. Everything below `app/` gets these handed in; `core/system/` has the real
 * ones, `core/testing/` has deterministic ones in memory that can be told to fail.
 */

/** What {@link FileSystem.stat} tells. */
export interface FileStat {
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly isDirectory: boolean;
}

/** An open file. Every failure rejects with a TocsinError whose `cause` is Node's error (with its `code`). */
export interface FileHandle {
  /** Reads up to `length` bytes at `position` into `into` at `offset`; resolves to how many were read, 0 at the end. */
  read(into: Uint8Array, offset: number, length: number, position: number): Promise<number>;
  /** Appends all of `bytes` at the end; resolves when the system has taken them (not when they are on disk). */
  append(bytes: Uint8Array): Promise<void>;
  /** Resolves when everything appended before the call is on disk (fdatasync). */
  sync(): Promise<void>;
  truncate(sizeBytes: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * A file that is read in place and synchronously: what does not change any more and is mostly in the system's memory.
 * Failures throw a TocsinError whose `cause` is Node's error.
 */
export interface RandomAccessFile {
  readonly sizeBytes: number;
  /** Reads up to `length` bytes at `position` into `into` at `offset`; returns how many were read, fewer only at the end. */
  readAt(into: Uint8Array, offset: number, length: number, position: number): number;
  close(): void;
}

/** Room on the file system that a path is on. */
export interface DiskSpace {
  readonly totalBytes: number;
  /** What this process may still take. */
  readonly freeBytes: number;
}

/** Files. Paths are the machine's; `replace` and `sync` carry the durability contract. */
export interface FileSystem {
  readFile(path: string): Promise<Uint8Array>;
  /** Writes a temporary file beside `path`, syncs it, renames it over `path` and syncs the folder. */
  replaceFile(path: string, bytes: Uint8Array): Promise<void>;
  /** `append` creates the file when it is missing and the folder exists. */
  open(path: string, mode: 'read' | 'append'): Promise<FileHandle>;
  /** Opens a file for reading in place; it must not be written to any more. It stays readable when its name is removed. */
  openRandomAccess(path: string): RandomAccessFile;
  /** Names in a folder, sorted. */
  list(path: string): Promise<string[]>;
  /** undefined when there is nothing at `path`. */
  stat(path: string): Promise<FileStat | undefined>;
  /** Makes a folder and those above it that are missing; they are durable then. */
  makeFolder(path: string): Promise<void>;
  /** Removes a file, or a folder with all it holds; nothing when there is none. */
  remove(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Gives a file a second name; where the file system has no hard links, copies it. */
  link(existing: string, path: string): Promise<void>;
  diskSpace(path: string): Promise<DiskSpace>;
  /** Makes creations, renames and removals in a folder durable. */
  syncFolder(path: string): Promise<void>;
  /**
   * Calls `onChange` some time after something in the folder changed; may call too often, and where watching is not
   * possible never, so users also poll.
   */
  watch(path: string, onChange: () => void): { close(): void };
}

/** How to connect: from the `tls_config`, `proxy_*` and `enable_http2` parts of Prometheus' HTTP client block. */
export interface HttpConnection {
  readonly tls?: {
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
    readonly serverName?: string;
    readonly insecureSkipVerify?: boolean;
    readonly minVersion?: string;
    readonly maxVersion?: string;
  };
  readonly proxyUrl?: string;
  readonly proxyHeaders?: Readonly<Record<string, string>>;
  readonly http2?: boolean;
  /** Connect to any one of the host's addresses, not to the first that answers. Not through a proxy. */
  readonly anyAddress?: boolean;
  /** A Unix socket to connect to instead of the URL's host. */
  readonly socketPath?: string;
}

/** A request through {@link HttpClient}. */
export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** Ends the request wherever it is, the reading of its body included. */
  readonly signal: AbortSignal;
  /** Follow up to ten redirects as Go's client does (no credentials to other hosts). */
  readonly followRedirects: boolean;
  readonly connection?: HttpConnection;
  /** The chunks of the body are used up when the next one is asked for, so their memory may be used again; no when absent. */
  readonly transientBody?: boolean;
  /** Goes over a connection of its own, and the answer has what was `observed`; no when absent. */
  readonly observes?: boolean;
}

/** What was seen of a request. Durations are sums over redirects; those of looking up, connecting and TLS are 0 through a proxy. */
export interface HttpObservation {
  /** How many were followed. */
  readonly redirects: number;
  /** Looking up the host's address. */
  readonly resolveMs: number;
  readonly connectMs: number;
  readonly tlsMs: number;
  /** From the connection's being ready to the head of the answer. */
  readonly processingMs: number;
  /** 1.1 or 2. */
  readonly httpVersion: number;
  /** Of the connection that gave the answer; undefined without TLS. */
  readonly tls?: {
    /** `TLS 1.3`. */
    readonly version: string;
    /** When the first of the server's certificates ends; Infinity when it showed none. */
    readonly earliestExpiryMs: number;
  };
}

/** An answer; header names are in lower case. The body must be read to its end or `discard`ed. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** URL that answered, after redirects. */
  readonly url: string;
  /** Raw bytes as they arrive (not decompressed). */
  readonly body: AsyncIterable<Uint8Array>;
  discard(): void;
  readonly observed?: HttpObservation;
}

/** HTTP going out. Connections are kept and shared by equal {@link HttpConnection} values. */
export interface HttpClient {
  request(request: HttpRequest): Promise<HttpResponse>;
  close(): Promise<void>;
}

/** Types of DNS records that {@link DnsClient} asks for. */
export type DnsType = 'A' | 'AAAA' | 'SRV' | 'MX' | 'NS';

/** A DNS record: an address (`A`, `AAAA`) or a name, which ends in a dot. */
export interface DnsRecord {
  readonly value: string;
  /** Only of `SRV`. */
  readonly port?: number;
}

/** What a DNS server says of a name: its records of the type (there may be none), or that there is no such name. */
export type DnsAnswer =
  { readonly known: true; readonly records: readonly DnsRecord[] } | { readonly known: false };

/** DNS, one question to one server at a time: search lists and second servers are the asker's matter. */
export interface DnsClient {
  /** Addresses of the servers that the system asks, for where there is no `/etc/resolv.conf`. */
  systemServers(): readonly string[];
  /**
   * Asks `server` (an address, or `address:port`) for a name that ends in a dot; over TCP when the answer is too long
   * for UDP. Rejects with TOCSIN_ERR_DNS when there is no answer within some three seconds or the server refuses or fails, or
   * with the signal's reason.
   */
  ask(server: string, name: string, type: DnsType, signal: AbortSignal): Promise<DnsAnswer>;
}

/** A program to run by {@link Programs}. */
export interface ProgramCall {
  /** A path, or a name that is looked for on the system's path. */
  readonly program: string;
  readonly args: readonly string[];
  /** Added to the environment of this process. */
  readonly environment: Readonly<Record<string, string>>;
  /** Ends the program. */
  readonly signal: AbortSignal;
}

/** What a program came to. */
export interface ProgramResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Other programs of the machine. */
export interface Programs {
  /**
   * Runs a program without input until it ends. Rejects with TOCSIN_ERR_PROGRAM when it cannot be started, is ended by a
   * signal or prints more than 4 MiB, or with the signal's reason.
   */
  run(call: ProgramCall): Promise<ProgramResult>;
}

/** A value that SQL stores. */
export type SqlValue = string | number | bigint | null | Uint8Array;
/** A row by column name. */
export type SqlRow = Readonly<Record<string, SqlValue>>;

/** Statements inside a transaction or outside one; parameters are positional `?`. */
export interface SqlExecutor {
  all(sql: string, ...parameters: SqlValue[]): Promise<SqlRow[]>;
  /** Resolves to the number of rows changed. */
  run(sql: string, ...parameters: SqlValue[]): Promise<number>;
}

/** A SQL database. A resolved `transaction` is durable; a rejected one has left nothing. */
export interface SqlDatabase extends SqlExecutor {
  readonly dialect: 'sqlite' | 'postgres';
  transaction<T>(work: (tx: SqlExecutor) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Randomness. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** A version-4 UUID. */
  uuid(): string;
  /** `length` random bytes. */
  bytes(length: number): Uint8Array;
}

/** Where people read: the console receiver and the commands write here. */
export interface TextOutput {
  write(text: string): void;
}
