import { TocsinError } from '../../../core/errors.ts';
import { anyText, checkDepth } from './any-value.ts';
import type { AnyValue } from './any-value.ts';
import type {
  Attributes,
  DenseBuckets,
  ExponentialPoint,
  HistogramPoint,
  MetricData,
  NumberPoint,
  OtlpExemplar,
  OtlpMetric,
  OtlpResource,
  OtlpScope,
  SummaryPoint,
} from './model.ts';

const TEMPORALITIES = [
  'AGGREGATION_TEMPORALITY_UNSPECIFIED',
  'AGGREGATION_TEMPORALITY_DELTA',
  'AGGREGATION_TEMPORALITY_CUMULATIVE',
];

/**
 * An `ExportMetricsServiceRequest` as JSON: 64-bit numbers as texts or numbers, names in camelCase or with underscores,
 * unknown ones passed over. Throws TOCSIN_ERR_PARSE for what is none.
 *
 * @see https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 */
export function readOtlpJson(text: string): OtlpResource[] {
  let value: unknown;
  try {
    value = JSON.parse(text, exactNumbers);
  } catch (error) {
    throw new TocsinError('TOCSIN_ERR_PARSE', `not JSON: ${(error as Error).message}`);
  }
  return objects(new JsonObject(value, 'the request'), 'resourceMetrics', resourceOf);
}

/** Whole numbers that floats do not have exactly stay texts. */
function exactNumbers(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source;
  const isInexact = typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value);
  return isInexact && source !== undefined && /^-?\d+$/.test(source) ? source : value;
}

/** An object of a request with readers for its fields; absent fields and null have defaults. */
class JsonObject {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #where: string;

  constructor(value: unknown, where: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw bad(`${where} is not an object`);
    }
    this.#fields = value as Record<string, unknown>;
    this.#where = where;
  }

  /** A field by its name in camelCase or with underscores; undefined when it is absent or null. */
  get(name: string): unknown {
    const value =
      this.#fields[name] ?? this.#fields[name.replaceAll(/[A-Z]/g, (char) => `_${char.toLowerCase()}`)];
    return value ?? undefined;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  text(name: string): string {
    const value = this.get(name) ?? '';
    if (typeof value !== 'string') throw bad(`${this.#where}.${name} is not text`);
    return value;
  }

  bool(name: string): boolean {
    const value = this.get(name) ?? false;
    if (typeof value !== 'boolean') throw bad(`${this.#where}.${name} is neither true nor false`);
    return value;
  }

  /** A whole number. */
  integer(name: string): bigint {
    return integerOf(this.get(name) ?? 0, `${this.#where}.${name}`);
  }

  number(name: string): number {
    return numberOf(this.get(name) ?? 0, `${this.#where}.${name}`);
  }

  /** Nanoseconds in whole milliseconds. */
  nanos(name: string): number {
    return Number(this.integer(name) / 1_000_000n);
  }

  list(name: string): readonly unknown[] {
    const value = this.get(name) ?? [];
    if (!Array.isArray(value)) throw bad(`${this.#where}.${name} is not a list`);
    return value;
  }

  /** An object, empty when it is absent. */
  object(name: string): JsonObject {
    return new JsonObject(this.get(name) ?? {}, `${this.#where}.${name}`);
  }
}

function objects<T>(parent: JsonObject, name: string, read: (object: JsonObject) => T): T[] {
  return parent.list(name).map((value) => read(new JsonObject(value, name)));
}

function integerOf(value: unknown, where: string): bigint {
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value);
  if (typeof value === 'string' && /^[+-]?\d+$/.test(value)) return BigInt(value.replace('+', ''));
  throw bad(`${where} is not a whole number`);
}

function numberOf(value: unknown, where: string): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'string') {
    const number = value.trim() === '' ? NaN : Number(value.replace(/^([+-]?)inf(inity)?$/i, '$1Infinity'));
    if (!Number.isNaN(number) || /^nan$/i.test(value)) return number;
  }
  throw bad(`${where} is not a number`);
}

function resourceOf(object: JsonObject): OtlpResource {
  return {
    attributes: attributesOf(object.object('resource'), 'attributes'),
    scopes: objects(object, 'scopeMetrics', scopeOf),
  };
}

function scopeOf(object: JsonObject): OtlpScope {
  const scope = object.object('scope');
  return {
    name: scope.text('name'),
    version: scope.text('version'),
    attributes: attributesOf(scope, 'attributes'),
    schemaUrl: object.text('schemaUrl'),
    metrics: objects(object, 'metrics', metricOf),
  };
}

function metricOf(object: JsonObject): OtlpMetric {
  return {
    name: object.text('name'),
    description: object.text('description'),
    unit: object.text('unit'),
    data: dataOf(object),
  };
}

