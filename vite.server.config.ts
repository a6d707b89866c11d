import { rmSync } from 'node:fs';
import { defineConfig } from 'vite';

/** How a UTF-16 unit is written in texts and regular expressions; nothing else has such after comments are gone. */
function escapeOf(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

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
    {
      // V8 keeps the text of every module, with two bytes for each character once a single one is beyond Latin-1.
      name: 'texts-of-one-byte',
      generateBundle(_, bundle) {
        for (const chunk of Object.values(bundle)) {
          if (chunk.type !== 'chunk') continue;
          // There an escape would be read as six characters.
          if (/String\.raw`[^`]*[^\0-\xff`]/.test(chunk.code))
            this.error(`${chunk.fileName}: write such characters of String.raw in another way`);
          chunk.code = chunk.code.replaceAll(/[^\0-\xff]/g, escapeOf);
        }
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
        // Names stay, for stack traces.
        minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
        entryFileNames: ({ name }) => (name === 'cli' ? 'cli.js' : 'cli/[name].js'),
        chunkFileNames: 'cli/[name].js',
      },
    },
  },
  ssr: { noExternal: true },
});
