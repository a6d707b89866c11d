/** Where the two halves of a float's bits lie when its memory is seen as words. */

const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
/** Index of the lower word. */
export const LOW: number = LITTLE_ENDIAN ? 0 : 1;
/** Index of the upper word, with sign and exponent. */
export const HIGH: number = LITTLE_ENDIAN ? 1 : 0;
