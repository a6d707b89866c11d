/**
 * A whole tocsin on the machine, for test/e2e/isolation.test.ts: queries in threads as always (`threads`), or, to see
 * what that is worth, in the main thread in one piece (`main`).
 * Run: `node isolation-program.ts threads|main <configuration> <data folder>`
 */
import { createSystemPorts } from '../../src/app/ports.ts';
import { runUntilStopped } from '../../src/app/run.ts';
import { TEST_OPTIONS } from '../sim/options.ts';

const [mode, configFile, dataPath] = process.argv.slice(2);
if ((mode !== 'threads' && mode !== 'main') || configFile === undefined || dataPath === undefined) {
  throw new Error('usage: isolation-program.ts threads|main <configuration> <data folder>');
}
const { threads, ...ports } = createSystemPorts({ level: 'info', format: 'logfmt' });
process.exitCode = await runUntilStopped(
  {
    ...TEST_OPTIONS,
    configFile,
    dataPath,
    listenAddresses: ['127.0.0.1:0'],
    readTimeoutMs: 60_000,
    maxConnections: 512,
    query: { ...TEST_OPTIONS.query, ...(mode === 'main' && { sliceMs: Infinity }) },
  },
  mode === 'threads' && threads !== undefined ? { ...ports, threads } : ports,
  () => Promise.resolve(),
);
