import { TocsinError } from '../../../core/errors.ts';

/** The error of a chunk whose bytes are not what its encoding says; whoever knows which chunk it is says so. */
export function damagedChunk(what: string): TocsinError {
  return new TocsinError('TOCSIN_ERR_STORAGE', `a chunk of samples is damaged: ${what}`);
}
