import type { AlertView, GroupView, PostedAlert } from '../../alerts/index.ts';
import { Labels } from '../../core/labels.ts';
import { AlertmanagerApiError } from '../api-error.ts';
import { labelsJson } from '../../promql/index.ts';
import { jsonList, type JsonPieces } from '../json-text.ts';
import type { V2Context } from './handler.ts';
import { alertQuery } from './query.ts';
import { BodyReader } from './body.ts';

/** `GET /alerts` */
export async function getAlerts({ ports, params, deps }: V2Context): Promise<JsonPieces> {
  const views = await ports.plane.alerts(alertQuery(ports, params), deps.clock.nowMs());
  return jsonList(views, alertJson);
}

/** `GET /alerts/groups` */
export async function getAlertGroups({ ports, params, deps }: V2Context): Promise<JsonPieces> {
  const groups = await ports.plane.groups(alertQuery(ports, params), deps.clock.nowMs());
  return groupsPieces(groups);
}

function* groupsPieces(groups: readonly GroupView[]): JsonPieces {
  yield '[';
  for (const [i, { group, alerts }] of groups.entries()) {
    yield `${i === 0 ? '' : ','}{"alerts":`;
    yield* jsonList(alerts, alertJson);
    const receiver = JSON.stringify({ name: group.route.options.receiver });
    // As the configuration has them: a rendered value belongs to one notification, with its alerts and its time.
    const routeLabels = labelsJson(group.route.options.labels);
    yield `,"labels":${labelsJson(group.labels)},"receiver":${receiver},"routeLabels":${routeLabels}}`;
  }
  yield ']';
}

function alertJson({ alert, status, receivers }: AlertView): string {
  const rest = {
    endsAt: new Date(alert.endsAtMs),
    fingerprint: alert.fingerprint,
    receivers: receivers.map((name) => ({ name })),
    startsAt: new Date(alert.startsAtMs),
    status: {
      inhibitedBy: status.inhibitedBy,
      mutedBy: status.mutedBy,
      silencedBy: status.silencedBy,
      state: status.state,
    },
    updatedAt: new Date(alert.updatedAtMs),
    ...(alert.generatorUrl !== '' && { generatorURL: alert.generatorUrl }),
  };
  const annotations = labelsJson(alert.annotations);
  return `{"annotations":${annotations},${JSON.stringify(rest).slice(1, -1)},"labels":${labelsJson(alert.labels)}}`;
}

/** `POST /alerts`: what is valid is taken, even when other alerts of the request are not. */
export async function postAlerts({ ports, deps, request }: V2Context): Promise<undefined> {
  const body = new BodyReader('alerts');
  const parsed = body.parse(request.body, request.headers['content-type']);
  const posted: PostedAlert[] = [];
  for (const [i, item] of body.list(parsed, 'models.PostableAlerts').entries()) {
    posted.push(readAlert(body, item, String(i)));
  }
  const outcomes = await ports.plane.store.put(posted, deps.clock.nowMs());
  const reasons = outcomes.flatMap((outcome) => (outcome.kind === 'invalid' ? [outcome.reason] : []));
  if (reasons.length > 0) throw new AlertmanagerApiError(400, reasons.join('\n'));
  return undefined;
}

function readAlert(body: BodyReader, item: unknown, path: string): PostedAlert {
  const object = body.object(item, 'models.PostableAlert');
  const annotations = body.labels(object, 'annotations', 'PostableAlert.annotations') ?? [];
  const endsAtMs = body.timeMs(object, 'endsAt', 'PostableAlert.endsAt');
  const startsAtMs = body.timeMs(object, 'startsAt', 'PostableAlert.startsAt');
  const generatorUrl = body.text(object, 'generatorURL', 'Alert.generatorURL') ?? '';
  const labels = body.labels(object, 'labels', 'Alert.labels');
  if (generatorUrl !== '' && !isUri(generatorUrl)) {
    throw body.wrongFormat(`${path}.generatorURL`, 'uri', generatorUrl);
  }
  if (labels === undefined) throw body.required(`${path}.labels`);
  return {
    labels: Labels.fromEntries(labels),
    annotations: Labels.fromEntries(annotations),
    generatorUrl,
    ...(startsAtMs !== undefined && { startsAtMs }),
    ...(endsAtMs !== undefined && { endsAtMs }),
  };
}

/** As Go's url.ParseRequestURI: an absolute URL, or an absolute path. */
function isUri(text: string): boolean {
  return (
    /^(?:[a-zA-Z][a-zA-Z0-9+.-]*:|\/)/.test(text) && !/[\u0000-\u001f\u007f]|%(?![0-9a-fA-F]{2})/.test(text)
  );
}
