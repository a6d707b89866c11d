import type { Clock } from '../../src/core/clock.ts';
import { TocsinError } from '../../src/core/errors.ts';
import type { HttpRequest } from '../../src/core/ports.ts';
import { type FakeAnswer, FakeNetwork } from '../../src/core/testing/fake-network.ts';
import { type Plan, isWithin } from './plan.ts';

/** An alert as the webhook tells it. */
export interface ToldAlert {
  readonly status: 'firing' | 'resolved';
  readonly labels: Readonly<Record<string, string>>;
  readonly startsAt: string;
  /** `startsAt` since the start of the run. */
  readonly startedMs: number;
  readonly endsAt: string;
  readonly fingerprint: string;
}

/** One notification that arrived. */
export interface Arrival {
  readonly atMs: number;
  readonly groupKey: string;
  readonly reason: string;
  readonly alerts: readonly ToldAlert[];
  /** The receiver took it and then broke the connection: the sender cannot know. */
  readonly ambiguous: boolean;
}

const SERIES_PER_TARGET = 40;

/** Never settles by itself: the caller's signal ends the request. */
const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

/** Targets and a receiver that follow a plan, on a network in memory. */
export class World {
  readonly network: FakeNetwork = new FakeNetwork();
  readonly arrivals: Arrival[] = [];
  scrapes = 0;
  readonly #clock: Clock;
  readonly #plan: Plan;
  readonly #startMs: number;

  constructor(clock: Clock, plan: Plan) {
    this.#clock = clock;
    this.#plan = plan;
    this.#startMs = clock.nowMs();
    for (let i = 0; i < plan.targets; i++) this.network.serve(targetName(i), () => this.#scrape(i));
    this.network.serve('receiver', (request) => this.#receive(request));
  }

  get #sinceStartMs(): number {
    return this.#clock.nowMs() - this.#startMs;
  }

  #scrape(target: number): Promise<FakeAnswer> | FakeAnswer {
    this.scrapes++;
    const atMs = this.#sinceStartMs;
    const outage = this.#plan.outages.find((span) => span.target === target && isWithin([span], atMs));
    if (outage?.kind === 'refuse') throw new TocsinError('TOCSIN_ERR_HTTP', 'connection refused');
    if (outage?.kind === 'hang') return never();
    const headers = { 'content-type': 'text/plain; version=0.0.4' };
    if (outage?.kind === 'garbage') return { status: 200, headers, body: '<html>not metrics</html>\n' };
    const bad = isWithin(
      this.#plan.incidents.filter((incident) => incident.target === target),
      atMs,
    );
    const lines = [`error_ratio ${bad ? 0.5 + (target % 10) / 100 : 0.01}`];
    for (let i = 1; i < SERIES_PER_TARGET; i++)
      lines.push(`work_total{kind="k${i}"} ${Math.floor((atMs / 1000) * i)}`);
    return { status: 200, headers, body: `${lines.join('\n')}\n` };
  }

  #receive(request: HttpRequest): Promise<FakeAnswer> | FakeAnswer {
    const atMs = this.#sinceStartMs;
    const fault = this.#plan.receiverFaults.find((span) => isWithin([span], atMs))?.kind;
    switch (fault) {
      case 'refuse':
        throw new TocsinError('TOCSIN_ERR_HTTP', 'connection refused');
      case 'status500':
        return { status: 500, body: 'broken' };
      case 'status429':
        return { status: 429, headers: { 'retry-after': '60' }, body: 'slow down' };
      case 'hang':
        return never();
      case 'takeAndBreak':
        this.#take(request, atMs, true);
        throw new TocsinError('TOCSIN_ERR_HTTP', 'connection reset by peer');
      case undefined:
        this.#take(request, atMs, false);
        return { status: 200, body: 'ok' };
    }
  }

  #take(request: HttpRequest, atMs: number, ambiguous: boolean): void {
    const text = typeof request.body === 'string' ? request.body : new TextDecoder().decode(request.body);
    const body = JSON.parse(text) as {
      groupKey: string;
      notification_reason?: string;
      alerts: Omit<ToldAlert, 'startedMs'>[];
    };
    this.arrivals.push({
      atMs,
      groupKey: body.groupKey,
      reason: body.notification_reason ?? '',
      alerts: body.alerts.map((alert) => ({
        ...alert,
        startedMs: Date.parse(alert.startsAt) - this.#startMs,
      })),
      ambiguous,
    });
  }
}

/** Host and port of a simulated target. */
export function targetName(index: number): string {
  return `target-${index}:9100`;
}
