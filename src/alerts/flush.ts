import type { Labels } from '../core/labels.ts';
import type { Alert } from './alert.ts';

/** The part of a route that a group of alerts lives by, after inheritance. */
export interface RouteOptions {
  readonly receiver: string;
  readonly groupWaitMs: number;
  readonly groupIntervalMs: number;
  readonly repeatIntervalMs: number;
  readonly muteTimeIntervals: readonly string[];
  readonly activeTimeIntervals: readonly string[];
  /** Labels of the route, its parents' included; values are templates, not rendered here. */
  readonly labels: Labels;
}

/** What every stage of the pipeline is told of the flush it works in; `nowMs` is the tick, read once. */
export interface FlushContext {
  readonly nowMs: number;
  /** `{}/{matchers}…:{labels}`, as Alertmanager writes it; unique per group. */
  readonly groupKey: string;
  readonly groupLabels: Labels;
  /** Place of the route in the tree, e.g. `{}/{severity="page"}/0`; with the group key it keys mute markers. */
  readonly routeId: string;
  readonly route: RouteOptions;
  /** Aborted at the flush deadline (the greater of group_interval and 10 s after the tick), at reload and at stop. */
  readonly signal: AbortSignal;
}

/** How a flush ended. After `done` the group forgets the alerts that were resolved in it. */
export type FlushOutcome = { readonly kind: 'done' } | { readonly kind: 'failed'; readonly error: unknown };

/**
 * Sends a group: the door from the groups in `alerts/` to the pipeline in `notify/`. `alerts` is sorted and unresolved
 * alerts in it have no end, so that none can flip on the way.
 */
export type Flush = (context: FlushContext, alerts: readonly Alert[]) => Promise<FlushOutcome>;
