import type { Random } from '../core/ports.ts';
import { Registry } from '../core/metrics.ts';
import { type IncidentKind, type Scenario, incidentStrength } from './scenario.ts';

/** What every simulated server is made of. */
export interface ModelServerOptions {
  readonly model: string;
  /** `name-0`, `name-1`: which of the model's servers this is. */
  readonly replica: string;
  readonly random: Random;
  readonly scenario: Scenario;
  /** When the scenario began. */
  readonly startMs: number;
}

/** Longest stretch that is simulated in one go: after a pause the missed traffic is not made up for. */
const MAX_CATCH_UP_MS = 60_000;
const STEP_MS = 1000;

/**
 * A model server that has traffic but no model: whenever it is looked at, it lives through the time since the last look
 * in steps of a second. The same clock and seed give the same metrics.
 */
export abstract class ModelServer {
  readonly model: string;
  readonly replica: string;
  readonly registry: Registry = new Registry();
  protected readonly random: Random;
  readonly #scenario: Scenario;
  readonly #startMs: number;
  #livedMs: number;

  constructor(options: ModelServerOptions) {
    this.model = options.model;
    this.replica = options.replica;
    this.random = options.random;
    this.#scenario = options.scenario;
    this.#startMs = options.startMs;
    this.#livedMs = options.startMs;
  }

  /** Lives through the time up to `nowMs`. */
  advanceTo(nowMs: number): void {
    this.#livedMs = Math.max(this.#livedMs, nowMs - MAX_CATCH_UP_MS);
    while (this.#livedMs + STEP_MS <= nowMs) {
      this.#livedMs += STEP_MS;
      this.liveOneSecond((kind) => this.#strength(kind, this.#livedMs));
    }
  }

  /** Whether the scenario has the server down at a time. */
  isDown(nowMs: number): boolean {
    return this.#strength('down', nowMs) > 0;
  }

  /** The body of `/metrics` at a time. */
  render(nowMs: number): Promise<string> {
    this.advanceTo(nowMs);
    return this.registry.metrics();
  }

  /** One second of traffic; `strength` tells how bad an incident is just now. */
  protected abstract liveOneSecond(strength: (kind: IncidentKind) => number): void;

  #strength(kind: IncidentKind, nowMs: number): number {
    return incidentStrength(this.#scenario, this.model, kind, nowMs - this.#startMs);
  }
}
