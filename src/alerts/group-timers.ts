import type { Clock, Timer } from '../core/clock.ts';
import { Heap } from '../core/heap.ts';
import type { Group } from './group.ts';

interface Entry {
  readonly dueMs: number;
  readonly order: number;
  readonly group: Group;
}

/** Longest time that ticks may hold the main thread before others get a turn, in milliseconds. */
const MAX_TURN_MS = 10;

function isBefore(a: Entry, b: Entry): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}

/**
 * The due times of all groups in one heap behind one timer of the clock, so that a hundred thousand groups cost no timer
 * each. Groups that are due together tick in the order in which they were scheduled.
 */
export class GroupTimers {
  readonly #clock: Clock;
  readonly #onTick: (group: Group, nowMs: number) => void;
  readonly #queue = new Heap<Entry>(isBefore);
  #nextOrder = 0;
  #timer: Timer | undefined;
  #armedMs = Infinity;
  #running = false;

  /** `onTick` is called once each time a group is due; it schedules the group anew. */
  constructor(clock: Clock, onTick: (group: Group, nowMs: number) => void) {
    this.#clock = clock;
    this.#onTick = onTick;
  }

  /** Ticks begin; what is due already ticks in the next turn. */
  start(): void {
    this.#running = true;
    this.#arm();
  }

  /** No tick comes after this. */
  stop(): void {
    this.#running = false;
    this.#timer?.cancel();
    this.#queue.clear();
  }

  /** Schedules a group for its `dueMs`, once; an earlier schedule of it with another time is void. */
  schedule(group: Group): void {
    this.#queue.push({ dueMs: group.dueMs, order: this.#nextOrder++, group });
    this.#arm();
  }

  #arm(): void {
    const head = this.#queue.peek();
    if (!this.#running || head === undefined || head.dueMs >= this.#armedMs) return;
    this.#timer?.cancel();
    this.#armedMs = head.dueMs;
    this.#timer = this.#clock.setTimer(head.dueMs, () => {
      this.#fire();
    });
  }

  #fire(): void {
    const nowMs = this.#clock.nowMs();
    const startedMs = this.#clock.monotonicMs();
    for (
      let head = this.#queue.peek();
      head !== undefined && head.dueMs <= nowMs;
      head = this.#queue.peek()
    ) {
      this.#queue.pop();
      const { group, dueMs } = head;
      if (group.phase === 'destroyed' || group.dueMs !== dueMs) continue;
      this.#onTick(group, nowMs);
      if (this.#clock.monotonicMs() - startedMs > MAX_TURN_MS) break;
    }
    this.#armedMs = Infinity;
    this.#arm();
  }
}
