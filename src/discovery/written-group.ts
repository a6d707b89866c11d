import { z } from 'zod';
import { Labels } from '../core/labels.ts';
import { labelNameSchema, textSchema } from '../core/schema.ts';

/** A target group as written in a config or a file: addresses and shared labels. */
export interface WrittenGroup {
  readonly targets: readonly string[];
  readonly labels: Labels;
}

/** One entry of `static_configs`, of a file, of an HTTP answer. */
export const writtenGroupSchema: z.ZodType<WrittenGroup> = z
  .strictObject({
    targets: z.array(textSchema).default([]),
    labels: z.record(labelNameSchema, textSchema).default({}),
  })
  .transform(({ targets, labels }) => ({ targets, labels: Labels.fromObject(labels) }));

/** The content of a file of `file_sd_configs`; null when it is empty. */
export const groupsFileSchema: z.ZodType<readonly WrittenGroup[] | null> = z
  .array(writtenGroupSchema)
  .nullable();
