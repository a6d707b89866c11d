import { compareText } from '../core/labels.ts';
import type { Labels } from '../core/labels.ts';
import { isResolved } from './alert.ts';
import type { Alert, PostedAlert } from './alert.ts';

/**
 * An alert as it arrives: times filled in. Without a start it begins at its end, or now; without an end it ends
 * `resolveTimeoutMs` from now unless it is posted again.
 *
 * @see alertmanager api/v2/api.go postAlertsHandler
 */
export function receiveAlert(posted: PostedAlert, nowMs: number, resolveTimeoutMs: number): Alert {
  return {
    fingerprint: posted.labels.fingerprint(),
    labels: posted.labels,
    annotations: posted.annotations,
    startsAtMs: posted.startsAtMs ?? posted.endsAtMs ?? nowMs,
    endsAtMs: posted.endsAtMs ?? nowMs + resolveTimeoutMs,
    updatedAtMs: nowMs,
    generatorUrl: posted.generatorUrl,
    timeout: posted.endsAtMs === undefined,
  };
}

/** Why an alert cannot be taken, in Alertmanager's words; undefined when it can. */
export function alertProblem(alert: Alert, isValidLabelName: (name: string) => boolean): string | undefined {
  if (alert.endsAtMs < alert.startsAtMs) return 'start time must be before end time';
  if (alert.labels.size === 0) return 'at least one label pair required';
  const labels = labelProblem(alert.labels, isValidLabelName);
  if (labels !== undefined) return `invalid label set: ${labels}`;
  const annotations = labelProblem(alert.annotations, isValidLabelName);
  return annotations === undefined ? undefined : `invalid annotations: ${annotations}`;
}

function labelProblem(labels: Labels, isValidLabelName: (name: string) => boolean): string | undefined {
  for (const [name, value] of labels) {
    if (!isValidLabelName(name)) return `invalid name ${JSON.stringify(name)}`;
    if (!value.isWellFormed()) return `invalid value ${JSON.stringify(value)}`;
  }
  return undefined;
}

/**
 * What the store keeps when an alert arrives that it has already. Only ranges that overlap in part are joined: the
 * earliest start, the newest annotations; a resolve sets the end (the later of two); while it fires, a later end that
 * somebody stated survives. Otherwise the new one takes the old one's place.
 *
 * @see alertmanager provider/mem/mem.go Alerts.Put, alert/alert.go Alert.Merge
 */
export function mergeAlerts(old: Alert, arrived: Alert, nowMs: number): Alert {
  const endsInside = arrived.endsAtMs > old.startsAtMs && arrived.endsAtMs < old.endsAtMs;
  const startsInside = arrived.startsAtMs > old.startsAtMs && arrived.startsAtMs < old.endsAtMs;
  if (!endsInside && !startsInside) return arrived;
  const [older, newer] = arrived.updatedAtMs < old.updatedAtMs ? [arrived, old] : [old, arrived];
  const keepsOldEnd = isResolved(newer, nowMs) ? isResolved(older, nowMs) : !older.timeout;
  return {
    ...newer,
    startsAtMs: Math.min(older.startsAtMs, newer.startsAtMs),
    endsAtMs: keepsOldEnd ? Math.max(older.endsAtMs, newer.endsAtMs) : newer.endsAtMs,
  };
}

/** Order of alerts in a notification: by `job`, then `instance` (alerts that have them first), then all labels. */
export function compareAlerts(a: Alert, b: Alert): number {
  for (const name of ['job', 'instance']) {
    const left = a.labels.get(name);
    const right = b.labels.get(name);
    if (left === right) continue;
    if (left === '') return 1;
    if (right === '') return -1;
    return compareText(left, right);
  }
  return compareLabelSets(a.labels, b.labels);
}

/**
 * Order of label sets: the smaller set first; else at the first label in which they differ the lesser value, or the
 * set that lacks the label.
 *
 * @see prometheus/common model/labelset.go LabelSet.Before
 */
export function compareLabelSets(a: Labels, b: Labels): number {
  if (a.size !== b.size) return a.size - b.size;
  for (let i = 0; i < a.flat.length; i += 2) {
    const names = compareText(a.flat[i]!, b.flat[i]!);
    if (names !== 0) return -names;
    const values = compareText(a.flat[i + 1]!, b.flat[i + 1]!);
    if (values !== 0) return values;
  }
  return 0;
}
