import { describe, expect, test } from 'vitest';
import { PROTO_CONTENT_TYPE, protoBody } from '../../support/proto-exposition.ts';
import { ScrapeWorld, oneJob, parseJobs } from './scrape-world.ts';

const QUOTED = '{"my.metric","my.label"="x"} 1\n';

async function scraped(lines: string, body: string | Uint8Array, contentType: string): Promise<ScrapeWorld> {
  const world = new ScrapeWorld();
  world.serve('a:9000', () => body, contentType);
  await world.apply(oneJob(lines));
  await world.pass(10);
  return world;
}

const shown = (world: ScrapeWorld): string[] =>
  Object.keys(world.storage.dump()).filter((series) => !/^(?:up|scrape_)/.test(series));

describe('names with other than the old characters', () => {
  test.each([
    ['', 'allow-utf-8'],
    ['    metric_name_validation_scheme: legacy\n', 'underscores'],
    ['    metric_name_escaping_scheme: underscores\n', 'underscores'],
    ['    metric_name_escaping_scheme: dots\n', 'dots'],
    ['    metric_name_escaping_scheme: values\n', 'values'],
    ['    metric_name_validation_scheme: legacy\n    metric_name_escaping_scheme: dots\n', 'dots'],
  ])('%j: the newer text protocols are asked for with escaping=%s', async (lines, escaping) => {
    const world = new ScrapeWorld();
    const asked: (string | undefined)[] = [];
    world.network.serve('a:9000', (request) => {
      asked.push(request.headers['Accept']);
      return { status: 200, headers: { 'content-type': 'text/plain' }, body: '' };
    });
    await world.apply(oneJob(`    scrape_native_histograms: true\n${lines}`));
    await world.pass(10);
    await world.manager.stop();
    expect(asked).toHaveLength(1);
    const parts = asked[0]!.split(',').map((part) => part.replace(/;q=.*/, ''));
    const withEscaping = parts.filter((part) => part.endsWith(`;escaping=${escaping}`));
    expect(withEscaping.map((part) => part.split(';').slice(0, 2).join(';'))).toEqual([
      'application/openmetrics-text;version=1.0.0',
      'text/plain;version=1.0.0',
    ]);
    expect(parts.filter((part) => part.includes('escaping'))).toEqual(withEscaping);
  });

  test.each<[string, string | Uint8Array, string]>([
    ['text', QUOTED, 'text/plain; version=1.0.0; escaping=allow-utf-8'],
    [
      'OpenMetrics',
      `${QUOTED}# EOF\n`,
      'application/openmetrics-text; version=1.0.0; escaping="allow-utf-8"',
    ],
    [
      'protobuf',
      protoBody({ name: 'my.metric', type: 'gauge', metrics: [{ labels: { 'my.label': 'x' }, gauge: 1 }] }),
      `${PROTO_CONTENT_TYPE}; escaping=allow-utf-8`,
    ],
  ])('are stored as they come, from %s; where they must be old the scrape fails', async (_, body, type) => {
    const world = await scraped('', body, type);
    expect(shown(world)).toEqual(['{__name__="my.metric", instance="a:9000", job="model", "my.label"="x"}']);
    await world.manager.stop();
    const legacy = await scraped('    metric_name_validation_scheme: legacy\n', body, type);
    expect(legacy.target.lastError).toContain('invalid metric name or label names: {__name__="my.metric"');
    expect(legacy.storage.values('up')).toEqual([0]);
    await legacy.manager.stop();
  });

  test.each(['underscores', 'dots', 'values'])(
    'a target that escapes with %s is taken at its word',
    async (scheme) => {
      const body = 'U__my_2e_metric{my_dot_label="x"} 1\n';
      const type = `text/plain; version=1.0.0; escaping=${scheme}`;
      const world = await scraped(`    metric_name_escaping_scheme: ${scheme}\n`, body, type);
      expect(shown(world)).toEqual(['U__my_2e_metric{instance="a:9000", job="model", my_dot_label="x"}']);
      await world.manager.stop();
    },
  );

  test('rules of metric_relabel_configs can make old names of others', async () => {
    const lines = `    metric_name_validation_scheme: legacy
    metric_relabel_configs:
      - { source_labels: [__name__], regex: 'my\\.(.*)', target_label: __name__, replacement: 'my_$1' }
      - { source_labels: [my.label], target_label: my_label }
      - { regex: 'my\\..*', action: labeldrop }
      - { source_labels: [my_label], target_label: 'a$1', regex: '(.*)', replacement: y }
`;
    const world = await scraped(lines, '{"my.metric","my.label"="-"} 1\n', 'text/plain');
    // The name that the last rule would make is none: it does nothing.
    expect(shown(world)).toEqual(['my_metric{instance="a:9000", job="model", my_label="-"}']);
    await world.manager.stop();
  });

  test.each([
    ['relabel_configs: [{ target_label: a.b }]', `"a.b" is invalid 'target_label' for replace action`],
    ['relabel_configs: [{ target_label: "a$1.b" }]', `"a$1.b" is invalid 'target_label' for replace action`],
    [
      'metric_relabel_configs: [{ action: lowercase, source_labels: [a], target_label: "${1}" }]',
      `"\${1}" is invalid 'target_label' for lowercase action`,
    ],
    [
      'metric_relabel_configs: [{ action: labelmap, replacement: "a.$1" }]',
      `"a.$1" is invalid 'replacement' for labelmap action`,
    ],
  ])('%s cannot be where names must be old', (rules, message) => {
    const job = (scheme: string): unknown =>
      parseJobs(oneJob(`    metric_name_validation_scheme: ${scheme}\n    ${rules}\n`));
    expect(() => job('legacy')).toThrow(message);
    expect(() => job('utf8')).not.toThrow();
  });

  test('references may stand in target labels where names must be old', () => {
    for (const target of ['a_$1', '${1}_x', '$1${2}b3'])
      expect(
        parseJobs(
          oneJob(
            `    metric_name_validation_scheme: legacy\n    relabel_configs: [{ target_label: '${target}' }]\n`,
          ),
        ),
      ).toHaveLength(1);
  });
});
