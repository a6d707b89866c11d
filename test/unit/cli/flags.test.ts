import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TocsinError } from '../../../src/core/errors.ts';
import { describeFlags, parseFlags } from '../../../src/cli/flag-set.ts';
import { SERVE_FLAGS, parseServeFlags, readFeatures } from '../../../src/cli/serve-flags.ts';

describe('flags of serve', () => {
  test('defaults are Prometheus’', () => {
    const flags = parseServeFlags([]);
    expect(flags.list('web.listen-address')).toEqual(['0.0.0.0:9090']);
    expect(flags.durationMs('query.lookback-delta')).toBe(300_000);
    expect(flags.integer('query.max-samples')).toBe(50_000_000);
    expect(flags.isOn('web.enable-lifecycle')).toBe(false);
    expect(flags.isOn('alertmanager.drain-notification-queue-on-shutdown')).toBe(true);
    expect(flags.text('storage.tsdb.path')).toBe('data/');
  });

  test.each([
    [['--config.file=a.yml'], 'config.file', 'a.yml'],
    [['--config.file', 'a.yml'], 'config.file', 'a.yml'],
    [['--config.file=a.yml', '--config.file=b.yml'], 'config.file', 'b.yml'],
    [['--web.enable-lifecycle'], 'web.enable-lifecycle', 'true'],
    [['--web.enable-lifecycle', '--no-web.enable-lifecycle'], 'web.enable-lifecycle', 'false'],
    [['--web.enable-lifecycle=false'], 'web.enable-lifecycle', 'false'],
  ])('%j sets %s to %s', (args, name, value) => {
    expect(parseServeFlags(args).text(name)).toBe(value);
  });

  test('a repeatable flag keeps every value', () => {
    const flags = parseServeFlags(['--web.listen-address=:1', '--web.listen-address=:2']);
    expect(flags.list('web.listen-address')).toEqual([':1', ':2']);
  });

  test.each([
    [
      ['--config.fil=x'],
      'TOCSIN_ERR_USAGE',
      "unknown long flag '--config.fil'; did you mean '--config.file'?",
    ],
    [['--config.file'], 'TOCSIN_ERR_USAGE', "expected argument for flag '--config.file'"],
    [['--query.timeout=soon'], 'TOCSIN_ERR_USAGE', 'not a valid duration string: "soon"'],
    [['--query.max-samples=many'], 'TOCSIN_ERR_USAGE', "takes a whole number, not 'many'"],
    [['--log.level=loud'], 'TOCSIN_ERR_USAGE', "must be one of debug,info,warn,error, got 'loud'"],
    [['serve'], 'TOCSIN_ERR_USAGE', 'unexpected serve'],
    [['--agent'], 'TOCSIN_ERR_NOT_IN_VERSION', "flag '--agent' is not in this version of tocsin"],
    [['--web.config.file=x'], 'TOCSIN_ERR_NOT_IN_VERSION', 'not in this version'],
  ])('%j is refused', (args, code, message) => {
    expect(() => parseServeFlags(args)).toThrow(expect.objectContaining({ code }));
    expect(() => parseServeFlags(args)).toThrow(message);
  });

  test('switching off what is not built is fine', () => {
    expect(parseServeFlags(['--no-agent']).isOn('agent')).toBe(false);
  });

  test('a flag without meaning warns once', () => {
    const flags = parseServeFlags(['--web.console.templates=/a', '--web.console.templates=/b']);
    expect(flags.warnings()).toEqual([
      '--web.console.templates has no effect in tocsin (about console pages)',
    ]);
    expect(parseServeFlags([]).warnings()).toEqual([]);
  });

  test('features: known ones work or are refused, unknown ones warn', () => {
    const flags = parseServeFlags([
      '--enable-feature=extra-scrape-metrics,promql-at-modifier',
      '--enable-feature=nope',
    ]);
    const { enabled, warnings } = readFeatures(flags);
    expect([...enabled]).toEqual(['extra-scrape-metrics']);
    expect(warnings).toHaveLength(2);
    expect(readFeatures(parseServeFlags(['--enable-feature=native-histograms'])).warnings).toEqual([
      '--enable-feature=native-histograms has no effect in tocsin: set scrape_native_histograms in the configuration to scrape native histograms',
    ]);
    expect(() => readFeatures(parseServeFlags(['--enable-feature=agent']))).toThrow(/not in this version/);
  });

  test('the help lists what works and hides what does not', () => {
    const help = describeFlags(SERVE_FLAGS);
    expect(help).toContain('--config.file');
    expect(help).not.toContain('--agent');
    expect(help).not.toContain('samples-per-chunk');
  });

  test('names are unique and defaults pass their own checks', () => {
    expect(new Set(SERVE_FLAGS.map(({ name }) => name)).size).toBe(SERVE_FLAGS.length);
    const given = SERVE_FLAGS.filter(
      ({ standing, byDefault }) => standing !== 'notInVersion' && byDefault !== '',
    ).flatMap(({ name, kind, byDefault }) =>
      // Each value of a list is given for itself.
      (kind === 'list' ? byDefault.split(',') : [byDefault]).map((value) => `--${name}=${value}`),
    );
    expect(() => parseServeFlags(given)).not.toThrow();
  });

  test('anything else is an error of its own kind', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string(), fc.constantFrom('--', '--x', '--config.file', '=', '--no-'))),
        (args) => {
          try {
            parseFlags(SERVE_FLAGS, args);
          } catch (error) {
            expect(error).toBeInstanceOf(TocsinError);
          }
        },
      ),
    );
  });
});