function dataOf(object: JsonObject): MetricData | undefined {
  if (object.has('gauge')) {
    return { kind: 'gauge', points: objects(object.object('gauge'), 'dataPoints', numberPointOf) };
  }
  if (object.has('sum')) {
    const sum = object.object('sum');
    const points = objects(sum, 'dataPoints', numberPointOf);
    return { kind: 'sum', points, temporality: temporalityOf(sum), isMonotonic: sum.bool('isMonotonic') };
  }
  if (object.has('histogram')) {
    const histogram = object.object('histogram');
    const points = objects(histogram, 'dataPoints', histogramPointOf);
    return { kind: 'histogram', points, temporality: temporalityOf(histogram) };
  }
  if (object.has('exponentialHistogram')) {
    const histogram = object.object('exponentialHistogram');
    const points = objects(histogram, 'dataPoints', exponentialPointOf);
    return { kind: 'exponentialHistogram', points, temporality: temporalityOf(histogram) };
  }
  if (!object.has('summary')) return undefined;
  return { kind: 'summary', points: objects(object.object('summary'), 'dataPoints', summaryPointOf) };
}

function temporalityOf(object: JsonObject): number {
  const value = object.get('aggregationTemporality');
  if (typeof value !== 'string') return Number(object.integer('aggregationTemporality'));
  const number = TEMPORALITIES.indexOf(value);
  if (number < 0) throw bad(`${JSON.stringify(value)} is no aggregation temporality`);
  return number;
}

function commonOf(object: JsonObject): Omit<NumberPoint, 'value'> {
  return {
    attributes: attributesOf(object, 'attributes'),
    startMs: object.nanos('startTimeUnixNano'),
    tMs: object.nanos('timeUnixNano'),
    flags: Number(object.integer('flags')),
    exemplars: objects(object, 'exemplars', exemplarOf),
  };
}

function numberPointOf(object: JsonObject): NumberPoint {
  return { ...commonOf(object), value: valueOf(object) ?? 0 };
}

function valueOf(object: JsonObject): number | undefined {
  if (object.has('asInt')) return Number(object.integer('asInt'));
  return object.has('asDouble') ? object.number('asDouble') : undefined;
}

function sumOf(object: JsonObject): number | undefined {
  return object.has('sum') ? object.number('sum') : undefined;
}

function histogramPointOf(object: JsonObject): HistogramPoint {
  return {
    ...commonOf(object),
    count: Number(object.integer('count')),
    sum: sumOf(object),
    bucketCounts: countsOf(object),
    bounds: object.list('explicitBounds').map((bound) => numberOf(bound, 'explicitBounds')),
  };
}

function countsOf(object: JsonObject): number[] {
  return object.list('bucketCounts').map((count) => Number(integerOf(count, 'bucketCounts')));
}

function exponentialPointOf(object: JsonObject): ExponentialPoint {
  return {
    ...commonOf(object),
    count: Number(object.integer('count')),
    sum: sumOf(object),
    scale: Number(object.integer('scale')),
    zeroCount: Number(object.integer('zeroCount')),
    positive: bucketsOf(object.object('positive')),
    negative: bucketsOf(object.object('negative')),
  };
}

function bucketsOf(object: JsonObject): DenseBuckets {
  return { offset: Number(object.integer('offset')), counts: countsOf(object) };
}

function summaryPointOf(object: JsonObject): SummaryPoint {
  return {
    ...commonOf(object),
    count: Number(object.integer('count')),
    sum: object.number('sum'),
    quantiles: objects(object, 'quantileValues', (one) => ({
      quantile: one.number('quantile'),
      value: one.number('value'),
    })),
  };
}

function exemplarOf(object: JsonObject): OtlpExemplar {
  return {
    attributes: attributesOf(object, 'filteredAttributes'),
    tMs: object.nanos('timeUnixNano'),
    value: valueOf(object),
    traceId: idOf(object.text('traceId'), 32),
    spanId: idOf(object.text('spanId'), 16),
  };
}

function idOf(text: string, length: number): string {
  if (text === '') return '';
  if (text.length !== length || !/^[0-9a-fA-F]+$/.test(text)) throw bad(`${JSON.stringify(text)} is no id`);
  return /^0+$/.test(text) ? '' : text.toLowerCase();
}

function attributesOf(object: JsonObject, name: string): Attributes {
  return objects(object, name, (one) => [one.text('key'), anyText(anyOf(one.get('value'), 0))] as const);
}

function anyOf(value: unknown, depth: number): AnyValue {
  checkDepth(depth);
  if (value === undefined || value === null) return undefined;
  const object = new JsonObject(value, 'a value');
  if (object.has('stringValue')) return object.text('stringValue');
  if (object.has('boolValue')) return object.bool('boolValue');
  if (object.has('intValue')) return object.integer('intValue');
  if (object.has('doubleValue')) return object.number('doubleValue');
  if (object.has('bytesValue')) return bytesOf(object.text('bytesValue'));
  if (object.has('arrayValue')) {
    return object
      .object('arrayValue')
      .list('values')
      .map((one) => anyOf(one, depth + 1));
  }
  if (!object.has('kvlistValue')) return undefined;
  const map = new Map<string, AnyValue>();
  for (const one of object.object('kvlistValue').list('values')) {
    const pair = new JsonObject(one, 'a value');
    map.set(pair.text('key'), anyOf(pair.get('value'), depth + 1));
  }
  return map;
}

function bytesOf(text: string): Uint8Array {
  try {
    return Uint8Array.fromBase64(text);
  } catch {
    throw bad('bytesValue is not base64');
  }
}

function bad(what: string): TocsinError {
  return new TocsinError('TOCSIN_ERR_PARSE', `not a request for metrics: ${what}`);
}
