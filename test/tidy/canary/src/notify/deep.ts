import type { X } from '../alerts/alert.ts';

export type Z = X;
