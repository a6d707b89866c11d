import { Labels } from '../../../core/labels.ts';
import { METRIC_TYPES } from '../../../core/metric-types.ts';
import { WriteRequestV2Cursor } from '../proto/write-request-v2.ts';
import type { SeriesRef } from '../../seam.ts';
import type { Incoming } from './incoming.ts';
import { Pacer } from './pacer.ts';
import { receivedLabels } from './received-labels.ts';
import { SymbolKey, SymbolSeriesKeys } from './series-keys.ts';
import type { SymbolNumbers } from './series-keys.ts';
import { pairs, shownLabels } from './store-v1.ts';
import type { StoreOptions } from './store-v1.ts';

/** What a {@link StoreV2} is made of. */
export interface StoreV2Options extends StoreOptions {
  /** Whether `__type__` and `__unit__` are made of the metadata. */
  readonly typeAndUnitLabels: boolean;
  readonly storeMetadata: boolean;
}

/** What a request works with. */
interface Work {
  readonly cursor: WriteRequestV2Cursor;
  readonly key: SymbolKey;
}

/**
 * Puts the series of `io.prometheus.write.v2.Request` messages into the storage. Each symbol of a message costs a look-up by
 * its bytes, each series one by the numbers of its symbols. What cannot be taken is a refusal, and the rest is taken.
 *
 * @see prometheus storage/remote/write_handler.go appendV2
 */
export class StoreV2 {
  readonly #options: StoreV2Options;
  readonly #keys: SymbolSeriesKeys;
  readonly #idle: Work[] = [];

  constructor(options: StoreV2Options) {
    this.#options = options;
    this.#keys = new SymbolSeriesKeys(options.maxCacheBytes);
  }

  /** Hands a message to `incoming`. Rejects with TOCSIN_ERR_PARSE for bytes that are no such message. */
  async store(message: Uint8Array, incoming: Incoming): Promise<void> {
    const work = this.#idle.pop() ?? { cursor: new WriteRequestV2Cursor(), key: new SymbolKey() };
    const { cursor } = work;
    const pacer = new Pacer(this.#options.pacer);
    this.#keys.pass(this.#options.pacer.clock.monotonicMs());
    try {
      cursor.reset(message);
      const symbols = this.#keys.symbols(message, cursor);
      while (cursor.next()) {
        this.#storeSeries(work, symbols, incoming);
        if (pacer.isDue()) await pacer.rest();
      }
    } finally {
      cursor.release();
      this.#idle.push(work);
    }
  }

  #storeSeries(work: Work, symbols: SymbolNumbers, incoming: Incoming): void {
    const { cursor, key } = work;
    const { data, metadata } = cursor;
    const fault = refsFault(cursor);
    if (fault !== undefined) {
      this.#refuse(work, incoming, `parsing labels for series [${shownRefs(cursor)}]: ${fault}`);
      return;
    }
    const missing =
      metadata.unit >= cursor.symbolCount ? 'unit' : metadata.help >= cursor.symbolCount ? 'help' : '';
    if (missing !== '') {
      const ref = missing === 'unit' ? metadata.unit : metadata.help;
      incoming.refusals.add(
        `parsing metadata for series [${shownRefs(cursor)}]: metadata ${missing}_ref ${ref} outside of symbols table (size ${cursor.symbolCount})`,
      );
      return;
    }
    key.begin(symbols.era);
    for (let i = 0; i < cursor.refCount; i++) key.add(symbols.numbers[cursor.refs[i]!]!);
    if (this.#options.typeAndUnitLabels) {
      key.add(metadata.type >>> 0);
      key.add(symbols.numbers[metadata.unit]!);
    }
    let ref = this.#keys.get(key);
    if (ref === 0 || !incoming.isLive(ref)) ref = this.#resolve(work, incoming);
    if (ref === 0) return;
    if (data.samples === 0 && data.histograms.length === 0) {
      incoming.refusals.add(
        `TimeSeries must contain at least one sample or histogram for series ${shownLabels(this.#flat(cursor))}`,
      );
      return;
    }
    this.#append(ref, cursor, incoming);
  }

