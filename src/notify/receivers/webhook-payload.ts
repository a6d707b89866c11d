import { ConfigError, parseYaml } from '../../core/yaml.ts';

/**
 * A custom payload with its templates executed: every text, keys included, is a template; what a value's text comes to
 * is read as YAML again, so that `"{{ len .Alerts }}"` becomes a number and `{{ toJson . }}` a structure. Keys that are
 * no text are left out.
 *
 * @see prometheus/alertmanager template/template.go DeepCopyWithTemplate
 */
export function renderPayload(value: unknown, execute: (template: string) => string): unknown {
  if (typeof value === 'string') return reread(execute(value));
  if (Array.isArray(value)) return value.map((item) => renderPayload(item, execute));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [execute(key), renderPayload(item, execute)]),
  );
}

function reread(text: string): unknown {
  try {
    const value = parseYaml(text, 'payload').value;
    return typeof value === 'string' ? text : value;
  } catch (error) {
    if (error instanceof ConfigError) return text;
    throw error;
  }
}
