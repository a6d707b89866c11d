import { z } from 'zod';

/** The console. */
export interface ConsoleConfig {
  readonly colors: boolean;
}

/** Items of `console_configs`. */
export const consoleSchema = z.strictObject({
  send_resolved: z.boolean().default(true),
  colors: z.boolean().default(false),
});

/** The integration; nothing of it comes from `global`. */
export function consoleOf({ colors }: z.output<typeof consoleSchema>): ConsoleConfig {
  return { colors };
}
