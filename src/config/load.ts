import { dirname } from 'node:path';
import { TocsinError } from '../core/errors.ts';
import { formatDuration } from '../core/duration.ts';
import { Labels } from '../core/labels.ts';
import type { FileSystem } from '../core/ports.ts';
import { printYaml, shownConfig } from '../core/print-yaml.ts';
import { issueAt, requireYaml } from '../core/validate-yaml.ts';
import { ConfigError, parseYaml } from '../core/yaml.ts';
import type { ConfigIssue, YamlDocument, YamlPath } from '../core/yaml.ts';
import type { AlertingConfig } from '../notify/config.ts';
import { parseRuleFile } from '../rules/config.ts';
import type { RuleFileOptions, RuleGroupConfig } from '../rules/config.ts';
import { resolveScrapeConfig, resolveScrapeGlobals } from '../scrape/config.ts';
import type { ScrapeConfig, ScrapeConfigFields, ScrapeGlobals } from '../scrape/config.ts';
import type { RemoteStorageConfig } from '../promql/config.ts';
import type { StorageConfig } from '../storage/config.ts';
import type { OtlpConfig } from '../storage/remote/otlp/config.ts';
import type { RemoteWriteConfig } from '../storage/remote/config.ts';
import type { RemoteReadConfig } from '../storage/remote/read/config.ts';
import { loadAlertmanagerFile, loadBuiltInAlertmanager, resolveAlertmanager } from './alertmanager.ts';
import type { LoadedAlertmanager } from './alertmanager.ts';
import type { MatcherReader } from './alertmanager-schema.ts';
import { expandEnvironment } from './expand-environment.ts';
import type { Environment } from './expand-environment.ts';
import { expandGlob } from './glob.ts';
import { collectIssues, fingerprintOf, readTextFile } from './loaded-file.ts';
import { createMainSchema, scrapeConfigFileSchema } from './main-schema.ts';
import type { MainFields } from './main-schema.ts';

/** Default of `global.evaluation_interval`. */
const DEFAULT_EVALUATION_INTERVAL_MS = 60_000;

/** Names that are looked for when no configuration file is named. */
const DEFAULT_FILES = ['tocsin.yml', 'prometheus.yml'];

/** Parts of a configuration that change apart from each other. */
export type ConfigSection =
  | 'global'
  | 'scrape'
  | 'rules'
  | 'alerting'
  | 'storage'
  | 'remoteWrite'
  | 'remoteRead'
  | 'remoteStorage'
  | 'alertmanager';

/** `global`, with its defaults. */
export interface GlobalConfig {
  readonly scrape: ScrapeGlobals;
  readonly evaluationIntervalMs: number;
  readonly ruleQueryOffsetMs: number;
  readonly externalLabels: Labels;
  /** '' is none. */
  readonly queryLogFile: string;
}

/** A rule file that was read. */
export interface LoadedRuleFile {
  readonly path: string;
  readonly groups: readonly RuleGroupConfig[];
}

/** A checked configuration with everything it names. Immutable; a reload makes a new one. */
export interface LoadedConfig {
  readonly fileName: string;
  readonly global: GlobalConfig;
  /** From the file itself and from `scrape_config_files`. */
  readonly scrapeConfigs: readonly ScrapeConfig[];
  readonly ruleFiles: readonly LoadedRuleFile[];
  readonly alerting: AlertingConfig;
  readonly storage: StorageConfig;
  readonly remoteWrite: readonly RemoteWriteConfig[];
  readonly remoteRead: readonly RemoteReadConfig[];
  /** How metrics received by OTLP become series. */
  readonly otlp: OtlpConfig;
  /** Where queries and rules are evaluated; undefined when that is here. */
  readonly remoteStorage: RemoteStorageConfig | undefined;
  /** The embedded Alertmanager; undefined when alerts go only to Alertmanagers outside. */
  readonly alertmanager: LoadedAlertmanager | undefined;
  /** YAML with defaults and without secrets, for `/api/v1/status/config`. */
  readonly printed: string;
  /** Things worth a line in the log that do not stop anything. */
  readonly warnings: readonly string[];
  /** Changes when the section, or a file it names, does. */
  readonly fingerprints: Readonly<Record<ConfigSection, string>>;
  /** Changes when any of the files does; what `--config.auto-reload` compares. */
  readonly fingerprint: string;
}

