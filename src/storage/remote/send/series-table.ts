import { Labels } from '../../../core/labels.ts';
import { LabelsBuilder } from '../../../core/labels-builder.ts';
import { relabelBuilder } from '../../../core/relabel.ts';
import type { RelabelConfig } from '../../../core/relabel.ts';
import type { SeriesMetadata } from '../../seam.ts';

/** A series as a remote-write endpoint gets it. */
export interface SentSeries {
  readonly labels: Labels;
  /** The same for equal labels, under whichever numbers the log has them; 32 bits. */
  readonly hash: number;
  /** What its metric is, as the log said last. */
  metadata: SeriesMetadata | undefined;
}

/** What becomes of labels on their way out. */
export interface OutgoingLabels {
  /** Added where a series has no label of the name. */
  readonly externalLabels: Labels;
  readonly relabelConfigs: readonly RelabelConfig[];
}

interface Entry {
  /** Undefined when relabelling drops it. */
  readonly series: SentSeries | undefined;
  /** Segment of the log in which it was named last. */
  segment: number;
}

/** Series of the log by their numbers, with the labels that one endpoint gets. */
export class SeriesTable {
  readonly #outgoing: OutgoingLabels;
  readonly #entries = new Map<number, Entry>();

  constructor(outgoing: OutgoingLabels) {
    this.#outgoing = outgoing;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Takes a record of a series in. */
  add(walId: number, flat: readonly string[], segment: number): void {
    const known = this.#entries.get(walId);
    if (known !== undefined) {
      known.segment = segment;
      return;
    }
    const labels = outgoing(labelsOf(flat), this.#outgoing);
    const series = labels === undefined ? undefined : { labels, hash: hashOf(labels), metadata: undefined };
    this.#entries.set(walId, { series, segment });
  }

  /** Takes in what a series' metric is. */
  setMetadata(walId: number, metadata: SeriesMetadata): void {
    const series = this.#entries.get(walId)?.series;
    if (series !== undefined) series.metadata = metadata;
  }

  /** The series of a number: undefined when the log did not name it, null when it is not to be sent. */
  find(walId: number): SentSeries | undefined | null {
    const entry = this.#entries.get(walId);
    return entry === undefined ? undefined : (entry.series ?? null);
  }

  /** Forgets series that were last named in a segment before `segment`. */
  forgetBefore(segment: number): void {
    for (const [walId, entry] of this.#entries) if (entry.segment < segment) this.#entries.delete(walId);
  }
}

/** FNV-1a over the texts. */
function hashOf({ flat }: Labels): number {
  let hash = 0x811c9dc5;
  for (const text of flat) {
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    hash = Math.imul(hash ^ 0xff, 0x01000193);
  }
  return (hash ^ (hash >>> 15)) >>> 0;
}

function labelsOf(flat: readonly string[]): Labels {
  const entries: [string, string][] = [];
  for (let i = 0; i < flat.length; i += 2) entries.push([flat[i]!, flat[i + 1]!]);
  return Labels.fromEntries(entries);
}

function outgoing(labels: Labels, { externalLabels, relabelConfigs }: OutgoingLabels): Labels | undefined {
  const builder = new LabelsBuilder(labels);
  for (const [name, value] of externalLabels) if (!labels.has(name)) builder.set(name, value);
  if (!relabelBuilder(builder, relabelConfigs)) return undefined;
  const sent = builder.labels();
  return sent.size === 0 ? undefined : sent;
}
