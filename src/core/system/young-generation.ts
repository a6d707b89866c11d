import { setFlagsFromString } from 'node:v8';

/** V8's default. */
const USUAL_GROWTH = 2;

/**
 * Keeps the room for values that have just been made, in all threads, as small as it is until {@link letYoungGenerationGrow}
 * is called. A start makes hundreds of megabytes of such values once, for which V8 would take some 60 MiB and never
 * give them back. V8 looks at this flag whenever it might grow the room, so it may change at any time.
 */
export function holdYoungGeneration(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

/** Lets the room for new values grow with need, as it does by default. */
export function letYoungGenerationGrow(): void {
  setFlagsFromString(`--semi-space-growth-factor=${USUAL_GROWTH}`);
}
