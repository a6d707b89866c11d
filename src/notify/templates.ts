import { isResolved } from '../alerts/alert.ts';
import type { Alert } from '../alerts/alert.ts';
import { Labels } from '../core/labels.ts';
import {
  GoDuration,
  GoTime,
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

  /** Throws TemplateError when a source does not parse. */
  constructor(sources: readonly TemplateSource[], externalUrl: string) {
    this.externalUrl = externalUrl;
    const functions: FunctionMap = {
      ...alertmanagerFunctions({ nowMs: 0 }),
      now: fn([], () => GoTime.fromMs(this.#nowMs)),
      since: fn(['time'], (time) => new GoDuration(GoTime.fromMs(this.#nowMs).ns - time.ns)),
    };
    this.#set = TemplateSet.parse([...DEFAULT_TEMPLATES, ...sources], { functions });
  }

  /** A renderer for one notification, with all its alerts or those given. */
  rendering(notification: Notification, alerts: readonly Alert[] = notification.alerts): Rendering {
    const view = notificationView(notification, alerts, this.externalUrl);
    const data = notificationData(view);
    const execute = (template: string, html: boolean): string => {
      if (template === '') return '';
      this.#nowMs = notification.nowMs;
      return html ? this.#set.executeHtml(template, data) : this.#set.executeText(template, data);
    };
    return {
      view,
      data,
      text: (template) => execute(template, false),
      html: (template) => execute(template, true),
    };
  }
}

/** The texts of one notification; a failing template throws TemplateError. */
export interface Rendering {
  readonly view: NotificationView;
  readonly data: TemplateValue;
  text(template: string): string;
  /** With the escaping of html/template. */
  html(template: string): string;
}

/**
 * What templates and the webhook body show of a notification.
 *
 * @see prometheus/alertmanager template/template.go Data
 */
export function notificationView(
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
