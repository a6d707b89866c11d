import { readdirSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { cpus } from 'node:os';

/** Files of this folder that are benchmarks: each exports `run()`. */
const NAMES = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && file !== 'main.ts')
  .map((file) => file.replace(/\.ts$/, ''));

const wanted = process.argv.slice(2);
if (wanted.length === 0 || wanted.some((name) => !NAMES.includes(name))) {
  console.error(`usage: npm run bench -- NAME…   with NAME one of: ${NAMES.join(' ')}`);
  process.exit(1);
}

console.log(
  `${new Date().toISOString()} Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}`,
);
for (const name of wanted) {
  console.log(`\n== ${name}`);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const { run } = (await import(`./${name}.ts`)) as { readonly run: () => Promise<void> };
  await run();
  delay.disable();
  console.log(
    `loop delay of the bench itself: p99 ${(delay.percentile(99) / 1e6).toFixed(1)} ms, max ${(delay.max / 1e6).toFixed(1)} ms`,
  );
}
