import { collectDefaultMetrics } from 'prom-client';
import { Counter, Gauge, type Registry } from '../core/metrics.ts';
import { VERSION } from './version.ts';

/** Metrics of the program as a whole, under Prometheus' and Alertmanager's names where they have one. */
export class AppMetrics {
  readonly #success: Gauge;
  readonly #successTime: Gauge;
  readonly #alertmanagerSuccess: Gauge;
  readonly #alertmanagerTime: Gauge;
  readonly #hash: Gauge;
  readonly #reloads: Counter;

  constructor(registry: Registry, startedAtMs: number) {
    const registers = [registry];
    const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, registers });
    this.#success = gauge(
      'prometheus_config_last_reload_successful',
      'Whether the last configuration reload was successful.',
    );
    this.#successTime = gauge(
      'prometheus_config_last_reload_success_timestamp_seconds',
      'When the configuration was last loaded successfully.',
    );
    this.#alertmanagerSuccess = gauge(
      'alertmanager_config_last_reload_successful',
      'Whether the last configuration reload was successful.',
    );
    this.#alertmanagerTime = gauge(
      'alertmanager_config_last_reload_success_timestamp_seconds',
      'When the configuration was last loaded successfully.',
    );
    this.#hash = gauge('alertmanager_config_hash', 'Hash of the loaded configuration.');
    this.#reloads = new Counter({
      name: 'tocsin_config_reloads_total',
      help: 'Reloads that were asked for, by how they ended.',
      labelNames: ['result'],
      registers,
    });
    for (const result of ['success', 'failure']) this.#reloads.inc({ result }, 0);
    new Gauge({
      name: 'tocsin_build_info',
      help: 'What runs; always 1.',
      labelNames: ['version', 'node_version'],
      registers,
    }).set({ version: VERSION, node_version: process.version }, 1);
    gauge('tocsin_start_time_seconds', 'When this process started, on its own clock.').set(
      startedAtMs / 1000,
    );
  }

  /** Notes how a load or reload ended. */
  reloaded(ok: boolean, nowMs: number, fingerprint: string): void {
    for (const each of [this.#success, this.#alertmanagerSuccess]) each.set(ok ? 1 : 0);
    this.#reloads.inc({ result: ok ? 'success' : 'failure' });
    if (!ok) return;
    for (const each of [this.#successTime, this.#alertmanagerTime]) each.set(nowMs / 1000);
    // The first 48 bits: what a float holds exactly, as Alertmanager does.
    this.#hash.set(Number.parseInt(fingerprint.slice(0, 12), 16));
  }
}

/** Adds the process' own figures (CPU, memory, event loop delay); only for a real process. */
export function collectProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry });
}
