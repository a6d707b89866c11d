import { z } from 'zod';

/** How names are made of OpenTelemetry's. */
const STRATEGIES = [
  'UnderscoreEscapingWithSuffixes',
  'UnderscoreEscapingWithoutSuffixes',
  'NoUTF8EscapingWithSuffixes',
  'NoTranslation',
] as const;

/** `otlp:` of Prometheus. */
export interface OtlpConfig {
  readonly translationStrategy: (typeof STRATEGIES)[number];
  /** Resource attributes that become labels of each series: these, or with `promoteAll` all but these. */
  readonly promoteAll: boolean;
  readonly resourceAttributes: ReadonlySet<string>;
  /** `service.name` and its like are kept in `target_info` beside `job` and `instance`. */
  readonly keepIdentifyingAttributes: boolean;
  /** Histograms with explicit bounds become native ones with custom buckets. */
  readonly convertHistogramsToNhcb: boolean;
  /** Name, version and attributes of the instrumentation library become labels. */
  readonly promoteScopeMetadata: boolean;
  readonly underscoreSanitization: boolean;
  readonly preserveMultipleUnderscores: boolean;
}

const attributesSchema = z.array(z.string()).default([]);

const fieldsSchema = z
  .strictObject({
    promote_all_resource_attributes: z.boolean().default(false),
    promote_resource_attributes: attributesSchema,
    ignore_resource_attributes: attributesSchema,
    translation_strategy: z.enum(STRATEGIES).default('UnderscoreEscapingWithSuffixes'),
    keep_identifying_resource_attributes: z.boolean().default(false),
    convert_histograms_to_nhcb: z.boolean().default(false),
    promote_scope_metadata: z.boolean().default(false),
    label_name_underscore_sanitization: z.boolean().default(true),
    label_name_preserve_multiple_underscores: z.boolean().default(true),
  })
  .superRefine((fields, context) => {
    const { promote_resource_attributes: promoted, ignore_resource_attributes: ignored } = fields;
    const refuse = (key: string, message: string): void => {
      context.addIssue({ code: 'custom', path: [key], message });
    };
    if (fields.promote_all_resource_attributes && promoted.length > 0) {
      refuse(
        'promote_resource_attributes',
        "'promote_all_resource_attributes' and 'promote_resource_attributes' cannot be configured simultaneously",
      );
    }
    if (!fields.promote_all_resource_attributes && ignored.length > 0) {
      refuse(
        'ignore_resource_attributes',
        "'ignore_resource_attributes' cannot be configured unless 'promote_all_resource_attributes' is true",
      );
    }
    for (const [key, adjective, attributes] of [
      ['promote_resource_attributes', 'promoted', promoted],
      ['ignore_resource_attributes', 'ignored', ignored],
    ] as const) {
      const seen = new Set<string>();
      for (const attribute of attributes.map((one) => one.trim())) {
        if (attribute === '') refuse(key, `empty ${adjective} OTel resource attribute`);
        else if (seen.has(attribute)) {
          refuse(key, `duplicated ${adjective} OTel resource attribute ${JSON.stringify(attribute)}`);
        }
        seen.add(attribute);
      }
    }
  });

/**
 * `otlp:` of Prometheus.
 *
 * @see prometheus config/config.go OTLPConfig
 */
export const otlpSchema: z.ZodType<OtlpConfig, z.input<typeof fieldsSchema>> = fieldsSchema.transform(
  (fields) => ({
    translationStrategy: fields.translation_strategy,
    promoteAll: fields.promote_all_resource_attributes,
    resourceAttributes: new Set(
      (fields.promote_all_resource_attributes
        ? fields.ignore_resource_attributes
        : fields.promote_resource_attributes
      ).map((attribute) => attribute.trim()),
    ),
    keepIdentifyingAttributes: fields.keep_identifying_resource_attributes,
    convertHistogramsToNhcb: fields.convert_histograms_to_nhcb,
    promoteScopeMetadata: fields.promote_scope_metadata,
    underscoreSanitization: fields.label_name_underscore_sanitization,
    preserveMultipleUnderscores: fields.label_name_preserve_multiple_underscores,
  }),
);
