import type { Tocsin } from '../../src/app/tocsin.ts';
import { SeededRandom } from '../../src/core/seeded-random.ts';
import { DISK_SPELLS, DiskFaults, SPELLS_AT_START } from './disk-faults.ts';
import { TICK_MS, appendOwn, readOwn } from './own-samples.ts';
import type { SampleKey } from './own-samples.ts';
import { makePlan } from './plan.ts';
import { Machine, OPTIONS } from './simulation.ts';
import { World, targetName } from './world.ts';

const MINUTE_MS = 60_000;

/** How a run of the program ends. */
const ENDS = ['kill', 'powerCut', 'stop'] as const;

/** What the log says when something that it held is not in answers. */
const SAYS_LOSS = /damaged|could not be read|cut off|are missing|left out|not understood|is lost/;

/** What happened, and what should not have. */
export interface StorageSimulation {
  /** Samples that were taken, and are in answers after a start or were said to be lost. */
  checked: number;
  /** Samples missing after a start that says nothing, or with other bits. */
  readonly faults: string[];
  readonly ends: Record<(typeof ENDS)[number], number>;
  starts: number;
  /** Failed operations of the disk by spell. */
  spells: ReadonlyMap<string, number>;
  flips: number;
  /** Samples that were dropped, and said. */
  said: number;
  blocks: number;
  checkpoints: number;
  readonly log: readonly string[];
}

/** Something that is to be noticed: called while the program is down. */
export type Tamper = (machine: Machine, life: number) => void;

/**
 * Runs a whole tocsin over a disk that fails by a seed: full, read-only, failing reads, writes and syncs, flipped bits, kills and power
 * cuts. After each start everything must be there that was acknowledged (after a power cut: and synced), or said to be lost.
 */
export async function simulateStorage(
  seed: number,
  durationMs: number,
  tamper?: Tamper,
): Promise<StorageSimulation> {
  const run = new StorageRun(seed, tamper);
  await run.go(durationMs);
  return run.result;
}

class StorageRun {
  readonly #random: SeededRandom;
  readonly #machine: Machine;
  readonly #faults: DiskFaults;
  readonly #tamper: Tamper | undefined;
  /** Acknowledged, and must be there after a kill. */
  readonly #taken = new Set<SampleKey>();
  /** Synced, and must be there after a power cut. */
  readonly #safe = new Set<SampleKey>();
  readonly result: StorageSimulation;

  constructor(seed: number, tamper: Tamper | undefined) {
    this.#tamper = tamper;
    this.#random = new SeededRandom(seed);
    const plan = makePlan(this.#random.fork(), 60 * MINUTE_MS, 2);
    this.#machine = new Machine(
      this.#random.fork(),
      (clock) => new World(clock, { ...plan, outages: [], incidents: [], receiverFaults: [] }),
      { ...OPTIONS, minBlockMs: 10 * MINUTE_MS, maxBlockMs: 90 * MINUTE_MS, walSegmentBytes: 32 * 1024 },
    );
    const { files, log } = this.#machine;
    files.put('/etc/tocsin.yml', JSON.stringify(CONFIG));
    this.#faults = new DiskFaults(files, this.#random.fork(), '/data');
    this.result = {
      checked: 0,
      faults: [],
      ends: { kill: 0, powerCut: 0, stop: 0 },
      starts: 0,
      spells: this.#faults.counts,
      flips: 0,
      said: 0,
      blocks: 0,
      checkpoints: 0,
      log,
    };
  }

  async go(durationMs: number): Promise<void> {
    const { clock } = this.#machine;
    const endMs = clock.nowMs() + durationMs;
    for (let life = 0; clock.nowMs() < endMs; life++) {
      const tocsin = await this.#start(life > 0);
      if (tocsin === undefined) return;
      await this.#check(tocsin);
      await this.#live(tocsin, (5 + this.#random.next() * 50) * MINUTE_MS);
      await this.#end(tocsin);
      this.#tamper?.(this.#machine, life);
      await clock.advanceBy(5000);
    }
    this.#faults.end();
    const last = await this.#start(false);
    if (last !== undefined) {
      await this.#check(last);
      await this.#drive(last.stop());
    }
  }

