import { constants, createGunzip, gunzipSync } from 'node:zlib';

/**
 * Node's own gunzip, without what its calls make around it: each of them sets up an inflater and memory outside of the
 * heap, and the garbage of a few hundred has the whole heap collected. That cost seven times what the unpacking costs.
 */

/** What a Node stream of zlib works with. It is no part of the documented interface, so it is tried before it is used. */
interface InflateHandle {
  reset(): void;
  writeSync(
    flush: number,
    input: Uint8Array,
    inputAt: number,
    inputLength: number,
    output: Uint8Array,
    outputAt: number,
    outputLength: number,
  ): void;
  onerror: (message: string, errno: number, code: string) => void;
}

/** A compressed body that is broken; `code` is zlib's, `Z_BUF_ERROR` where it ends too early. */
export class InflateError extends Error {
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.name = 'InflateError';
    this.code = code;
  }
}

/** Unpacks gzip into memory that is there. One thread's; lives as long as it. */
export interface Gunzipper {
  /**
   * Unpacks `packed`, all members of it, to the start of `into`. Returns how many bytes that were, or -1 when `into` has no room for
   * more than it holds then. Throws an {@link InflateError}.
   */
  unpack(packed: Uint8Array, into: Uint8Array): number;
}

class HandleGunzipper implements Gunzipper {
  readonly #handle: InflateHandle;
  /** What is left of the output, and of the input. */
  readonly #left: Uint32Array;
  #error: InflateError | undefined;

  constructor(handle: InflateHandle, left: Uint32Array) {
    this.#handle = handle;
    this.#left = left;
    handle.onerror = (message, _errno, code) => {
      this.#error = new InflateError(message, code);
    };
  }

  unpack(packed: Uint8Array, into: Uint8Array): number {
    this.#error = undefined;
    this.#handle.reset();
    this.#handle.writeSync(constants.Z_FINISH, packed, 0, packed.length, into, 0, into.length);
    // Without room it cannot end, which it takes for an error at times.
    const isFull = this.#left[0] === 0;
    const error = this.#takeError();
    if (error !== undefined && !(isFull && error.code === 'Z_BUF_ERROR')) throw error;
    return isFull ? -1 : into.length - this.#left[0]!;
  }

  #takeError(): InflateError | undefined {
    return this.#error;
  }
}

/** By the documented interface, for a Node that has other insides. */
const plainGunzipper: Gunzipper = {
  unpack(packed, into) {
    try {
      const unpacked = gunzipSync(packed, { maxOutputLength: into.length });
      if (unpacked.length === into.length) return -1;
      into.set(unpacked);
      return unpacked.length;
    } catch (error) {
      const { code = '', message } = error as Error & { code?: string };
      if (code === 'ERR_BUFFER_TOO_LARGE') return -1;
      throw new InflateError(message, code);
    }
  },
};

/** `ok`, packed. */
const PROBE = Uint8Array.from([
  31, 139, 8, 0, 0, 0, 0, 0, 2, 255, 203, 207, 6, 0, 71, 221, 220, 121, 2, 0, 0, 0,
]);

function makeGunzipper(): Gunzipper {
  const insides = createGunzip() as unknown as {
    readonly _handle?: Partial<InflateHandle> | null;
    readonly _writeState?: unknown;
  };
  const { _handle: handle, _writeState: left } = insides;
  if (typeof handle?.writeSync !== 'function' || typeof handle.reset !== 'function') return plainGunzipper;
  if (!(left instanceof Uint32Array)) return plainGunzipper;
  const made = new HandleGunzipper(handle as InflateHandle, left);
  const into = new Uint8Array(8);
  try {
    if (made.unpack(PROBE, into) === 2 && into[0] === 111 && into[1] === 107) return made;
  } catch {
    // Its insides are others than those that are known.
  }
  return plainGunzipper;
}

let ofThread: Gunzipper | undefined;

/** The one of this thread. */
export function threadGunzipper(): Gunzipper {
  ofThread ??= makeGunzipper();
  return ofThread;
}

/** The two ways there are, for tests to compare. */
export const gunzippers: { readonly plain: Gunzipper; readonly make: () => Gunzipper } = {
  plain: plainGunzipper,
  make: makeGunzipper,
};
