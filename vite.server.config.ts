import { rmSync } from 'node:fs';
import { defineConfig } from 'vite';

/**
 * The program that is run: `dist/cli.js` and, in `dist/cli/`, everything that it and its threads load, packages included.
 * Loading some 900 modules one by one took most of a start. All files of `dist/cli/` lie in one folder, because modules of
 * threads are named by their place beside whoever starts them, and two folders below the package's own, which
 * `src/app/version.ts` counts on.
 */
export default defineConfig({
  publicDir: false,
  plugins: [
    {
      name: 'without-what-was-built-before',
      buildStart: () => {
        rmSync('dist/cli', { recursive: true, force: true });
      },
    },
  ],
  build: {
    ssr: true,
    outDir: 'dist',
    // The client and the web app are there too.
    emptyOutDir: false,
    target: 'node26',
    minify: false,
    sourcemap: true,
    chunkSizeWarningLimit: 4000,
    rolldownOptions: {
      input: {
        cli: 'src/cli.ts',
        'thread-main': 'src/core/system/thread-main.ts',
        'query-thread': 'src/promql/service/query-thread.ts',
        'read-thread': 'src/storage/remote/read/read-thread.ts',
        'log-thread': 'src/storage/tsdb/wal/log-thread.ts',
        'storage-thread': 'src/storage/tsdb/compact/storage-thread.ts',
      },
      output: {
        entryFileNames: ({ name }) => (name === 'cli' ? 'cli.js' : 'cli/[name].js'),
        chunkFileNames: 'cli/[name].js',
      },
    },
  },
  ssr: { noExternal: true },
});
