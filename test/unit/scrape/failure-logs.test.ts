import { expect, test } from 'vitest';
import { ScrapeWorld, START_MS, parseJobs } from './scrape-world.ts';

const config = (jobFile: string): string => `
global: { scrape_interval: 10s, scrape_failure_log_file: /log/all.json }
scrape_configs:
  - job_name: gone
    static_configs: [{ targets: ['gone:1'] }]
  - job_name: broken
    scrape_failure_log_file: ${jobFile}
    static_configs: [{ targets: ['broken:1'] }]
  - job_name: good
    static_configs: [{ targets: ['good:1'] }]
`;

async function makeWorld(): Promise<ScrapeWorld> {
  const world = new ScrapeWorld();
  await world.files.makeFolder('/log');
  world.serve('broken:1', () => 'not metrics at all\n');
  world.serve('good:1', () => 'fine 1\n');
  return world;
}

async function lines(world: ScrapeWorld, path: string): Promise<Record<string, string>[]> {
  const text = new TextDecoder().decode(await world.files.readFile(path));
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, string>);
}

test('a failed scrape is a line in the file of its job', async () => {
  const world = await makeWorld();
  await world.apply(config('/log/broken.json'));
  await world.pass(20);
  const all = await lines(world, '/log/all.json');
  expect(all).toHaveLength(2);
  const [{ time, msg, ...rest } = {}] = all;
  expect(rest).toEqual({ level: 'ERROR', job_name: 'gone', target: 'http://gone:1/metrics' });
  expect(msg).toContain('Get "http://gone:1/metrics": ');
  const atMs = Date.parse(time!);
  expect(atMs).toBeGreaterThanOrEqual(START_MS);
  expect(atMs).toBeLessThan(START_MS + 10_000);
  const broken = await lines(world, '/log/broken.json');
  expect(broken.map((line) => line['job_name'])).toEqual(['broken', 'broken']);
  expect(broken[0]!['msg']).toContain('while parsing');
  await world.manager.stop();
});

test('a reload opens the files anew; one that cannot be opened changes nothing', async () => {
  const world = await makeWorld();
  await world.apply(config('/log/broken.json'));
  await world.pass(10);
  await world.files.rename('/log/all.json', '/log/all.1.json');
  await world.apply(config('/log/all.json'));
  await world.pass(10);
  expect(await lines(world, '/log/all.1.json')).toHaveLength(1);
  expect((await lines(world, '/log/all.json')).map((line) => line['job_name'] ?? '').toSorted()).toEqual([
    'broken',
    'gone',
  ]);
  await expect(world.manager.openLogs(parseJobs(config('/nowhere/x.json')))).rejects.toThrow(
    '/nowhere/x.json',
  );
  await world.pass(10);
  expect(await lines(world, '/log/all.json')).toHaveLength(4);
  await world.manager.stop();
});
