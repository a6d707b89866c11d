import type { FileSystem } from '../../src/core/ports.ts';

/** Files of which some are not opened for reading before they are released. */
export interface HeldFiles {
  readonly files: FileSystem;
  /** Paths that were asked for so far. */
  readonly asked: readonly string[];
  release(): void;
  /** Whoever works on these files does nothing more: its process died. */
  kill(): void;
}

/** Lets nobody read the files that `isHeld` names until they are released; everything else goes to `files`. */
export function holdFiles(files: FileSystem, isHeld: (path: string) => boolean): HeldFiles {
  const { promise, resolve } = Promise.withResolvers<void>();
  const asked: string[] = [];
  let isDead = false;
  const open: FileSystem['open'] = async (path, mode) => {
    if (mode === 'read' && isHeld(path)) {
      asked.push(path);
      await promise;
    }
    return files.open(path, mode);
  };
  const held = new Proxy(files, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (isDead && typeof value === 'function') return () => new Promise(() => undefined);
      if (key === 'open') return open;
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  const kill = (): void => {
    isDead = true;
  };
  return { files: held, asked, release: resolve, kill };
}

/** Whether a path is one of the log's segments. */
export function isSegment(path: string): boolean {
  return /\/wal\/(checkpoint\.\d+\/)?\d+$/.test(path);
}
