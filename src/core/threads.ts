import type { Clock } from './clock.ts';
import type { FileSystem } from './ports.ts';

/**
 * Threads that live as long as the program: a module at work beside the main thread, and messages to and fro. What is
 * sent must be structured-cloneable; SharedArrayBuffers are shared, transferred ArrayBuffers change hands.
 */

/** What a thread's module works with. */
export interface ThreadContext {
  readonly clock: Clock;
  readonly files: FileSystem;
  /** What the thread was started with. */
  readonly data: unknown;
  /** Sends to whoever started the thread; the buffers of `transfer` are gone here afterwards. */
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  /** Sets who gets the messages of {@link Thread.post}. */
  onMessage(handler: (message: unknown) => void): void;
  /** Messages of {@link Thread.postAside} since the last call, oldest first; does not go back to the event loop. */
  drain(): readonly unknown[];
}

/** A module that a thread runs. */
export interface ThreadModule {
  /** Called once; sets a handler of messages. */
  run(context: ThreadContext): void;
}

/** Why a thread is no more. */
export type ThreadEnd =
  | { readonly kind: 'ended' }
  | { readonly kind: 'outOfMemory' }
  | { readonly kind: 'failed'; readonly error: unknown };

/** How a thread is started. */
export interface ThreadOptions {
  /** File URL of a {@link ThreadModule}; see {@link threadModuleUrl}. */
  readonly moduleUrl: string;
  readonly data: unknown;
  /** Most memory for JavaScript's own values, in MiB; a thread that wants more ends with `outOfMemory`. */
  readonly maxHeapMiB: number;
  /** The main thread waits for it: it does not stand back where cores are scarce, as others do. */
  readonly isUrgent?: boolean;
  readonly onMessage: (message: unknown) => void;
  /** Called once, after the last message. */
  readonly onEnd: (end: ThreadEnd) => void;
}

/** A thread at work. */
export interface Thread {
  /** Does nothing when the thread has ended. The buffers of `transfer` are gone here afterwards. */
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  /** Sends what the thread reads with {@link ThreadContext.drain}. */
  postAside(message: unknown): void;
  /** Ends it wherever it is; resolves after `onEnd` was called. */
  end(): Promise<void>;
}

/** Starts threads. */
export interface Threads {
  start(options: ThreadOptions): Thread;
}

/**
 * URL of a module beside the caller: `threadModuleUrl(import.meta.url, './query-thread')`. The extension is the caller's
 * own, so that it works from sources and from the built package.
 */
export function threadModuleUrl(callerUrl: string, module: string): string {
  return new URL(module + callerUrl.slice(callerUrl.lastIndexOf('.')), callerUrl).href;
}
