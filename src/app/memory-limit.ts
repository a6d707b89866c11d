import type { Registry } from '../core/metrics.ts';
import { LocalQueryEngine } from '../promql/index.ts';
import { type BuiltInRules, parseRuleFile } from '../rules/index.ts';
import type { TsdbOptions } from '../storage/index.ts';
import type { TocsinOptions } from './options.ts';
import { OwnMetrics } from './own-metrics.ts';
import type { TocsinPorts } from './ports.ts';

/** Part of the memory that the process may have: the rest is for queries, rules and what is resident for a moment only. */
const DEFAULT_SHARE = 0.75;

/** Alerts that no configuration has to ask for. Expressions see the program's own metrics, at the time of the evaluation. */
const BUILT_IN_RULES = `groups:
  - name: tocsin
    rules:
      - alert: TocsinMemoryGuardActive
        expr: tocsin_storage_memory_guard_active == 1
        keep_firing_for: 5m
        labels:
          severity: critical
        annotations:
          summary: tocsin refuses new series for lack of memory
          description: >-
            Memory in use is at --storage.memory-limit{{ with query "tocsin_storage_memory_limit_bytes" }}
            ({{ . | first | value | humanize1024 }}B){{ end }}: series that are there go on, new ones are left out
            {{ with query "tocsin_storage_refused_series_total" }}({{ . | first | value }} times so far){{ end }}.
            Find where they come from with /api/v1/status/tsdb, drop them by metric_relabel_configs, or give tocsin more memory.
`;

/** From when on new series are refused; undefined is never. */
export function memoryLimit(
  { memoryLimitBytes }: Pick<TocsinOptions, 'memoryLimitBytes'>,
  { memory }: Pick<TocsinPorts, 'memory'>,
): TsdbOptions['memoryLimit'] {
  const bytes = memoryLimitBytes ?? Math.floor((memory?.availableBytes ?? 0) * DEFAULT_SHARE);
  return bytes === 0 ? undefined : { bytes, residentBytes: memory && (() => memory.residentBytes()) };
}

/** Rules about the program itself; undefined when it has no limit that they could tell of. */
export function builtInRules(
  options: TocsinOptions,
  ports: TocsinPorts,
  registry: Registry,
): BuiltInRules | undefined {
  if (memoryLimit(options, ports) === undefined) return undefined;
  const reads = new OwnMetrics(registry);
  const { clock, logger } = ports;
  const engine = new LocalQueryEngine({
    storage: reads,
    clock,
    logger: logger.child({ component: 'rules' }),
    maxSamples: options.query.maxSamples,
  });
  return { groups: parseRuleFile(BUILT_IN_RULES, 'built-in'), engine, reads };
}
