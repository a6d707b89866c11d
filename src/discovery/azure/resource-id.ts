import { TocsinError } from '../../core/errors.ts';

/** What discovery needs of the ID of a resource. */
export interface ResourceId {
  readonly resourceGroup: string;
  /** The last part. */
  readonly name: string;
}

/**
 * Takes an ID apart (`/subscriptions/…/resourceGroups/…/providers/…/type/name`; names of parts may be written large or
 * small). Throws a TocsinError when it is none.
 */
export function parseResourceId(id: string): ResourceId {
  const parts = id.split('/');
  const isId = parts.length >= 3 && parts.length % 2 === 1 && parts[0] === '' && !parts.slice(1).includes('');
  const at = parts.findIndex((part, i) => i % 2 === 1 && part.toLowerCase() === 'resourcegroups');
  if (!isId || at < 0)
    throw new TocsinError('TOCSIN_ERR_PARSE', `invalid ID ${JSON.stringify(id)} of a resource`);
  return { resourceGroup: parts[at + 1]!, name: parts.at(-1)! };
}
