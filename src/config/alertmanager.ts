import { dirname } from 'node:path';
import { checkRouting } from '../alerts/config.ts';
import type { AlertsConfig } from '../alerts/config.ts';
import type { FileSystem } from '../core/ports.ts';
import { printYaml, shownConfig } from '../core/print-yaml.ts';
import { issueAt, requireYaml } from '../core/validate-yaml.ts';
import { ConfigError, parseYaml } from '../core/yaml.ts';
import type { ConfigIssue, YamlDocument, YamlPath } from '../core/yaml.ts';
import { notifyConfigOf } from '../notify/config.ts';
import type { NotifyConfig } from '../notify/config.ts';
import { createAlertmanagerSchema } from './alertmanager-schema.ts';
import type { AlertmanagerFields, MatcherReader } from './alertmanager-schema.ts';
import { expandGlob } from './glob.ts';
import { fingerprintOf, readTextFile } from './loaded-file.ts';

/** Where the embedded Alertmanager's configuration came from. */
export type AlertmanagerSource = 'file' | 'key' | 'built-in';

/** A checked Alertmanager configuration. */
export interface LoadedAlertmanager {
  readonly source: AlertmanagerSource;
  /** The file it stands in; `(built-in)` for the built-in one. */
  readonly fileName: string;
  readonly alerts: AlertsConfig;
  readonly notify: NotifyConfig;
  /** The files that the globs of `templates` name now. */
  readonly templateFiles: readonly string[];
  /** YAML with defaults and without secrets, for `/api/v2/status`. */
  readonly printed: string;
  /** Changes when anything in the configuration or its template files does. */
  readonly fingerprint: string;
}

/** What holds when nobody says where alerts go: everything to the console. */
const BUILT_IN = `
route:
  receiver: console
  group_by: [alertname, model]
  group_wait: 10s
  group_interval: 1m
  repeat_interval: 4h
receivers:
  - name: console
    console_configs:
      - send_resolved: true
`;

/** Loads a file in Alertmanager's format; throws {@link ConfigError} with everything that is wrong. */
export async function loadAlertmanagerFile(
  files: FileSystem,
  path: string,
  matchers?: MatcherReader,
): Promise<LoadedAlertmanager> {
  const { text } = await readTextFile(files, path);
  return loadText(files, text, path, dirname(path), 'file', matchers);
}

/** Loads a configuration from text, for checks of what comes by a pipe. Relative paths are taken against `baseFolder`. */
export function loadAlertmanagerText(
  files: FileSystem,
  text: string,
  fileName: string,
  baseFolder: string,
  matchers?: MatcherReader,
): Promise<LoadedAlertmanager> {
  return loadText(files, text, fileName, baseFolder, 'file', matchers);
}

/** The configuration that sends everything to the console. */
export function loadBuiltInAlertmanager(files: FileSystem): Promise<LoadedAlertmanager> {
  return loadText(files, BUILT_IN, '(built-in)', '.', 'built-in');
}

async function loadText(
  files: FileSystem,
  text: string,
  fileName: string,
  baseFolder: string,
  source: AlertmanagerSource,
  matchers?: MatcherReader,
): Promise<LoadedAlertmanager> {
  const schema = createAlertmanagerSchema(matchers);
  const document = parseYaml(text, fileName);
  const fields = requireYaml(document, schema, baseFolder);
  const issues: ConfigIssue[] = [];
  const loaded = await resolveAlertmanager({ files, document, fields, path: [], source, issues });
  if (loaded === undefined || issues.length > 0) throw new ConfigError(issues);
  return loaded;
}

/** What {@link resolveAlertmanager} works with. */
export interface ResolveOptions {
  readonly files: FileSystem;
  readonly document: YamlDocument;
  readonly fields: AlertmanagerFields;
  /** Where the block stands in the document. */
  readonly path: YamlPath;
  readonly source: AlertmanagerSource;
  /** Gets what is wrong. */
  readonly issues: ConfigIssue[];
}

/** Does what a schema cannot: hands globals down, holds names against each other, looks for template files. */
export async function resolveAlertmanager(options: ResolveOptions): Promise<LoadedAlertmanager | undefined> {
  const { fields, document, path, issues, files } = options;
  const { config: notify, problems } = notifyConfigOf(fields);
  for (const problem of problems) {
    issues.push(issueAt(document, [...path, ...problem.path], problem.message));
  }
  if (fields.route === undefined) {
    issues.push(issueAt(document, path, 'no route provided in config'));
    return undefined;
  }
  const routing = {
    route: fields.route,
    receiverNames: fields.receivers.map((receiver) => receiver.name),
    timeIntervals: fields.time_intervals,
    muteTimeIntervals: fields.mute_time_intervals,
  };
  for (const problem of checkRouting(routing)) {
    issues.push(issueAt(document, [...path, ...problem.path], problem.message));
  }
  const templateFiles: string[] = [];
  for (const pattern of notify.templates) templateFiles.push(...(await expandGlob(files, pattern)));
  const templates: string[] = [];
  for (const file of templateFiles) templates.push((await readTextFile(files, file)).text);
  const written = at(document.value, path);
  return {
    source: options.source,
    fileName: document.fileName,
    alerts: {
      route: fields.route,
      inhibitRules: fields.inhibit_rules,
      timeIntervals: [...fields.mute_time_intervals, ...fields.time_intervals],
      resolveTimeoutMs: notify.resolveTimeoutMs,
    },
    notify,
    templateFiles,
    printed: printYaml(shownConfig(written, createAlertmanagerSchema())),
    fingerprint: fingerprintOf(JSON.stringify(written), ...templates),
  };
}

function at(value: unknown, path: YamlPath): unknown {
  let found = value;
  for (const step of path) found = (found as Record<string | number, unknown>)[step];
  return found;
}
