import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fill } from '../fuzz/promql/data.ts';
import { ReferenceProgram } from '../fuzz/promql/reference-program.ts';
import { remoteWrite } from '../fuzz/promql/remote-write.ts';
import { waitFor } from '../support/processes.ts';
import { hasProgram } from '../support/programs.ts';
import { blocksIn, compareFolders, folderData, openOurs } from './data-folders.ts';

/**
 * Moving a data folder between tocsin and Debian's Prometheus, either way: the other program opens it, blocks and log, and
 * answers 200 queries the same.
 */
const PROGRAM = 'prometheus';
const FEATURES = { full: false, delayedNameRemoval: false };

describe.skipIf(!hasProgram(PROGRAM))('a data folder', { timeout: 60_000 }, () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tocsin-folder-'));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test('of ours is opened by Prometheus', async () => {
    const path = join(folder, 'data');
    const writing = await openOurs(path);
    await fill(writing, folderData);
    await writing.maintain();
    await writing.close();
    expect(blocksIn(path).length).toBeGreaterThan(2);
    cpSync(path, join(folder, 'copy'), { recursive: true });
    const ours = await openOurs(join(folder, 'copy'));
    const reference = await ReferenceProgram.open(PROGRAM, folder, FEATURES, '10m');
    try {
      expect(await compareFolders(ours, reference)).toEqual([]);
    } finally {
      await ours.close();
      await reference.end();
    }
  });

  test('of Prometheus is opened by us', async () => {
    const path = join(folder, 'data');
    const writing = await ReferenceProgram.open(PROGRAM, folder, FEATURES, '10m');
    try {
      await remoteWrite(writing.address, folderData);
      await waitFor('blocks', 20_000, async () => (blocksIn(path).length > 2 ? true : undefined));
    } finally {
      await writing.end();
    }
    cpSync(path, join(folder, 'copy'), { recursive: true });
    const ours = await openOurs(join(folder, 'copy'));
    const reference = await ReferenceProgram.open(PROGRAM, folder, FEATURES, '10m');
    try {
      expect(ours.damagedBlocks).toEqual([]);
      expect(await compareFolders(ours, reference)).toEqual([]);
    } finally {
      await ours.close();
      await reference.end();
    }
  });
});
