import { z } from 'zod';

/**
 * Building blocks for schemas of answers of services that are written in Go: absent and null read as the zero value,
 * and fields that a schema does not name are dropped.
 */

/** Text, '' when there is none. */
export const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '');

/** A number, 0 when there is none. */
export const number = z
  .number()
  .nullish()
  .transform((value) => value ?? 0);

/** true or false, false when there is none. */
export const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false);

/** Texts by name, none when there are none. */
export const texts = z
  .record(z.string(), z.string())
  .nullish()
  .transform((value) => value ?? {});

/** A list, empty when there is none. */
export function listOf<T extends z.ZodType>(item: T): z.ZodType<z.output<T>[]> {
  return z
    .array(item)
    .nullish()
    .transform((value) => value ?? []);
}

/** An object that a missing one reads as, too. */
export function part<T extends z.ZodRawShape>(shape: T): z.ZodType<z.output<z.ZodObject<T>>> {
  const schema = z.object(shape);
  return z.preprocess((value) => value ?? {}, schema);
}
