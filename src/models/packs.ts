/**
 * What is known of one kind of model server: where its metrics are and which of its own labels say what model it serves.
 */
export interface ServerPack {
  /** Name in the configuration: `server: vllm`. */
  readonly name: string;
  readonly metricsPath: string;
  /** The server's label for the model it has loaded; '' when it has none. */
  readonly modelLabel: string;
  /** The server's label for the model's version; '' when it has none. */
  readonly versionLabel: string;
}

/**
 * The kinds of servers that this version knows.
 *
 * @see vLLM docs/design/metrics.md, Triton docs/user_guide/metrics.md; `generic` are the conventions of
 * `tocsin/instrument`
 */
export const SERVER_PACKS = {
  generic: { name: 'generic', metricsPath: '/metrics', modelLabel: 'model', versionLabel: 'model_version' },
  vllm: { name: 'vllm', metricsPath: '/metrics', modelLabel: 'model_name', versionLabel: '' },
  triton: { name: 'triton', metricsPath: '/metrics', modelLabel: 'model', versionLabel: 'version' },
} as const satisfies Readonly<Record<string, ServerPack>>;

/** Name of a pack. */
export type ServerPackName = keyof typeof SERVER_PACKS;
