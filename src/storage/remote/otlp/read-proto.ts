import { ProtoReader } from '../../../core/protobuf/proto-reader.ts';
import { eachField, readAttribute } from './read-attribute.ts';
import {
  readExponentialPoint,
  readHistogramPoint,
  readNumberPoint,
  readSummaryPoint,
} from './read-points.ts';
import type { MetricData, OtlpMetric, OtlpResource, OtlpScope } from './model.ts';

/**
 * An `ExportMetricsServiceRequest`. Throws TOCSIN_ERR_PARSE for bytes that are none.
 *
 * @see opentelemetry-proto collector/metrics/v1/metrics_service.proto, metrics/v1/metrics.proto
 */
export function readOtlp(bytes: Uint8Array): OtlpResource[] {
  const reader = new ProtoReader(bytes);
  const resources: OtlpResource[] = [];
  while (reader.next()) {
    if (reader.field === 1) resources.push(readResource(reader));
    else reader.skip();
  }
  return resources;
}

function readResource(reader: ProtoReader): OtlpResource {
  const attributes: [string, string][] = [];
  const scopes: OtlpScope[] = [];
  const deprecatedScopes: OtlpScope[] = [];
  eachField(reader, () => {
    if (reader.field === 1) {
      eachField(reader, () => {
        if (reader.field === 1) attributes.push(readAttribute(reader));
        else reader.skip();
      });
    } else if (reader.field === 2) scopes.push(readScope(reader));
    else if (reader.field === 1000) deprecatedScopes.push(readScope(reader));
    else reader.skip();
  });
  return { attributes, scopes: scopes.length === 0 ? deprecatedScopes : scopes };
}

function readScope(reader: ProtoReader): OtlpScope {
  const scope = {
    name: '',
    version: '',
    schemaUrl: '',
    attributes: new Array<[string, string]>(),
    metrics: new Array<OtlpMetric>(),
  };
  eachField(reader, () => {
    if (reader.field === 1) {
      eachField(reader, () => {
        if (reader.field === 1) scope.name = reader.text();
        else if (reader.field === 2) scope.version = reader.text();
        else if (reader.field === 3) scope.attributes.push(readAttribute(reader));
        else reader.skip();
      });
    } else if (reader.field === 2) scope.metrics.push(readMetric(reader));
    else if (reader.field === 3) scope.schemaUrl = reader.text();
    else reader.skip();
  });
  return scope;
}

function readMetric(reader: ProtoReader): OtlpMetric {
  let name = '';
  let description = '';
  let unit = '';
  let data: MetricData | undefined;
  eachField(reader, () => {
    if (reader.field === 1) name = reader.text();
    else if (reader.field === 2) description = reader.text();
    else if (reader.field === 3) unit = reader.text();
    else if (reader.field === 5) data = { kind: 'gauge', ...readData(reader, readNumberPoint) };
    else if (reader.field === 7) data = { kind: 'sum', ...readData(reader, readNumberPoint) };
    else if (reader.field === 9) data = { kind: 'histogram', ...readData(reader, readHistogramPoint) };
    else if (reader.field === 10) {
      data = { kind: 'exponentialHistogram', ...readData(reader, readExponentialPoint) };
    } else if (reader.field === 11) data = { kind: 'summary', ...readData(reader, readSummaryPoint) };
    else reader.skip();
  });
  return { name, description, unit, data };
}

/** Points with what may stand beside them; the fields are the same in all kinds. */
function readData<Point>(
  reader: ProtoReader,
  read: (reader: ProtoReader) => Point,
): { points: Point[]; temporality: number; isMonotonic: boolean } {
  const data = { points: new Array<Point>(), temporality: 0, isMonotonic: false };
  eachField(reader, () => {
    if (reader.field === 1) data.points.push(read(reader));
    else if (reader.field === 2) data.temporality = reader.int();
    else if (reader.field === 3) data.isMonotonic = reader.bool();
    else reader.skip();
  });
  return data;
}
