import { join } from 'node:path';
import { stringify } from 'yaml';
import type { FileSystem } from '../core/ports.ts';
import type { RunningServer } from '../demo/index.ts';
import { SERVER_PACKS, type ServerPackName, modelScrapeJob } from '../models/index.ts';
import { PACKAGE_FOLDER } from './version.ts';

interface DemoModel {
  readonly job: string;
  readonly owner: string;
  readonly server: ServerPackName;
}

/** What a model of the demo is called in the configuration, who answers for it, and what serves it. */
const MODELS: Readonly<Record<string, DemoModel>> = {
  'fraud-detector': { job: 'tabular', owner: 'risk-ml', server: 'generic' },
  'support-chat': { job: 'llm', owner: 'assistants', server: 'vllm' },
  'product-vision': { job: 'image', owner: 'search-ml', server: 'triton' },
};

/** The jobs of the demo's models. Their target files are named relative to the configuration file. */
function modelJobs(): string {
  const jobs = Object.entries(MODELS).map(([model, { job, server }]) =>
    modelScrapeJob(SERVER_PACKS[server], { model, jobName: job, targetFiles: [`targets/${job}.json`] }),
  );
  return stringify(jobs).replaceAll(/^(?=.)/gm, '  ');
}

/** The demo's configuration: what a newcomer would write, with intervals of seconds. */
function configText(ownAddress: string, ownPath: string): string {
  return `# Written by "tocsin demo" at each start. Copy it for a configuration of your own.
global:
  scrape_interval: 2s
  evaluation_interval: 2s

rule_files:
  - ${JSON.stringify(join(PACKAGE_FOLDER, 'alert-rules', '*.yml'))}

# The relabel rules see to it that every series carries "model" by the name that it has here; what a server calls its
# model itself (vLLM: model_name, Triton: model and version) becomes served_model and model_version.
scrape_configs:
${modelJobs()}
  - job_name: tocsin
    metrics_path: ${ownPath}/metrics
    static_configs:
      - targets: [${JSON.stringify(ownAddress)}]

alertmanager:
  route:
    receiver: console
    group_by: [alertname, model]
    group_wait: 3s
    group_interval: 6s
    repeat_interval: 1h
  receivers:
    - name: console
      console_configs:
        - send_resolved: true
`;
}

/**
 * Writes the demo's configuration and target files into `folder` (which exists).
 *
 * @returns the configuration's path
 */
export async function writeDemoFiles(
  files: FileSystem,
  folder: string,
  fleet: readonly RunningServer[],
  own: { readonly address: string; readonly routePrefix: string },
): Promise<string> {
  const encoder = new TextEncoder();
  await files.makeFolder(join(folder, 'targets'));
  for (const [model, { job, owner }] of Object.entries(MODELS)) {
    const groups = fleet
      .filter(({ server }) => server.model === model)
      .map(({ server, address }) => ({
        targets: [address],
        labels: { model, owner, instance: server.replica },
      }));
    const path = join(folder, 'targets', `${job}.json`);
    await files.replaceFile(path, encoder.encode(`${JSON.stringify(groups, undefined, 2)}\n`));
  }
  const path = join(folder, 'tocsin.yml');
  await files.replaceFile(path, encoder.encode(configText(own.address, own.routePrefix)));
  return path;
}
