import { hash } from 'node:crypto';
import { Secret } from './secret.ts';

/**
 * A text that is equal exactly for configs that mean the same; keys named in `without` are left out. Secrets count, by
 * their hash. Values are plain data, or objects whose public fields say all (expressions, templates, providers by key).
 */
export function configKey(config: object, without: readonly string[] = []): string {
  return JSON.stringify(config, function (this: unknown, name: string, shown: unknown): unknown {
    const value = (this as Record<string, unknown>)[name];
    if (value instanceof Secret) return `secret:${hash('sha256', value.reveal(), 'hex')}`;
    if (typeof value === 'bigint') return value.toString();
    return this === config && without.includes(name) ? undefined : shown;
  });
}
