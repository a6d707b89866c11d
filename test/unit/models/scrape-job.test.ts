import { describe, expect, test } from 'vitest';
import { Labels } from '../../../src/core/labels.ts';
import { relabel, relabelConfigsSchema } from '../../../src/core/relabel.ts';
import { SERVER_PACKS, modelLabelRules, modelScrapeJob } from '../../../src/models/index.ts';
import type { ServerPackName } from '../../../src/models/index.ts';

/** What becomes of a scraped series: honor_labels, then the rules. */
function relabelled(
  server: ServerPackName,
  model: string,
  scraped: Record<string, string>,
): Record<string, string> {
  const target = Labels.fromObject({ model, owner: 'o' });
  const rules = relabelConfigsSchema.parse(modelLabelRules(SERVER_PACKS[server], model));
  return relabel(target.merge(Object.entries(scraped)), rules)!.toObject();
}

describe('labels of a model', () => {
  test.each<[ServerPackName, Record<string, string>, Record<string, string>]>([
    ['vllm', { model_name: 'llama', engine: '0' }, { served_model: 'llama', engine: '0' }],
    ['vllm', { method: 'GET' }, { method: 'GET' }],
    ['triton', { model: 'resnet50', version: '3' }, { served_model: 'resnet50', model_version: '3' }],
    ['triton', { gpu_uuid: 'GPU-1' }, { gpu_uuid: 'GPU-1' }],
    ['generic', { model: 'm', model_version: '2.1' }, { model_version: '2.1' }],
    ['generic', { model: 'internal-name' }, { served_model: 'internal-name' }],
  ])('%s: %j', (server, scraped, expected) => {
    expect(relabelled(server, 'm', scraped)).toEqual({ model: 'm', owner: 'o', ...expected });
  });

  test('a name with signs of regular expressions and templates is taken literally', () => {
    expect(relabelled('triton', 'a.b$1', { model: 'axb$1' })).toEqual({
      model: 'a.b$1',
      owner: 'o',
      served_model: 'axb$1',
    });
    expect(relabelled('triton', 'a.b$1', {})).toEqual({ model: 'a.b$1', owner: 'o' });
  });
});

test('the job honours labels, so that nothing is called exported_', () => {
  const job = modelScrapeJob(SERVER_PACKS.triton, { model: 'm', jobName: 'image', targetFiles: ['t.json'] });
  expect(job).toMatchObject({
    job_name: 'image',
    honor_labels: true,
    file_sd_configs: [{ files: ['t.json'] }],
  });
});
