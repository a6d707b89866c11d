import { type Labels, METRIC_NAME } from '../../core/labels.ts';
import type { LabelEdit } from '../functions/label-edit.ts';
import type { Column } from './column.ts';
import { mergePresence } from './metric-name.ts';
import { type SeriesSource, Status } from './source.ts';

/** `label_replace` and `label_join`: other labels, same values. Series that become equal may not share a step. */
export class LabelSource implements SeriesSource {
  readonly #input: SeriesSource;
  readonly #edit: LabelEdit;
  readonly #setsName: boolean;
  readonly #seen = new Map<string, Uint8Array>();
  #labels: Labels | undefined;
  #dropName = false;

  constructor(input: SeriesSource, edit: LabelEdit, destination: string) {
    this.#input = input;
    this.#edit = edit;
    this.#setsName = destination === METRIC_NAME;
  }

  get column(): Column {
    return this.#input.column;
  }

  get dropName(): boolean {
    return this.#dropName;
  }

  labels(): Labels {
    return this.#labels!;
  }

  next(): Status {
    const status = this.#input.next();
    if (status !== Status.series) return status;
    const before = this.#input.labels();
    const labels = this.#edit(before);
    this.#labels = labels;
    this.#dropName = this.#input.dropName && !(this.#setsName && labels !== before);
    const { present } = this.#input.column;
    const seen = this.#seen.get(labels.key);
    if (seen === undefined) this.#seen.set(labels.key, present.slice());
    else mergePresence(seen, present);
    return status;
  }
}
