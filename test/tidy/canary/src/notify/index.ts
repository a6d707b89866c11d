export type { Z } from './deep.ts';
