import { isResolved } from '../alerts/index.ts';
import type { Alert } from '../alerts/index.ts';
import { Labels } from '../core/labels.ts';
import {
  GoDuration,
  GoTime,
  TemplateError,
  TemplateSet,
  alertmanagerFunctions,
  fn,
  notificationData,
} from '../template/index.ts';
import type { FunctionMap, NotificationView, TemplateValue } from '../template/index.ts';
import { DEFAULT_TEMPLATES } from './default-templates.ts';
import { notificationStatus } from './notification.ts';
import type { Notification } from './notification.ts';

/** A template file: its name (for messages) and text. */
export interface TemplateSource {
  readonly name: string;
  readonly text: string;
}

/** The notification templates of a configuration: the built-in ones and the users', which may redefine them. */
export class NotificationTemplates {
  /** What messages link to. */
  readonly externalUrl: string;
  readonly #set: TemplateSet;
  /** What `now` is in the template that is being executed; execution is synchronous. */
  #nowMs = 0;
  /** Resolves a route label in the template that is being executed. */
  #routeLabel: (name: string) => string = () => '';

  /** Throws TemplateError when a source does not parse. */
  constructor(sources: readonly TemplateSource[], externalUrl: string) {
    this.externalUrl = externalUrl;
    const functions: FunctionMap = {
      ...alertmanagerFunctions({ nowMs: 0 }),
      routeLabels: fn(['string'], (name) => this.#routeLabel(name)),
      now: fn([], () => GoTime.fromMs(this.#nowMs)),
      since: fn(['time'], (time) => new GoDuration(GoTime.fromMs(this.#nowMs).ns - time.ns)),
    };
    this.#set = TemplateSet.parse([...DEFAULT_TEMPLATES, ...sources], { functions });
  }

  /** A renderer for one notification, with all its alerts or those given. Throws TemplateError for a bad route label. */
  rendering(notification: Notification, alerts: readonly Alert[] = notification.alerts): Rendering {
    const plain = notificationView(notification, alerts, this.externalUrl);
    const routeLabels = this.#renderRouteLabels(notification, plain);
    const view = { ...plain, routeLabels };
    const data = notificationData(view);
    const execute = (template: string, html: boolean): string => {
      if (template === '') return '';
      this.#nowMs = notification.nowMs;
      this.#routeLabel = (name) => routeLabels.get(name);
      return html ? this.#set.executeHtml(template, data) : this.#set.executeText(template, data);
    };
    return {
      view,
      data,
      text: (template) => execute(template, false),
      html: (template) => execute(template, true),
    };
  }

  /** Route labels are templates over the group's data that may use one another. */
  #renderRouteLabels(notification: Notification, view: NotificationView): Labels {
    const raw = notification.routeLabels;
    if (raw.size === 0) return raw;
    const data = notificationData({ ...view, routeLabels: raw, notificationReason: '' });
    const rendered = new Map<string, string>();
    const underWay: string[] = [];
    const resolve = (name: string): string => {
      const known = rendered.get(name) ?? (raw.has(name) ? undefined : '');
      if (known !== undefined) return known;
      if (underWay.includes(name)) {
        throw new TemplateError(`route label cycle detected: ${[...underWay, name].join(' -> ')}`);
      }
      underWay.push(name);
      const text = this.#set.executeText(raw.get(name), data);
      underWay.pop();
      rendered.set(name, text);
      return text;
    };
    this.#nowMs = notification.nowMs;
    this.#routeLabel = resolve;
    return Labels.fromEntries(raw.names().map((name) => [name, resolve(name)] as const));
  }
}

/** What is wrong with a template by its syntax alone; undefined = nothing. */
export function templateProblem(text: string): string | undefined {
  try {
    TemplateSet.parse([{ name: '', text }], { functions: alertmanagerFunctions({ nowMs: 0 }) });
    return undefined;
  } catch (error) {
    if (error instanceof TemplateError) return error.message;
    throw error;
  }
}

/** The texts of one notification; a failing template throws TemplateError. */
export interface Rendering {
  readonly view: NotificationView;
  readonly data: TemplateValue;
  readonly text: (template: string) => string;
  /** With the escaping of html/template. */
  readonly html: (template: string) => string;
}

/**
 * What templates and the webhook body show of a notification.
 *
 * @see prometheus/alertmanager template/template.go Data
 */
function notificationView(
  notification: Notification,
  alerts: readonly Alert[],
  externalUrl: string,
): NotificationView {
  const { nowMs } = notification;
  return {
    receiver: notification.key.receiver,
    status: notificationStatus(alerts, nowMs),
    alerts: alerts.map((alert) => ({
      status: isResolved(alert, nowMs) ? 'resolved' : 'firing',
      labels: alert.labels,
      annotations: alert.annotations,
      startsAtMs: alert.startsAtMs,
      ...(isResolved(alert, nowMs) ? { endsAtMs: alert.endsAtMs } : {}),
      generatorUrl: alert.generatorUrl,
      fingerprint: alert.fingerprint,
    })),
    groupLabels: notification.groupLabels,
    commonLabels: commonLabels(alerts.map(({ labels }) => labels)),
    commonAnnotations: commonLabels(alerts.map(({ annotations }) => annotations)),
    routeLabels: Labels.EMPTY,
    externalUrl,
    notificationReason: notification.reason,
  };
}

/** The labels that all sets have with the same value. */
export function commonLabels(sets: readonly Labels[]): Labels {
  const [first, ...others] = sets;
  if (first === undefined) return Labels.EMPTY;
  return Labels.fromEntries(
    [...first].filter(([name, value]) => others.every((labels) => labels.get(name) === value)),
  );
}