/** What {@link loadConfig} is told. */
export interface LoadOptions {
  /** `--config.file`; the default names are looked for when it is absent. */
  readonly configFile?: string;
  /** `--alertmanager.config.file`. */
  readonly alertmanagerConfigFile?: string;
  /** For `${VAR}` in external_labels; nothing when absent. */
  readonly environment?: Environment;
  readonly rules: RuleFileOptions;
  readonly matchers?: MatcherReader;
}

/** The file to load when none is named: `tocsin.yml`, else `prometheus.yml`; throws when neither is there. */
export async function findConfigFile(files: FileSystem): Promise<string> {
  for (const name of DEFAULT_FILES) if ((await files.stat(name)) !== undefined) return name;
  const message =
    'there is neither tocsin.yml nor prometheus.yml in this folder: name a file with --config.file, or run "tocsin demo" to see tocsin at work';
  throw new TocsinError('TOCSIN_ERR_CONFIG', message);
}

/**
 * Loads and checks `tocsin.yml` / `prometheus.yml` and every file it names. All or nothing: throws {@link ConfigError}
 * with everything that is wrong.
 */
export async function loadConfig(files: FileSystem, options: LoadOptions): Promise<LoadedConfig> {
  const fileName = options.configFile ?? (await findConfigFile(files));
  const { text } = await readTextFile(files, fileName);
  const document = parseYaml(text, fileName);
  const fields = requireYaml(emptyAsMap(document), createMainSchema(options.matchers), dirname(fileName));
  const loader = new Loader(files, options, document, fields);
  const loaded = await loader.load(text);
  if (loaded === undefined || loader.issues.length > 0) throw new ConfigError(loader.issues);
  return loaded;
}

/** An empty file is a configuration of defaults. */
function emptyAsMap(document: YamlDocument): YamlDocument {
  return document.value === null ? parseYaml('{}', document.fileName) : document;
}

class Loader {
  readonly issues: ConfigIssue[] = [];
  readonly #warnings: string[] = [];
  readonly #files: FileSystem;
  readonly #options: LoadOptions;
  readonly #document: YamlDocument;
  readonly #fields: MainFields;
  readonly #jobs = new Set<string>();

  constructor(files: FileSystem, options: LoadOptions, document: YamlDocument, fields: MainFields) {
    this.#files = files;
    this.#options = options;
    this.#document = document;
    this.#fields = fields;
  }

