import { randomBytes, randomUUID } from 'node:crypto';
import type { Random } from '../ports.ts';

/** The machine's randomness. */
export class SystemRandom implements Random {
  next(): number {
    return Math.random();
  }

  uuid(): string {
    return randomUUID();
  }

  bytes(length: number): Uint8Array {
    return randomBytes(length);
  }
}
