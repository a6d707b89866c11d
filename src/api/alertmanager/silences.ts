import {
  silenceState,
  type DraftMatcher,
  type Silence,
  type SilenceDraft,
  type SilenceState,
} from '../../alerts/index.ts';
import { goQuote } from '../../core/go-quote.ts';
import type { MatchOp } from '../../core/matcher.ts';
import { AlertmanagerApiError } from '../api-error.ts';
import { json, jsonList, type JsonPieces } from '../json-text.ts';
import type { GettableSilence } from '../types.ts';
import type { V2Context } from './handler.ts';
import { BodyReader, type JsonObject } from './body.ts';
import { flag, matchersParam } from './query.ts';

/** `GET /silences` */
export function getSilences({ ports, params, deps }: V2Context): JsonPieces {
  const filter = matchersParam(ports, params, 'filter');
  const states = (['active', 'pending', 'expired'] satisfies SilenceState[]).filter((state) =>
    flag(params, state),
  );
  const nowMs = deps.clock.nowMs();
  const silences = ports.plane.silences.query({ filter, states }, nowMs);
  return jsonList(silences, (silence) => JSON.stringify(silenceView(silence, nowMs)));
}

/** `GET /silence/{id}` */
export function getSilence({ ports, deps, request }: V2Context): JsonPieces {
  const silence = ports.plane.silences.get(idOf(request.params));
  if (silence === undefined) throw new AlertmanagerApiError(404, undefined);
  return json(silenceView(silence, deps.clock.nowMs()));
}

/** `DELETE /silence/{id}` */
export async function deleteSilence({ ports, deps, request }: V2Context): Promise<undefined> {
  const found = await ports.plane.silences.expire(idOf(request.params), deps.clock.nowMs());
  if (!found) throw new AlertmanagerApiError(404, undefined);
  return undefined;
}

/** `POST /silences` */
export async function postSilences({ ports, deps, request }: V2Context): Promise<JsonPieces> {
  const body = new BodyReader('silence');
  const parsed = body.parse(request.body, request.headers['content-type']);
  const draft = readSilence(body, body.object(parsed, 'models.PostableSilence'));
  const outcome = await ports.plane.silences.set(draft, deps.clock.nowMs());
  switch (outcome.kind) {
    case 'set':
      return json({ silenceID: outcome.silence.id });
    case 'not_found':
      throw new AlertmanagerApiError(404, 'silence not found');
    case 'invalid':
    case 'limited':
      throw new AlertmanagerApiError(400, outcome.reason);
  }
}

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;

function idOf(params: unknown): string {
  const { silenceID } = params as { readonly silenceID: string };
  if (UUID.test(silenceID)) return silenceID.toLowerCase();
  throw AlertmanagerApiError.ofCode(601, `silenceID in path must be of type uuid: ${goQuote(silenceID)}`);
}

/** Reads all fields first, so that wrong types come before missing ones, as in Alertmanager. */
function readSilence(body: BodyReader, object: JsonObject): SilenceDraft {
  const id = body.text(object, 'id', 'PostableSilence.id');
  const annotations = body.labels(object, 'annotations', 'Silence.annotations');
  const comment = body.text(object, 'comment', 'Silence.comment');
  const createdBy = body.text(object, 'createdBy', 'Silence.createdBy');
  const startsAtMs = body.timeMs(object, 'startsAt', 'Silence.startsAt');
  const endsAtMs = body.timeMs(object, 'endsAt', 'Silence.endsAt');
  const items = body.listField(object, 'matchers', 'Silence.matchers', 'models.Matchers');
  if (comment === undefined) throw body.required('comment');
  if (createdBy === undefined) throw body.required('createdBy');
  if (endsAtMs === undefined) throw body.required('endsAt');
  if (items === undefined) throw body.required('matchers');
  if (items.length === 0) throw body.tooFew('matchers');
  const matchers = items.map((item, i) => readMatcher(body, item, `matchers.${i}`));
  if (startsAtMs === undefined) throw body.required('startsAt');
  return {
    matcherSets: [matchers],
    startsAtMs,
    endsAtMs,
    createdBy,
    comment,
    ...(id !== undefined && id !== '' && { id }),
    ...(annotations !== undefined && { annotations: Object.fromEntries(annotations) }),
  };
}

function readMatcher(body: BodyReader, item: unknown, path: string): DraftMatcher {
  const object = body.object(item, 'models.Matcher');
  const isEqual = body.boolean(object, 'isEqual', 'Matcher.matchers.isEqual') ?? true;
  const isRegex = body.boolean(object, 'isRegex', 'Matcher.matchers.isRegex');
  const name = body.text(object, 'name', 'Matcher.matchers.name');
  const value = body.text(object, 'value', 'Matcher.matchers.value');
  if (isRegex === undefined) throw body.required(`${path}.isRegex`);
  if (name === undefined) throw body.required(`${path}.name`);
  if (value === undefined) throw body.required(`${path}.value`);
  const op: MatchOp = isRegex ? (isEqual ? '=~' : '!~') : isEqual ? '=' : '!=';
  return { name, op, value };
}

/** A silence on the wire; the API knows one set of matchers. */
function silenceView(silence: Silence, nowMs: number): GettableSilence {
  const [matchers = []] = silence.matcherSets;
  return {
    id: silence.id,
    status: { state: silenceState(silence, nowMs) },
    updatedAt: new Date(silence.updatedAtMs).toISOString(),
    annotations: silence.annotations,
    comment: silence.comment,
    createdBy: silence.createdBy,
    endsAt: new Date(silence.endsAtMs).toISOString(),
    matchers: matchers.map(({ name, op, value }) => ({
      isEqual: op === '=' || op === '=~',
      isRegex: op === '=~' || op === '!~',
      name,
      value,
    })),
    startsAt: new Date(silence.startsAtMs).toISOString(),
  };
}
