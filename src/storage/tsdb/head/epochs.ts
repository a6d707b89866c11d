import { assert } from '../../../core/errors.ts';
import { Control, READER_SLOTS } from './head-slabs.ts';
import type { HeadSlabs } from './head-slabs.ts';

/** After how many retirements a look is taken at what may be freed, besides maintenance. */
const COLLECT_EVERY = 16;

/**
 * Keeps memory that was taken out of use from being used again while somebody may still read it. A reader pins the
 * epoch at which it began; a piece is retired under the present epoch, after which the epoch counts up; it is free when
 * every pin is younger than it.
 */
export class Epochs {
  readonly #control: Uint32Array;
  readonly #localPins = new Map<number, number>();
  readonly #retired: { epoch: number; free: () => void }[] = [];
  readonly #slotsTaken = new Set<number>();
  #sinceCollect = 0;

  constructor(slabs: HeadSlabs) {
    this.#control = slabs.control;
  }

  /** `count` slots for a reader in another thread, undefined when there are not as many left. */
  takeSlots(count: number): number[] | undefined {
    const slots: number[] = [];
    for (let slot = 0; slot < READER_SLOTS && slots.length < count; slot++) {
      if (!this.#slotsTaken.has(slot)) slots.push(slot);
    }
    if (slots.length < count) return undefined;
    for (const slot of slots) this.#slotsTaken.add(slot);
    return slots;
  }

  /** Gives slots back, with the pins that their reader may have left: it must not read any more. */
  freeSlots(slots: readonly number[]): void {
    for (const slot of slots) {
      assert(this.#slotsTaken.delete(slot), `reader slot ${slot} was not taken`);
      Atomics.store(this.#control, Control.readers + slot, 0);
    }
    this.collect();
  }

  /** Pins the present epoch for a reader in the writer's own thread; the answer ends it and may be called twice. */
  pin(): () => void {
    const epoch = this.#control[Control.epoch]!;
    this.#localPins.set(epoch, (this.#localPins.get(epoch) ?? 0) + 1);
    let open = true;
    return () => {
      if (!open) return;
      open = false;
      const left = this.#localPins.get(epoch)! - 1;
      if (left === 0) this.#localPins.delete(epoch);
      else this.#localPins.set(epoch, left);
    };
  }

  /** Calls `free` when nobody can be reading what it frees any more. Call it after the piece was taken out of use. */
  retire(free: () => void): void {
    const epoch = this.#control[Control.epoch]!;
    this.#retired.push({ epoch, free });
    // 0 means idle in a reader's slot.
    Atomics.store(this.#control, Control.epoch, epoch === 0xffff_ffff ? 1 : epoch + 1);
    if (++this.#sinceCollect >= COLLECT_EVERY) this.collect();
  }

  /** Frees what can be freed. Returns how many pieces still wait. */
  collect(): number {
    this.#sinceCollect = 0;
    const retired = this.#retired;
    if (retired.length === 0) return 0;
    const epoch = this.#control[Control.epoch]!;
    const oldestPinAge = this.#oldestPinAge(epoch);
    let freed = 0;
    // Ages instead of epochs, because the epoch wraps at 32 bits.
    while (freed < retired.length && (epoch - retired[freed]!.epoch) >>> 0 > oldestPinAge) {
      retired[freed++]!.free();
    }
    retired.splice(0, freed);
    return retired.length;
  }

  #oldestPinAge(epoch: number): number {
    let age = -1;
    for (const pinned of this.#localPins.keys()) age = Math.max(age, (epoch - pinned) >>> 0);
    for (let i = 0; i < READER_SLOTS; i++) {
      const pinned = Atomics.load(this.#control, Control.readers + i);
      if (pinned !== 0) age = Math.max(age, (epoch - pinned) >>> 0);
    }
    return age;
  }
}

/**
 * Pins for a reader in another thread, one for each of its slots. More pins than slots share the first one, which keeps
 * the epoch of the oldest of them until all have ended.
 */
export class ReaderPins {
  readonly #control: Uint32Array;
  readonly #slots: readonly number[];
  readonly #open: number[];

  /** `slots` are below {@link READER_SLOTS} and no other reader's; at least one. */
  constructor(slabs: HeadSlabs, slots: readonly number[]) {
    for (const slot of slots) assert(slot >= 0 && slot < READER_SLOTS, `reader slot ${slot} does not exist`);
    assert(slots.length > 0, 'a reader needs a slot to pin');
    this.#control = slabs.control;
    this.#slots = slots;
    this.#open = slots.map(() => 0);
  }

  /** Pins the present epoch; the answer ends it and may be called twice. */
  pin(): () => void {
    const index = Math.max(this.#open.lastIndexOf(0), 0);
    const word = Control.readers + this.#slots[index]!;
    if (this.#open[index]!++ === 0) this.#publish(word);
    let isOpen = true;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      if (--this.#open[index]! === 0) Atomics.store(this.#control, word, 0);
    };
  }

  #publish(word: number): void {
    for (;;) {
      const epoch = Atomics.load(this.#control, Control.epoch);
      Atomics.store(this.#control, word, epoch);
      // The writer may have looked at the slots between the two; then the epoch has moved on.
      if (Atomics.load(this.#control, Control.epoch) === epoch) return;
    }
  }
}
