import { z } from 'zod';
import { notInVersion } from '../core/validate-yaml.ts';
import { requiredIn } from './config-fields.ts';
import { RECEIVER_KINDS_NOT_IN_VERSION, integrationListsShape } from './receivers/receiver-kinds.ts';

/** Items of `receivers`. What they take from `global` is filled in by `config.ts`. */
export const receiverFieldsSchema = notInVersion(
  z.strictObject({
    name: requiredIn('name', 'receiver'),
    labels: z.record(z.string(), z.string()).default({}),
    ...integrationListsShape,
  }),
  RECEIVER_KINDS_NOT_IN_VERSION,
  'receiver kind',
).superRefine(({ name, labels }, context) => {
  const label = labels['name'];
  if (label === undefined || label === name) return;
  const message = `receiver label "name" must match receiver name ${JSON.stringify(name)}, got ${JSON.stringify(label)}`;
  context.addIssue({ code: 'custom', path: ['labels', 'name'], message });
});
