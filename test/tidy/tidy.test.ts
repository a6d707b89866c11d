import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ERROR_CODES } from '../../src/core/errors.ts';
import { findRoomViolations, readSources } from './tree.ts';

const root = join(import.meta.dirname, '../..');
const files = readSources(root);

/** Files may have this many lines; longer ones are hard to find one's way in. */
const MAX_LINES = 520;

describe('the house plan', () => {
  test('rooms import only what they may, through the other room’s face', () => {
    expect(findRoomViolations(files)).toEqual([]);
  });

  test('canary: a tree that breaks the plan is caught', () => {
    expect(findRoomViolations(readSources(join(import.meta.dirname, 'canary')))).toEqual([
      'src/alerts/alert.ts: imports src/notify/index.ts: alerts may not import notify',
      'src/core/bad.ts: imports src/alerts/index.ts: core may not import alerts',
      'src/notify/deep.ts: imports src/alerts/alert.ts: go through src/alerts/index.ts',
    ]);
  });
});

describe('files', () => {
  test('are short enough to walk through', () => {
    const long = files.filter((file) => file.lineCount > MAX_LINES);
    expect(long.map((file) => `${file.path}: ${file.lineCount} lines`)).toEqual([]);
  });

  test('are named in kebab-case', () => {
    const odd = files.filter((file) => !/^src(\/[a-z0-9]+(-[a-z0-9]+)*)+(\.d)?\.tsx?$/.test(file.path));
    expect(odd.map((file) => file.path)).toEqual([]);
  });

  test('have no notes of unfinished work', () => {
    const unfinished = files.filter((file) =>
      /\b(TODO|FIXME|XXX|HACK)\b|@ts-(ignore|expect-error|nocheck)/.test(file.text),
    );
    expect(unfinished.map((file) => file.path)).toEqual([]);
  });

  test('only ports touch clocks, timers, randomness, disk and network', () => {
    const banned =
      /from 'node:(fs|fs\/promises|http|https|http2|net|tls|dgram|dns|child_process|timers|sqlite|worker_threads)'/;
    // proxy-choice only computes with addresses (isIP, BlockList).
    const free = /^src\/(core\/system|demo|cli|app|client|api)\/|^src\/(cli|core\/proxy-choice)\.ts$/;
    const offenders = files.filter((file) => !free.test(file.path) && banned.test(file.text));
    expect(offenders.map((file) => file.path)).toEqual([]);
  });
});

describe('errors', () => {
  test('docs/errors.md lists the codes that exist, with the same meaning', () => {
    const page = readFileSync(join(root, 'docs/errors.md'), 'utf8');
    const rows = [...page.matchAll(/^\| `(TOCSIN_ERR_[A-Z_]+)` +\| (.*?) +\|/gm)].map(([, code, text]) => [
      code,
      text,
    ]);
    expect(Object.fromEntries(rows)).toEqual({ ...ERROR_CODES });
  });
});
