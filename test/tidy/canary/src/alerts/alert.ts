export type { Z as X } from '../notify/index.ts';
