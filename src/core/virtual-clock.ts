import { assert } from './errors.ts';
import type { Clock, Timer } from './clock.ts';

class VirtualTimer implements Timer {
  cancelled = false;
  readonly atMs: number;
  readonly order: number;
  readonly fn: () => void;

  constructor(atMs: number, order: number, fn: () => void) {
    this.atMs = atMs;
    this.order = order;
    this.fn = fn;
  }

  cancel(): void {
    this.cancelled = true;
  }
}

/** True when `a` is due before `b`: by time, then by the order in which they were set. */
function isBefore(a: VirtualTimer, b: VirtualTimer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/**
 * A clock that stands still until it is told to advance; the whole program runs on it in simulations, backtests and
 * tests. Timers fire one by one in order of (time, insertion), and after each the event loop is turned until every
 * promise chain it started has come to rest and every tracked piece of outside work has ended. So the same program
 * with the same seed does the same things in the same order.
 *
 * Cost: one turn of the loop a timer (about 2 µs), O(log n) heap operations.
 */
export class VirtualClock implements Clock {
  #nowMs: number;
  readonly #startMs: number;
  #nextOrder = 0;
  #pendingWork = 0;
  #generation = 0;
  #wake: (() => void) | undefined;
  #advancing = false;
  readonly #heap: VirtualTimer[] = [];

  constructor(startMs: number) {
    this.#nowMs = startMs;
    this.#startMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs - this.#startMs;
  }

  setTimer(atMs: number, fn: () => void): Timer {
    assert(!Number.isNaN(atMs), 'a timer must have a time');
    const timer = new VirtualTimer(Math.max(atMs, this.#nowMs), this.#nextOrder++, fn);
    this.#push(timer);
    return timer;
  }

  sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      const onAbort = (): void => {
        timer.cancel();
        reject(signal?.reason as Error);
      };
      const timer = this.setTimer(this.#nowMs + durationMs, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  yieldTurn(): Promise<void> {
    return Promise.resolve();
  }

  track<T>(work: Promise<T>): Promise<T> {
    this.#pendingWork++;
    const generation = this.#generation;
    const finish = (): void => {
      if (generation !== this.#generation) return;
      this.#pendingWork--;
      if (this.#pendingWork === 0) this.#wake?.();
    };
    work.then(finish, finish);
    return work;
  }

  /** Time of the earliest timer that is still to fire, or undefined when there is none. */
  nextTimerMs(): number | undefined {
    while (this.#heap[0]?.cancelled === true) this.#pop();
    return this.#heap[0]?.atMs;
  }

  /** Fires everything due up to and including `toMs`, then sets the time to `toMs`. */
  async advanceTo(toMs: number): Promise<void> {
    assert(!this.#advancing, 'advanceTo must not be called while the clock is advancing');
    assert(toMs >= this.#nowMs, 'a virtual clock must not go back');
    this.#advancing = true;
    try {
      await this.settle();
      for (;;) {
        const nextMs = this.nextTimerMs();
        if (nextMs === undefined || nextMs > toMs) break;
        const timer = this.#pop();
        this.#nowMs = Math.max(this.#nowMs, timer.atMs);
        timer.fn();
        await this.settle();
      }
      this.#nowMs = toMs;
    } finally {
      this.#advancing = false;
    }
  }

  /** Forgets every timer and all tracked work: what is left of a program that was killed. */
  abandonTimers(): void {
    assert(!this.#advancing, 'timers must not be abandoned while the clock is advancing');
    this.#heap.length = 0;
    this.#pendingWork = 0;
    this.#generation++;
  }

  /** {@link advanceTo} by a span. */
  advanceBy(durationMs: number): Promise<void> {
    return this.advanceTo(this.#nowMs + durationMs);
  }

  /** Waits until nothing runs that could still set a timer at the present time: microtasks and tracked work. */
  async settle(): Promise<void> {
    for (;;) {
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
      if (this.#pendingWork === 0) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }

  #push(timer: VirtualTimer): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(timer);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(timer, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = timer;
  }

  #pop(): VirtualTimer {
    const heap = this.#heap;
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}
