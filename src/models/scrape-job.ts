import { quoteRegexp } from '../core/regexp.ts';
import type { ServerPack } from './packs.ts';

/** A relabel rule as a configuration file has it. */
export interface WrittenRelabelRule {
  readonly source_labels?: readonly string[];
  readonly regex?: string;
  readonly target_label?: string;
  readonly replacement?: string;
  readonly action?: string;
}

/** A job of `scrape_configs` as a configuration file has it. */
export interface WrittenScrapeJob {
  readonly job_name: string;
  readonly metrics_path: string;
  readonly honor_labels: boolean;
  readonly metric_relabel_configs: readonly WrittenRelabelRule[];
  readonly file_sd_configs: readonly { readonly files: readonly string[] }[];
}

/** A model and where its servers are listed. */
export interface ModelTargets {
  /** Name of the model in the configuration. */
  readonly model: string;
  readonly jobName: string;
  /** Files of target groups; the groups carry the labels `model` and `owner`. */
  readonly targetFiles: readonly string[];
}

/**
 * Relabel rules after which every series of a model carries `model` (its name in the configuration), and the server's
 * own labels are `served_model` and `model_version`. They need `honor_labels`: a conflict would else be settled, as
 * `exported_…`, before they are applied.
 */
export function modelLabelRules(pack: ServerPack, model: string): WrittenRelabelRule[] {
  const rules: WrittenRelabelRule[] = [];
  const move = (from: string, to: string): void => {
    if (from === '' || from === to) return;
    rules.push({ source_labels: [from], regex: '(.+)', target_label: to });
    if (from !== 'model') rules.push({ action: 'labeldrop', regex: quoteRegexp(from) });
  };
  move(pack.modelLabel, 'served_model');
  move(pack.versionLabel, 'model_version');
  if (pack.modelLabel === 'model') {
    // Series without a label of their own got the target's: that is our name, not what the server calls it.
    rules.push({
      source_labels: ['served_model'],
      regex: quoteRegexp(model),
      target_label: 'served_model',
      replacement: '',
    });
    rules.push({ target_label: 'model', replacement: model.replaceAll('$', '$$$$') });
  }
  return rules;
}

/** The scrape job of a model whose servers are of one kind. */
export function modelScrapeJob(pack: ServerPack, targets: ModelTargets): WrittenScrapeJob {
  return {
    job_name: targets.jobName,
    metrics_path: pack.metricsPath,
    honor_labels: true,
    metric_relabel_configs: modelLabelRules(pack, targets.model),
    file_sd_configs: [{ files: targets.targetFiles }],
  };
}
