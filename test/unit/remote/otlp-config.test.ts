import { describe, expect, test } from 'vitest';
import { parseServeFlags, readFeatures } from '../../../src/cli/serve-flags.ts';
import { optionsFromFlags } from '../../../src/cli/serve-options.ts';
import { loadConfig } from '../../../src/config/index.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { otlpSchema } from '../../../src/storage/remote/otlp/config.ts';

async function load(text: string): ReturnType<typeof loadConfig> {
  const files = new MemoryFileSystem();
  await files.makeFolder('/c');
  await files.replaceFile('/c/prometheus.yml', new TextEncoder().encode(text));
  return loadConfig(files, { configFile: '/c/prometheus.yml', rules: { checkTemplate() {} } });
}

describe('the key otlp', () => {
  test('has the defaults of Prometheus', async () => {
    const { otlp } = await load('');
    expect(otlp).toEqual({
      translationStrategy: 'UnderscoreEscapingWithSuffixes',
      promoteAll: false,
      resourceAttributes: new Set(),
      keepIdentifyingAttributes: false,
      convertHistogramsToNhcb: false,
      promoteScopeMetadata: false,
      underscoreSanitization: true,
      preserveMultipleUnderscores: true,
    });
  });

  test('names attributes to promote, or not to', () => {
    expect(otlpSchema.parse({ promote_resource_attributes: [' a ', 'b'] })).toMatchObject({
      promoteAll: false,
      resourceAttributes: new Set(['a', 'b']),
    });
    const all = { promote_all_resource_attributes: true, ignore_resource_attributes: ['c'] };
    expect(otlpSchema.parse(all)).toMatchObject({ promoteAll: true, resourceAttributes: new Set(['c']) });
  });

  test.each<[text: string, message: string]>([
    [
      '{promote_all_resource_attributes: true, promote_resource_attributes: [a]}',
      'cannot be configured simultaneously',
    ],
    ['{ignore_resource_attributes: [a]}', "unless 'promote_all_resource_attributes' is true"],
    ['{promote_resource_attributes: [" "]}', 'empty promoted OTel resource attribute'],
    ['{promote_resource_attributes: [a, "a "]}', 'duplicated promoted OTel resource attribute "a"'],
    ['{translation_strategy: Other}', 'translation_strategy'],
    ['{promote: true}', 'unknown key "promote"'],
  ])('%s is refused', async (text, message) => {
    await expect(load(`otlp: ${text}`)).rejects.toThrow(message);
  });

  test.each(['NoTranslation', 'NoUTF8EscapingWithSuffixes'])('%s needs UTF-8 names', async (strategy) => {
    const otlp = `otlp: {translation_strategy: ${strategy}}\n`;
    expect((await load(otlp)).otlp.translationStrategy).toBe(strategy);
    await expect(load(`${otlp}global: {metric_name_validation_scheme: legacy}`)).rejects.toThrow(
      `OTLP translation strategy "${strategy}" is not allowed when UTF8 is disabled`,
    );
  });
});

describe('flags of the receivers', () => {
  function receive(...args: string[]): ReturnType<typeof optionsFromFlags>['receive'] {
    const flags = parseServeFlags(args);
    return optionsFromFlags(flags, readFeatures(flags).enabled).receive;
  }

  test('none of them takes nothing', () => {
    expect(receive()).toEqual({
      remoteWrite: undefined,
      otlp: false,
      allowDelta: false,
      starts: 'ignored',
      typeAndUnitLabels: false,
      storeMetadata: false,
    });
  });

  test('switch on remote write, both versions or one', () => {
    const on = '--web.enable-remote-write-receiver';
    const accepted = '--web.remote-write-receiver.accepted-protobuf-messages';
    expect(receive(on)?.remoteWrite).toEqual(['prometheus.WriteRequest', 'io.prometheus.write.v2.Request']);
    expect(receive(on, `${accepted}=io.prometheus.write.v2.Request`)?.remoteWrite).toEqual([
      'io.prometheus.write.v2.Request',
    ]);
    expect(() => receive(on, `${accepted}=other`)).toThrow('must be one of');
  });

  test('switch on OTLP and say what becomes of deltas, starts, types and units', () => {
    expect(
      receive(
        '--web.enable-otlp-receiver',
        '--enable-feature=otlp-native-delta-ingestion,created-timestamp-zero-ingestion,type-and-unit-labels',
      ),
    ).toMatchObject({ otlp: true, allowDelta: true, starts: 'zeroes', typeAndUnitLabels: true });
    expect(receive('--enable-feature=st-storage,created-timestamp-zero-ingestion')?.starts).toBe('stored');
  });
});
