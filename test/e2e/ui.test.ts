import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type Page, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort, stopProcess, waitForReady } from '../support/processes.ts';
import { hasProgram } from '../support/programs.ts';

const CHROMIUM_ARGS = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-sync'];

describe.skipIf(!hasProgram('chromium'))('the web app on the demo, below a route prefix', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-ui-'));
  let demo: ChildProcess;
  let browser: Browser;
  let page: Page;
  let base = '';
  const pageErrors: string[] = [];

  beforeAll(async () => {
    const port = await freePort();
    base = `http://127.0.0.1:${port}/bell`;
    demo = spawn(
      process.execPath,
      [
        join(import.meta.dirname, '../../dist/cli.js'),
        'demo',
        `--web.listen-address=127.0.0.1:${port}`,
        '--web.route-prefix=/bell',
        `--storage.tsdb.path=${join(folder, 'data')}`,
      ],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    );
    await waitForReady(`${base}/-/ready`, demo);
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: CHROMIUM_ARGS });
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.on('pageerror', (error) => pageErrors.push(error.message));
  });

  afterAll(async () => {
    await browser?.close();
    if (demo !== undefined) await stopProcess(demo);
    rmSync(folder, { recursive: true, force: true });
  });

  test('targets are listed and up', async () => {
    await page.goto(`${base}/targets`);
    await page.getByTestId('target').first().waitFor();
    await page.getByText('5 / 5 up').or(page.getByText('2 / 2 up')).first().waitFor();
    expect(await page.getByTestId('target').count()).toBeGreaterThanOrEqual(5);
  });

  test('rules of the demo are listed with their state', async () => {
    await page.goto(`${base}/rules`);
    await page.getByTestId('rule').filter({ hasText: 'ModelErrorRatioHigh' }).waitFor();
  });

  test('a query draws a graph', async () => {
    await page.goto(`${base}/query?expr=${encodeURIComponent('sum by (model) (up)')}`);
    await page.getByTestId('graph').locator('canvas').waitFor();
    await page.goto(`${base}/query?tab=table&expr=${encodeURIComponent('count(up)')}`);
    await page.getByRole('cell', { name: /^\d+$/ }).waitFor();
  });

  test('a query is formatted, and says why it can’t be', async () => {
    await page.goto(`${base}/query?tab=table&expr=${encodeURIComponent('sum(rate(up[5m]))by(model)')}`);
    const editor = page.getByRole('textbox', { name: 'PromQL expression' });
    const format = page.getByRole('button', { name: 'Format' });
    await editor.getByText('sum(rate(up[5m]))by(model)').waitFor();
    await format.click();
    await editor.getByText('sum by (model) (rate(up[5m]))').waitFor();
    await editor.fill('sum(');
    await format.click();
    await page.getByText(/parse error: unclosed left parenthesis/).waitFor();
    await editor.fill('up');
    await page.getByText(/parse error/).waitFor({ state: 'detached' });
  });

  test('the demo’s alert appears, is silenced, and leaves the list', { timeout: 120_000 }, async () => {
    await page.goto(`${base}/`);
    const alert = page.getByTestId('alert').filter({ hasText: 'ModelErrorRatioHigh' });
    await alert.waitFor({ timeout: 100_000 });
    expect(await alert.innerText()).toContain('fraud-detector');
    await alert.getByRole('button', { name: 'Silence' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Created by').fill('test');
    await dialog.getByLabel('Comment').fill('looking at it');
    await dialog.getByText('1 present alert matches.').waitFor();
    await dialog.getByRole('button', { name: 'Create silence' }).click();
    await dialog.waitFor({ state: 'hidden' });
    await alert.waitFor({ state: 'hidden', timeout: 15_000 });
    await page.goto(`${base}/silences`);
    const silence = page.getByTestId('silence').filter({ hasText: 'looking at it' });
    await silence.waitFor();
    await silence.getByRole('button', { name: 'Expire' }).click();
    await silence.waitFor({ state: 'hidden', timeout: 15_000 });
  });

  test('the page threw nothing', () => {
    expect(pageErrors).toEqual([]);
  });
});
