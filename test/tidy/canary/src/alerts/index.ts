export type { X } from './alert.ts';