  /** Undefined when it did not start, which is a fault. A disk may be bad then, though not when there is nothing on it yet. */
  async #start(isDiskBad: boolean): Promise<Tocsin | undefined> {
    this.#loggedBefore = this.#machine.log.length;
    if (isDiskBad && this.#random.next() < 0.4) this.#faults.begin(this.#oneOf(SPELLS_AT_START));
    this.result.starts++;
    try {
      return await this.#drive(this.#machine.boot());
    } catch (error) {
      this.result.faults.push(`start ${this.result.starts} failed: ${String(error)}`);
      return undefined;
    } finally {
      this.#faults.end();
    }
  }

  #loggedBefore = 0;

  async #check(tocsin: Tocsin): Promise<void> {
    const { found, wrong } = await this.#drive(readOwn(tocsin.rooms!.storage));
    const { faults } = this.result;
    for (const key of wrong) faults.push(`start ${this.result.starts}: ${key} has another value`);
    const missing = [...this.#taken].filter((key) => !found.has(key));
    this.result.checked += this.#taken.size - missing.length;
    if (missing.length === 0) return;
    const said = this.#machine.log.slice(this.#loggedBefore).filter((line) => SAYS_LOSS.test(line));
    if (said.length === 0) {
      faults.push(
        `start ${this.result.starts}: ${missing.length} samples are missing, as ${missing[0]}, and nothing was said`,
      );
    }
    this.result.said += missing.length;
    for (const key of missing) {
      this.#taken.delete(key);
      this.#safe.delete(key);
    }
  }

  async #live(tocsin: Tocsin, durationMs: number): Promise<void> {
    const { clock } = this.#machine;
    const { storage } = tocsin.rooms!;
    const endMs = clock.nowMs() + durationMs;
    let calmAtMs = 0;
    for (let tick = 0; clock.nowMs() < endMs; tick++) {
      await clock.advanceTo(Math.ceil((clock.nowMs() + 1) / TICK_MS) * TICK_MS);
      if (clock.nowMs() >= calmAtMs) {
        this.#faults.end();
        if (this.#random.next() < 0.05) {
          this.#faults.begin(this.#oneOf(DISK_SPELLS));
          calmAtMs = clock.nowMs() + this.#random.next() * 5 * MINUTE_MS;
        }
      }
      const appender = storage.appender(clock.nowMs());
      const keys = appendOwn(appender, clock.nowMs());
      const isTaken = await this.#drive(
        appender.commit().then(
          () => true,
          () => false,
        ),
      );
      if (isTaken) for (const key of keys) this.#taken.add(key);
      const before = [...this.#taken];
      if (tick % 4 === 0 && (await this.#drive(storage.syncLogs())))
        for (const key of before) this.#safe.add(key);
    }
    this.result.blocks = Math.max(this.result.blocks, storage.blocks.length);
    const { files } = this.#machine;
    if (files.paths().some((path) => path.startsWith('/data/wal/checkpoint.'))) this.result.checkpoints++;
  }

  async #end(tocsin: Tocsin): Promise<void> {
    const how = this.#oneOf(ENDS);
    this.result.ends[how]++;
    if (how === 'stop') {
      // What cannot be written at the end was rejected or is said; the program ends all the same.
      await this.#drive(tocsin.stop()).catch(() => undefined);
      this.#machine.kill();
    } else this.#machine.kill();
    this.#faults.end();
    if (how === 'powerCut') {
      this.#machine.files.losePower(() => this.#random.next() < 0.5);
      for (const key of this.#taken) if (!this.#safe.has(key)) this.#taken.delete(key);
    }
    if (this.#random.next() < 0.25 && this.#faults.flipBits(isOfLog) !== undefined) this.result.flips++;
  }

  async #drive<T>(work: Promise<T>): Promise<T> {
    const { clock } = this.#machine;
    let isOver = false;
    const end = (): void => {
      isOver = true;
    };
    work.then(end, end);
    await clock.settle();
    while (!isOver) await clock.advanceBy(100);
    return work;
  }

  #oneOf<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random.next() * list.length)]!;
  }
}

function isOfLog(path: string): boolean {
  return /^\/data\/(wal|wbl|early)\/(checkpoint\.\d+\/)?\d+$/.test(path);
}

const CONFIG = {
  global: { scrape_interval: '30s', evaluation_interval: '30s' },
  storage: { tsdb: { out_of_order_time_window: '10m' } },
  scrape_configs: [{ job_name: 'sim', static_configs: [{ targets: [targetName(0), targetName(1)] }] }],
};
