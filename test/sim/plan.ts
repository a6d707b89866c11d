import type { SeededRandom } from '../../src/core/seeded-random.ts';

/** A span of simulated time, in milliseconds since the start. */
export interface Span {
  readonly startMs: number;
  readonly endMs: number;
}

/** How the receiver misbehaves during a span. */
export type ReceiverFault = 'refuse' | 'status500' | 'status429' | 'takeAndBreak' | 'hang';

/** Everything that will go wrong in a simulated run; decided before it starts, from the seed alone. */
export interface Plan {
  readonly durationMs: number;
  readonly targets: number;
  /** A target's own metric is over its threshold. */
  readonly incidents: readonly (Span & { readonly target: number })[];
  /** A target cannot be scraped. */
  readonly outages: readonly (Span & {
    readonly target: number;
    readonly kind: 'refuse' | 'hang' | 'garbage';
  })[];
  readonly receiverFaults: readonly (Span & { readonly kind: ReceiverFault })[];
  readonly restarts: readonly {
    readonly atMs: number;
    readonly kind: 'kill' | 'stop';
    readonly downMs: number;
  }[];
  readonly reloads: readonly number[];
}

const MINUTE_MS = 60_000;
const RECEIVER_FAULTS: readonly ReceiverFault[] = [
  'refuse',
  'status500',
  'status429',
  'takeAndBreak',
  'hang',
];
const OUTAGES = ['refuse', 'hang', 'garbage'] as const;

function spans(
  random: SeededRandom,
  count: number,
  durationMs: number,
  minMs: number,
  maxMs: number,
): Span[] {
  return Array.from({ length: count }, () => {
    const startMs = Math.floor(random.next() * (durationMs - maxMs));
    const lengthMs = minMs + Math.floor(random.next() * (maxMs - minMs));
    return { startMs, endMs: startMs + lengthMs };
  }).sort((a, b) => a.startMs - b.startMs);
}

/** Draws a plan. */
export function makePlan(random: SeededRandom, durationMs: number, targets: number): Plan {
  const hours = durationMs / (60 * MINUTE_MS);
  const target = (): number => Math.floor(random.next() * targets);
  return {
    durationMs,
    targets,
    incidents: spans(random, Math.ceil(hours * 5), durationMs, MINUTE_MS, 40 * MINUTE_MS).map((span) => ({
      ...span,
      target: target(),
    })),
    outages: spans(random, Math.ceil(hours * 3), durationMs, MINUTE_MS, 30 * MINUTE_MS).map((span) => ({
      ...span,
      target: target(),
      kind: OUTAGES[Math.floor(random.next() * OUTAGES.length)]!,
    })),
    receiverFaults: spans(random, Math.ceil(hours), durationMs, MINUTE_MS, 30 * MINUTE_MS).map((span) => ({
      ...span,
      kind: RECEIVER_FAULTS[Math.floor(random.next() * RECEIVER_FAULTS.length)]!,
    })),
    restarts: spans(random, Math.ceil(hours / 4), durationMs, MINUTE_MS, 2 * MINUTE_MS).map((span) => ({
      atMs: span.startMs,
      kind: random.next() < 0.7 ? ('kill' as const) : ('stop' as const),
      downMs: 5000 + Math.floor(random.next() * 85_000),
    })),
    reloads: spans(random, Math.ceil(hours / 3), durationMs, 1, 2).map((span) => span.startMs),
  };
}

/** Whether a moment lies in one of the spans. */
export function isWithin(list: readonly Span[], atMs: number): boolean {
  return list.some(({ startMs, endMs }) => atMs >= startMs && atMs < endMs);
}

/** Spans that overlap, joined. */
export function joinSpans(list: readonly Span[]): Span[] {
  const joined: { startMs: number; endMs: number }[] = [];
  for (const { startMs, endMs } of [...list].sort((a, b) => a.startMs - b.startMs)) {
    const last = joined.at(-1);
    if (last !== undefined && startMs <= last.endMs) last.endMs = Math.max(last.endMs, endMs);
    else joined.push({ startMs, endMs });
  }
  return joined;
}
