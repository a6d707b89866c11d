import { defineConfig } from 'vitest/config';

const seed = process.env['TOCSIN_SEED'] ?? String(Date.now() % 2 ** 31);
console.log(`TOCSIN_SEED=${seed}`);

/** What takes too long for `npm test`: other seeds for every property, many simulated days, hundreds of kills. */
export default defineConfig({
  test: {
    include: [
      'test/soak/**/*.test.ts',
      'test/unit/**/*.test.ts',
      'test/e2e/crash.test.ts',
      'test/e2e/storage-kill.test.ts',
      'test/e2e/isolation.test.ts',
    ],
    setupFiles: ['test/setup.ts'],
    env: { TOCSIN_SEED: seed, TOCSIN_SOAK: '1' },
    testTimeout: 600_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
