import { goQuote } from '../../../core/go-quote.ts';
import { METRIC_NAME, compareText } from '../../../core/labels.ts';
import type { SeriesMetadata } from '../../seam.ts';
import type { OtlpConfig } from './config.ts';
import { labelName } from './label-name.ts';
import type { Attributes, OtlpScope } from './model.ts';
import { unitName } from './unit-name.ts';
import type { TranslationWarnings } from './warnings.ts';

/** Labels by name; empty values are as good as absent. */
export type LabelMap = Map<string, string>;

const SERVICE_NAME = 'service.name';
const SERVICE_NAMESPACE = 'service.namespace';
const SERVICE_INSTANCE = 'service.instance.id';
/** Attributes that become `job` and `instance`. */
export const IDENTIFYING_ATTRIBUTES: readonly string[] = [SERVICE_NAMESPACE, SERVICE_NAME, SERVICE_INSTANCE];

interface ResourceLabels {
  readonly job: string;
  readonly instance: string;
  readonly promoted: LabelMap;
}

/**
 * Makes labels of attributes: those of the present resource and scope, which are worked out once, and those of each point.
 * Throws TranslationError where no label name can be made.
 *
 * @see prometheus storage/remote/otlptranslator/prometheusremotewrite/helper.go createAttributes
 */
export class LabelMaker {
  readonly #config: OtlpConfig;
  readonly #escape: boolean;
  readonly #typeAndUnit: boolean;
  readonly #warnings: TranslationWarnings;
  readonly #names = new Map<string, string>();
  readonly #collisions = new Set<string>();
  #resource: ResourceLabels = { job: '', instance: '', promoted: new Map() };
  #scope: LabelMap | undefined;

  constructor(config: OtlpConfig, escape: boolean, typeAndUnit: boolean, warnings: TranslationWarnings) {
    this.#config = config;
    this.#escape = escape;
    this.#typeAndUnit = typeAndUnit;
    this.#warnings = warnings;
  }

  /** Goes to a resource. */
  useResource(attributes: Attributes): void {
    const { promoteAll, resourceAttributes } = this.#config;
    const name = valueOf(attributes, SERVICE_NAME);
    const namespace = valueOf(attributes, SERVICE_NAMESPACE);
    const job = name === undefined ? '' : namespace === undefined ? name : `${namespace}/${name}`;
    const promoted: LabelMap = new Map();
    for (const [key, value] of attributes) {
      if (resourceAttributes.has(key) !== promoteAll) promoted.set(this.#name(key), value);
    }
    this.#resource = { job, instance: valueOf(attributes, SERVICE_INSTANCE) ?? '', promoted };
    this.#scope = undefined;
  }

  /** Goes to a scope of the resource. */
  useScope({ name, version, schemaUrl, attributes }: OtlpScope): void {
    this.#scope = undefined;
    if (!this.#config.promoteScopeMetadata || name === '') return;
    const labels: LabelMap = new Map();
    for (const [key, value] of attributes) labels.set(this.#name(`otel_scope_${key}`), value);
    labels.set('otel_scope_name', name);
    labels.set('otel_scope_version', version);
    labels.set('otel_scope_schema_url', schemaUrl);
    this.#scope = labels;
  }

  /** Labels of a point, all but its name. */
  pointLabels(attributes: Attributes, metadata: SeriesMetadata): LabelMap {
    const labels = this.#own(attributes, [], 'data point');
    for (const [name, value] of this.#resource.promoted) {
      if ((labels.get(name) ?? '') === '') labels.set(name, value);
    }
    this.#identify(labels);
    if (this.#scope !== undefined) for (const [name, value] of this.#scope) labels.set(name, value);
    if (this.#typeAndUnit) {
      if (metadata.type !== 'unknown') labels.set('__type__', metadata.type);
      if (metadata.unit !== '') labels.set('__unit__', unitName(metadata.unit, this.#escape));
    }
    return labels;
  }

  /** Labels of the resource's `target_info`, all but its name; undefined when nothing identifies the resource. */
  targetLabels(attributes: Attributes): LabelMap | undefined {
    const isKept = this.#config.keepIdentifyingAttributes;
    const labels = this.#own(attributes, isKept ? [] : IDENTIFYING_ATTRIBUTES, 'resource');
    this.#identify(labels);
    return (labels.get('job') ?? '') === '' && (labels.get('instance') ?? '') === '' ? undefined : labels;
  }

  #identify(labels: LabelMap): void {
    const { job, instance } = this.#resource;
    if (job !== '') labels.set('job', job);
    if (instance !== '') labels.set('instance', instance);
  }

  /** Labels of attributes by rising keys; values of those that come to one name are joined. */
  #own(attributes: Attributes, left: readonly string[], source: string): LabelMap {
    const sorted = attributes
      .filter(([key]) => key !== METRIC_NAME && !left.includes(key))
      .sort(([a], [b]) => compareText(a, b));
    const labels: LabelMap = new Map();
    for (const [key, value] of sorted) {
      if (!this.#escape) {
        labels.set(key, value);
        continue;
      }
      const name = this.#name(key);
      const existing = labels.get(name) ?? '';
      if (existing === '') labels.set(name, value);
      else {
        this.#warnOfCollision(sorted, name, source);
        labels.set(name, `${existing};${value}`);
      }
    }
    return labels;
  }

  #warnOfCollision(attributes: Attributes, name: string, source: string): void {
    if (this.#collisions.has(name)) return;
    this.#collisions.add(name);
    const keys = attributes.flatMap(([key]) => (this.#name(key) === name ? [goQuote(key)] : []));
    const text = `OTLP ${source} attributes ${keys.join(', ')} collide as label ${goQuote(name)} after name sanitization, values are concatenated with ';'`;
    this.#warnings.add('label_name_collision', text);
  }

  #name(attribute: string): string {
    let name = this.#names.get(attribute);
    if (name === undefined) {
      name = labelName(attribute, { ...this.#config, escape: this.#escape });
      this.#names.set(attribute, name);
    }
    return name;
  }
}

function valueOf(attributes: Attributes, key: string): string | undefined {
  return attributes.find(([name]) => name === key)?.[1];
}