  async load(text: string): Promise<LoadedConfig | undefined> {
    const global = this.#readGlobal();
    if (global === undefined) return undefined;
    const scrapeFiles = await this.#readPatterns('scrape_config_files', this.#fields.scrape_config_files);
    const scrapeConfigs = [
      ...this.#resolveJobs(this.#document, this.#fields.scrape_configs, global.scrape),
      ...scrapeFiles.flatMap((file) => this.#readScrapeFile(file, global.scrape)),
    ];
    const ruleTexts = await this.#readPatterns('rule_files', this.#fields.rule_files);
    const ruleFiles = ruleTexts.flatMap((file): LoadedRuleFile[] => {
      const groups = collectIssues(this.issues, () =>
        parseRuleFile(file.text, file.path, this.#options.rules),
      );
      return groups === undefined ? [] : [{ path: file.path, groups }];
    });
    const alertmanager = await this.#loadAlertmanager();
    if (this.issues.length > 0) return undefined;
    const written = (this.#document.value ?? {}) as Record<string, unknown>;
    const part = (key: string): string => JSON.stringify(written[key] ?? null);
    const fingerprints = {
      global: fingerprintOf(part('global'), JSON.stringify(global.externalLabels)),
      scrape: fingerprintOf(part('global'), part('scrape_configs'), ...scrapeFiles.map((file) => file.text)),
      rules: fingerprintOf(part('rule_files'), ...ruleTexts.flatMap((file) => [file.path, file.text])),
      alerting: fingerprintOf(part('alerting')),
      storage: fingerprintOf(part('storage')),
      remoteWrite: fingerprintOf(part('remote_write'), JSON.stringify(global.externalLabels)),
      remoteRead: fingerprintOf(part('remote_read'), JSON.stringify(global.externalLabels)),
      remoteStorage: fingerprintOf(part('remote_storage')),
      alertmanager: alertmanager?.fingerprint ?? '',
    };
    return {
      fileName: this.#document.fileName,
      global,
      scrapeConfigs,
      ruleFiles,
      alerting: this.#fields.alerting,
      storage: this.#fields.storage,
      remoteWrite: this.#fields.remote_write,
      remoteRead: this.#fields.remote_read,
      otlp: this.#fields.otlp,
      remoteStorage: this.#fields.remote_storage,
      alertmanager,
      printed: this.#print(global, scrapeConfigs),
      warnings: this.#warnings,
      fingerprints,
      fingerprint: fingerprintOf(text, ...Object.values(fingerprints)),
    };
  }

  #issue(path: YamlPath, message: string, document: YamlDocument = this.#document): void {
    this.issues.push(issueAt(document, path, message));
  }

  #readGlobal(): GlobalConfig | undefined {
    const { global } = this.#fields;
    const scrape = resolveScrapeGlobals(global);
    if (!scrape.ok) {
      this.#issue(['global', ...scrape.path], scrape.message);
      return undefined;
    }
    const strategy = this.#fields.otlp.translationStrategy;
    const isUtf8 = strategy === 'NoTranslation' || strategy === 'NoUTF8EscapingWithSuffixes';
    if (isUtf8 && global.metric_name_validation_scheme === 'legacy') {
      const message = `OTLP translation strategy "${strategy}" is not allowed when UTF8 is disabled`;
      this.#issue(['otlp', 'translation_strategy'], message);
    }
    const external = Object.entries(global.external_labels).map(([name, text]) => {
      const value = expandEnvironment(text, this.#options.environment ?? {}, (variable) => {
        const where = `${this.#document.fileName}: external label ${name}`;
        this.#warnings.push(`${where}: environment variable ${variable} is empty or not set`);
      });
      if (!value.isWellFormed()) this.#issue(['global', 'external_labels', name], 'not valid UTF-8 text');
      return [name, value] as const;
    });
    return {
      scrape: scrape.value,
      evaluationIntervalMs: global.evaluation_interval || DEFAULT_EVALUATION_INTERVAL_MS,
      ruleQueryOffsetMs: global.rule_query_offset,
      externalLabels: Labels.fromEntries(external),
      queryLogFile: global.query_log_file ?? '',
    };
  }

  async #readPatterns(key: string, patterns: readonly string[]): Promise<{ path: string; text: string }[]> {
    const found: { path: string; text: string }[] = [];
    const seen = new Set<string>();
    for (const pattern of patterns) {
      const paths = await expandGlob(this.#files, pattern);
      if (paths.length === 0) this.#warnings.push(`${key}: no file matches ${pattern}`);
      for (const path of paths) {
        // Named twice is loaded once; a second copy would only fail with repeated names.
        if (seen.has(path)) continue;
        seen.add(path);
        found.push(await readTextFile(this.#files, path));
      }
    }
    return found;
  }

  #readScrapeFile(file: { path: string; text: string }, globals: ScrapeGlobals): ScrapeConfig[] {
    const jobs = collectIssues(this.issues, () => {
      const document = parseYaml(file.text, file.path);
      const fields = requireYaml(emptyAsMap(document), scrapeConfigFileSchema, dirname(file.path));
      return this.#resolveJobs(document, fields.scrape_configs, globals);
    });
    return jobs ?? [];
  }

  #resolveJobs(
    document: YamlDocument,
    jobs: readonly ScrapeConfigFields[],
    globals: ScrapeGlobals,
  ): ScrapeConfig[] {
    return jobs.flatMap((fields, i) => {
      const path = ['scrape_configs', i];
      if (this.#jobs.has(fields.job_name)) {
        const message = `found multiple scrape configs with job name ${JSON.stringify(fields.job_name)}`;
        this.#issue([...path, 'job_name'], message, document);
      }
      this.#jobs.add(fields.job_name);
      const resolved = resolveScrapeConfig(fields, globals);
      if (resolved.ok) return [resolved.value];
      this.#issue([...path, ...resolved.path], resolved.message, document);
      return [];
    });
  }

