import { z } from 'zod';
import { parseDuration } from './duration.ts';
import { errorText } from './errors.ts';
import { isValidLabelName } from './labels.ts';
import { AnchoredRegexp } from './regexp.ts';
import { Secret } from './secret.ts';

/**
 * Building blocks of the rooms' `config.ts` files. Schemas take what YAML gives and yield what the code works with:
 * durations in milliseconds, sizes in bytes, compiled expressions.
 */

/** `30s`, `1d12h` → milliseconds. */
export const durationSchema: z.ZodType<number, string | number> = z
  .union([z.string(), z.literal(0)])
  .transform((text, context) => {
    const durationMs = parseDuration(String(text));
    if (durationMs === undefined) {
      const shown = JSON.stringify(String(text));
      context.addIssue({ code: 'custom', message: `not a valid duration string: ${shown}` });
      return z.NEVER;
    }
    return durationMs;
  });

/** A duration that must not be zero. */
export const positiveDurationSchema: z.ZodType<number, string | number> = durationSchema.refine(
  (durationMs) => durationMs > 0,
  'must be greater than 0',
);

const SIZE = /^(\d+(?:\.\d+)?)\s*(B|KB|MB|GB|TB|PB|EB|KiB|MiB|GiB|TiB|PiB|EiB)$/;
const SIZE_POWERS = ['B', 'K', 'M', 'G', 'T', 'P', 'E'];

/** `10MB`, `1GiB`, `0` → bytes; powers of 1024 either way, as Prometheus counts. */
export const sizeSchema: z.ZodType<number, string | number> = z
  .union([z.string(), z.literal(0)])
  .transform((text, context) => {
    if (String(text) === '0') return 0;
    const match = SIZE.exec(String(text));
    if (match === null) {
      const shown = JSON.stringify(String(text));
      context.addIssue({ code: 'custom', message: `not a valid size: ${shown} (write 10MB, 1GB …)` });
      return z.NEVER;
    }
    return Math.floor(Number(match[1]) * 1024 ** SIZE_POWERS.indexOf(match[2]![0]!));
  });

/** A label name; any non-empty UTF-8 text. */
export const labelNameSchema: z.ZodType<string, string> = z
  .string()
  .refine(isValidLabelName, { error: (issue) => `${JSON.stringify(issue.input)} is not a valid label name` });

/** An RE2 expression, anchored. */
export const regexpSchema: z.ZodType<AnchoredRegexp, string> = z.string().transform((source, context) => {
  try {
    return new AnchoredRegexp(source);
  } catch (error) {
    context.addIssue({ code: 'custom', message: errorText(error) });
    return z.NEVER;
  }
});

/** A secret text. */
export const secretSchema: z.ZodType<Secret, string> = z.string().transform((value) => new Secret(value));

/**
 * A YAML value that people write as number or text and mean as text (label values such as `1` or `true`).
 * `validateYaml` hands over the source text (`1.0`, `yes`), so nothing is lost on the way.
 */
export const textSchema: z.ZodType<string, string | number | boolean> = z
  .union([z.string(), z.number(), z.boolean()])
  .transform(String);

/**
 * Path of a file (or a pattern for files). `validateYaml` makes relative ones absolute against the folder it is given,
 * so schemas must use this very value (wrapped as they like), not a copy of it.
 */
export const filePathSchema: z.ZodType<string, string> = z.string();