  /** The ref of a series that is not known by its symbols; 0 when it cannot be or there is no memory for it. */
  #resolve(work: Work, incoming: Incoming): SeriesRef {
    const labels = receivedLabels(this.#flat(work.cursor));
    if (typeof labels === 'string') {
      this.#refuse(work, incoming, labels);
      return 0;
    }
    const ref = incoming.series(labels);
    if (ref !== 0) this.#keys.set(work.key, ref);
    return ref;
  }

  #append(ref: SeriesRef, cursor: WriteRequestV2Cursor, incoming: Incoming): void {
    const { data } = cursor;
    const shown = (): string => shownLabels(this.#flat(cursor));
    const { samples, times, values, starts, hasStarts } = data;
    for (let i = 0; i < samples; i++) {
      incoming.float(ref, times[i]!, values[i]!, hasStarts ? starts[i]! : 0, shown);
    }
    for (const histogram of data.histograms) incoming.histogram(ref, histogram, shown);
    for (const [i, { value, tMs }] of data.exemplars.entries()) {
      const flat = exemplarFlat(cursor, cursor.exemplarRefs[i]!);
      if (typeof flat === 'string') {
        incoming.refusals.add(`parsing exemplar for series ${shown()}: ${flat}`);
        continue;
      }
      const labels = Labels.fromEntries(pairs(flat));
      incoming.exemplar(ref, { labels, value, timestampMs: tMs, hasTimestamp: true }, shown);
    }
    if (!this.#options.storeMetadata) return;
    const { type, unit, help } = cursor.metadata;
    incoming.metadata(ref, {
      type: typeName(type),
      unit: cursor.symbol(unit).toWellFormed(),
      help: cursor.symbol(help).toWellFormed(),
    });
  }

  /** Names and values of a series, those made of its metadata included. */
  #flat(cursor: WriteRequestV2Cursor): string[] {
    const flat: string[] = [];
    for (let i = 0; i < cursor.refCount; i++) flat.push(cursor.symbol(cursor.refs[i]!));
    if (!this.#options.typeAndUnitLabels) return flat;
    const type = typeName(cursor.metadata.type);
    const unit = cursor.symbol(cursor.metadata.unit);
    if (type === 'unknown' && unit === '') return flat;
    const own: string[] = [];
    for (const [name, value] of pairs(flat)) {
      if (name !== '__type__' && name !== '__unit__') own.push(name, value);
    }
    if (type !== 'unknown') own.push('__type__', type);
    if (unit !== '') own.push('__unit__', unit);
    return own;
  }

  #refuse({ cursor: { data } }: Work, incoming: Incoming, reason: string): void {
    this.#options.metrics.invalidLabels.inc(data.samples + data.histograms.length);
    incoming.refusals.add(reason);
  }
}

function typeName(type: number): string {
  return METRIC_TYPES[type] ?? 'unknown';
}

function shownRefs({ refs, refCount }: WriteRequestV2Cursor): string {
  return refs.subarray(0, refCount).join(' ');
}

/** What is wrong with the numbers of a series' labels. */
function refsFault({ refs, refCount, symbolCount }: WriteRequestV2Cursor): string | undefined {
  if (refCount % 2 !== 0) return `invalid labelRefs length ${refCount}`;
  for (let i = 0; i < refCount; i++) {
    if (refs[i]! >= symbolCount) return outside(refs[i & ~1]!, refs[i | 1]!, symbolCount);
  }
  return undefined;
}

function outside(name: number, value: number, symbolCount: number): string {
  return `labelRefs ${name} (name) = ${value} (value) outside of symbols table (size ${symbolCount})`;
}

/** Labels of an exemplar in turn; a text when their numbers are wrong. */
function exemplarFlat(cursor: WriteRequestV2Cursor, refs: readonly number[]): string[] | string {
  if (refs.length % 2 !== 0) return `invalid labelRefs length ${refs.length}`;
  const at = refs.findIndex((ref) => ref >= cursor.symbolCount);
  if (at >= 0) return outside(refs[at & ~1]!, refs[at | 1]!, cursor.symbolCount);
  return refs.map((ref) => cursor.symbol(ref));
}
