import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** How V8 lets the room grow by default. */
const USUAL_GROWTH = 2;
/** Room that threads have from their beginning, in MiB for each of its halves, within what their own limit allows. */
const THREAD_HALF_MIB = 16;
/** Room at which that of the main thread stays, both halves together. */
const MAIN_BYTES = 8 * 2 ** 20;
/**
 * How much garbage may gather among older values, in every thread, in percent of what is in use. V8's default is about as much
 * again as is in use: 20 MiB more of scraping's 290, 70 more of queries, for 7 % less time of the latter.
 */
const OLD_GROWTH_PERCENT = 40;
/** Between looks at how large it has become. */
const LOOK_MS = 100;

/**
 * Keeps the room for values that have just been made as small as it is in the main thread until
 * {@link letYoungGenerationGrow} is called, and gives threads that are started from now on theirs at once. A start makes
 * hundreds of megabytes of such values once, for which V8 would take some 60 MiB and never give them back. V8 looks at
 * these flags whenever it might grow the room or starts a thread, so they may change at any time.
 */
export function holdYoungGeneration(): void {
  setFlagsFromString(`--heap-growing-percent=${OLD_GROWTH_PERCENT}`);
  setFlagsFromString(`--min-semi-space-size=${THREAD_HALF_MIB}`);
  setFlagsFromString('--semi-space-growth-factor=1');
}

/**
 * Lets the main thread's room grow to what scraping and rules need, and no further: 64 MiB, to which V8 would let it
 * grow, save no time that could be measured. Threads keep what they began with.
 */
export function letYoungGenerationGrow(): void {
  setFlagsFromString(`--semi-space-growth-factor=${USUAL_GROWTH}`);
  const timer = setInterval(() => {
    const room = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space');
    if (room === undefined || room.space_size < MAIN_BYTES) return;
    setFlagsFromString('--semi-space-growth-factor=1');
    clearInterval(timer);
  }, LOOK_MS);
  timer.unref();
}