  /** Where alerts go: the file, else the key, else (with no Alertmanager outside) everything to the console. */
  async #loadAlertmanager(): Promise<LoadedAlertmanager | undefined> {
    const { alertmanagerConfigFile: file, matchers } = this.#options;
    const { alertmanager: fields } = this.#fields;
    if (file !== undefined && fields !== undefined) {
      const message = `both the key "alertmanager" and --alertmanager.config.file=${file} are given; remove one`;
      this.issues.push(issueAt(this.#document, ['alertmanager'], message, 'key'));
      return undefined;
    }
    if (file !== undefined) {
      try {
        return await loadAlertmanagerFile(this.#files, file, matchers);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        this.issues.push(...error.issues);
        return undefined;
      }
    }
    if (fields === undefined) {
      return this.#fields.alerting.alertmanagers.length > 0
        ? undefined
        : loadBuiltInAlertmanager(this.#files);
    }
    return resolveAlertmanager({
      files: this.#files,
      document: this.#document,
      fields,
      path: ['alertmanager'],
      source: 'key',
      issues: this.issues,
    });
  }

  #print(global: GlobalConfig, scrapeConfigs: readonly ScrapeConfig[]): string {
    const written = shownConfig(this.#document.value ?? {}, createMainSchema()) as Record<string, unknown>;
    const { scrape, externalLabels } = global;
    const shownGlobal = {
      scrape_interval: formatDuration(scrape.scrapeIntervalMs),
      scrape_timeout: formatDuration(scrape.scrapeTimeoutMs),
      evaluation_interval: formatDuration(global.evaluationIntervalMs),
      ...(externalLabels.size === 0 ? {} : { external_labels: externalLabels.toObject() }),
      ...without(written['global'], [
        'scrape_interval',
        'scrape_timeout',
        'evaluation_interval',
        'external_labels',
      ]),
    };
    const shown: Record<string, unknown> = { global: shownGlobal, ...without(written, ['global']) };
    const jobs = shown['scrape_configs'];
    if (Array.isArray(jobs)) {
      shown['scrape_configs'] = jobs.map((job: unknown, i) => ({
        job_name: scrapeConfigs[i]!.jobName,
        scrape_interval: formatDuration(scrapeConfigs[i]!.scrapeIntervalMs),
        scrape_timeout: formatDuration(scrapeConfigs[i]!.scrapeTimeoutMs),
        ...(isMissing(job, 'metrics_path') && { metrics_path: scrapeConfigs[i]!.metricsPath }),
        ...without(job, ['job_name', 'scrape_interval', 'scrape_timeout']),
      }));
    }
    const alerting = shown['alerting'];
    if (typeof alerting === 'object' && alerting !== null && Object.keys(alerting).length === 0) {
      delete shown['alerting'];
    }
    return printYaml(shown);
  }
}

function isMissing(block: unknown, key: string): boolean {
  return typeof block === 'object' && block !== null && !Object.hasOwn(block, key);
}

function without(value: unknown, keys: readonly string[]): Record<string, unknown> {
  const entries = Object.entries((value ?? {}) as Record<string, unknown>);
  return Object.fromEntries(entries.filter(([key]) => !keys.includes(key)));
}

/** Sections in which two configurations differ. `global` counts for everything that inherits from it. */
export function diffConfig(before: LoadedConfig, after: LoadedConfig): ReadonlySet<ConfigSection> {
  const changed = new Set<ConfigSection>();
  for (const section of Object.keys(after.fingerprints) as ConfigSection[]) {
    if (before.fingerprints[section] !== after.fingerprints[section]) changed.add(section);
  }
  return changed;
}
