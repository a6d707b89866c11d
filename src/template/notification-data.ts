import { compareText, type Labels } from '../core/labels.ts';
import { sprintValue } from './go-print.ts';
import { GoTime } from './go-time.ts';
import { GoMap, GoSlice, GoStruct, fn, type TemplateValue } from './value.ts';

/** An alert as notification templates see it. */
interface AlertView {
  readonly status: 'firing' | 'resolved';
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly startsAtMs: number;
  /** Absent while the alert fires: templates then see Go's zero time. */
  readonly endsAtMs?: number;
  readonly generatorUrl: string;
  readonly fingerprint: string;
}

/** What a notification is about: everything that Alertmanager's template data has. */
export interface NotificationView {
  /** The receiver's name, as configured; templates see it with regular-expression characters quoted. */
  readonly receiver: string;
  readonly status: 'firing' | 'resolved';
  readonly alerts: readonly AlertView[];
  readonly groupLabels: Labels;
  readonly commonLabels: Labels;
  readonly commonAnnotations: Labels;
  /** Already rendered. */
  readonly routeLabels: Labels;
  readonly externalUrl: string;
  readonly notificationReason: string;
}

/** A template.Strings: a []string that can be joined (`.Names.Join ", "`). */
function kvStrings(strings: readonly string[]): GoSlice {
  return new GoSlice('template.Strings', 'string', strings, (items) => ({
    Join: () => fn(['string'], (separator) => items.map(sprintValue).join(separator)),
  }));
}

/**
 * A template.KV: labels with the methods SortedPairs (alertname first), Remove, Names and Values.
 *
 * @see prometheus/alertmanager template/template.go
 */
function kv(labels: Iterable<readonly [string, string]>): GoMap {
  const entries = new Map<string, string>(labels);
  return new GoMap('template.KV', 'string', entries, {
    SortedPairs: () => fn([], () => pairs(sortedPairs(entries))),
    Remove: () => fn(['strings'], (keys) => kv([...entries].filter(([name]) => !keys.includes(name)))),
    Names: () => fn([], () => kvStrings(sortedPairs(entries).map(([name]) => name))),
    Values: () => fn([], () => kvStrings(sortedPairs(entries).map(([, value]) => value))),
    String: () => fn([], () => pairsText(sortedPairs(entries))),
  });
}

type Pair = readonly [name: string, value: string];

function sortedPairs(entries: ReadonlyMap<string, string>): Pair[] {
  const rank = (name: string): number => (name === 'alertname' ? 0 : 1);
  return [...entries].sort(([a], [b]) => rank(a) - rank(b) || compareText(a, b));
}

function pairsText(sorted: readonly Pair[]): string {
  return sorted.map(([name, value]) => `${name}=${value}`).join(', ');
}

function pairs(sorted: readonly Pair[]): GoSlice {
  const structs = sorted.map(
    ([name, value]) =>
      new GoStruct('template.Pair', [
        { name: 'Name', value: name },
        { name: 'Value', value },
      ]),
  );
  return new GoSlice('template.Pairs', 'struct', structs, (items) => ({
    Names: () => fn([], () => kvStrings(texts(items, 'Name'))),
    Values: () => fn([], () => kvStrings(texts(items, 'Value'))),
    String: () =>
      fn([], () =>
        texts(items, 'Name')
          .map((name, i) => `${name}=${texts(items, 'Value')[i]}`)
          .join(', '),
      ),
  }));
}

function texts(items: readonly TemplateValue[], field: string): string[] {
  return items.map((item) => (item instanceof GoStruct ? sprintValue(item.get(field)) : ''));
}

/** A template.Alert. */
function alertValue(alert: AlertView): GoStruct {
  const endsAt = alert.endsAtMs === undefined ? GoTime.ZERO : GoTime.fromMs(alert.endsAtMs);
  return new GoStruct('template.Alert', [
    { name: 'Status', value: alert.status, json: 'status' },
    { name: 'Labels', value: kv(alert.labels), json: 'labels' },
    { name: 'Annotations', value: kv(alert.annotations), json: 'annotations' },
    { name: 'StartsAt', value: GoTime.fromMs(alert.startsAtMs), json: 'startsAt' },
    { name: 'EndsAt', value: endsAt, json: 'endsAt' },
    { name: 'GeneratorURL', value: alert.generatorUrl, json: 'generatorURL' },
    { name: 'Fingerprint', value: alert.fingerprint, json: 'fingerprint' },
  ]);
}

/** A template.Alerts: with the methods Firing and Resolved. */
function alertsValue(alerts: readonly AlertView[]): GoSlice {
  return new GoSlice('template.Alerts', 'struct', alerts.map(alertValue), (items) => ({
    Firing: () => fn([], () => withStatus(items, 'firing')),
    Resolved: () => fn([], () => withStatus(items, 'resolved')),
  }));
}

function withStatus(items: readonly TemplateValue[], status: string): GoSlice {
  const found = items.filter((item) => item instanceof GoStruct && item.get('Status') === status);
  return new GoSlice('[]template.Alert', 'struct', found);
}

/** The data (`.`) of notification templates: Alertmanager's template.Data. */
export function notificationData(view: NotificationView): GoStruct {
  return new GoStruct(
    'template.Data',
    [
      { name: 'Receiver', value: quoteMeta(view.receiver), json: 'receiver' },
      { name: 'Status', value: view.status, json: 'status' },
      { name: 'Alerts', value: alertsValue(view.alerts), json: 'alerts' },
      { name: 'NotificationReason', value: view.notificationReason, json: 'notification_reason' },
      { name: 'GroupLabels', value: kv(view.groupLabels), json: 'groupLabels' },
      { name: 'CommonLabels', value: kv(view.commonLabels), json: 'commonLabels' },
      { name: 'CommonAnnotations', value: kv(view.commonAnnotations), json: 'commonAnnotations' },
      { name: 'RouteLabels', value: kv(view.routeLabels), json: 'routeLabels' },
      { name: 'ExternalURL', value: view.externalUrl, json: 'externalURL' },
    ],
    {},
    true,
  );
}

/** Go's regexp.QuoteMeta. */
export function quoteMeta(text: string): string {
  return text.replaceAll(/[\\.+*?()|[\]{}^$]/g, String.raw`\$&`);
}
