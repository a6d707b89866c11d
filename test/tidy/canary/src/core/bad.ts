import type { X } from '../alerts/index.ts';

export type Y = X;
