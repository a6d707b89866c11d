import { join } from 'node:path';
import type { FileSystem } from '../core/ports.ts';
import type { RunningServer } from '../demo/index.ts';
import { PACKAGE_FOLDER } from './version.ts';

/** What a model of the demo is called in the configuration, and who answers for it. */
const MODELS: Readonly<Record<string, { readonly job: string; readonly owner: string }>> = {
  'fraud-detector': { job: 'tabular', owner: 'risk-ml' },
  'support-chat': { job: 'llm', owner: 'assistants' },
  'product-vision': { job: 'image', owner: 'search-ml' },
};

const scrapeJob = (job: string, targetsFolder: string, rest: string): string => `  - job_name: ${job}
${rest}    file_sd_configs:
      - files: ['${targetsFolder}/${job}.json']
`;

/** The demo's configuration: what a newcomer would write, with intervals of seconds. */
function configText(ownAddress: string, ownPath: string): string {
  // Relative to the configuration file, whose folder may itself be given relative to the working folder.
  const targets = 'targets';
  return `# Written by "tocsin demo" at each start. Copy it for a configuration of your own.
global:
  scrape_interval: 2s
  evaluation_interval: 2s

rule_files:
  - ${JSON.stringify(join(PACKAGE_FOLDER, 'alert-rules', '*.yml'))}

scrape_configs:
  # A classifier with the conventional model_* metrics. Its own labels model and model_version are kept.
${scrapeJob('tabular', targets, '    honor_labels: true\n')}
  # vLLM: its label model_name becomes served_model, because model is the name in this file.
${scrapeJob(
  'llm',
  targets,
  `    metric_relabel_configs:
      - { source_labels: [model_name], regex: (.+), target_label: served_model }
      - { action: labeldrop, regex: model_name }
`,
)}
  # Triton: model becomes served_model, version becomes model_version.
${scrapeJob(
  'image',
  targets,
  `    honor_labels: true
    metric_relabel_configs:
      - { source_labels: [model], regex: resnet50, target_label: served_model, replacement: resnet50 }
      - { source_labels: [version], regex: (.+), target_label: model_version }
      - { action: labeldrop, regex: version }
      - { target_label: model, replacement: product-vision }
`,
)}
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
