import fc from 'fast-check';

/**
 * Property tests are repeatable in `npm test`: the same seed every time. `npm run test:soak` draws a new one for each run
 * and prints it; a failing one is repeated with TOCSIN_SEED.
 */
const seed = Number(process.env['TOCSIN_SEED'] ?? 20_260_105);

fc.configureGlobal({ seed });
