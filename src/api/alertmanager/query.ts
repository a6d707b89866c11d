import { RE2JS } from 're2js';
import { errorText } from '../../core/errors.ts';
import type { Labels } from '../../core/labels.ts';
import { Labels as LabelSet } from '../../core/labels.ts';
import { matchesAll, type Matcher } from '../../core/matcher.ts';
import type { AlertQuery } from '../../alerts/index.ts';
import { AlertmanagerApiError } from '../api-error.ts';
import type { Params } from '../params.ts';
import type { AlertmanagerPorts } from '../ports.ts';

const TRUE = new Set(['true', '1', 'yes', 'ok', 'y', 'on', 'selected', 'checked', 't', 'enabled']);

/** A flag of the URL; what is no word for yes is no. */
export function flag(params: Params, name: string): boolean {
  const text = params.fromUrl(name);
  return text === '' || TRUE.has(text.toLowerCase());
}

/** The matchers of a parameter that may be repeated; a bad one is 400 with `prefix` in front of the reason. */
export function matchersParam(
  ports: AlertmanagerPorts,
  params: Params,
  name: string,
  prefix = '',
): Matcher[] {
  return params.all(name).flatMap((text) => {
    const parsed = ports.plane.matcherParser.parseMatcher(text, 'api');
    if (parsed.kind === 'ok') return parsed.matchers;
    throw new AlertmanagerApiError(400, prefix + parsed.reason);
  });
}

/** What `GET /alerts` and `GET /alerts/groups` ask for. */
export function alertQuery(ports: AlertmanagerPorts, params: Params): AlertQuery {
  const filter = matchersParam(ports, params, 'filter');
  const receiver = receiverTest(ports, params);
  return {
    filter,
    ...(receiver !== undefined && { receiver }),
    active: flag(params, 'active'),
    silenced: flag(params, 'silenced'),
    inhibited: flag(params, 'inhibited'),
    muted: flag(params, 'muted'),
  };
}

/** Matchers on receivers' labels. */
export function receiverMatchers(ports: AlertmanagerPorts, params: Params): Matcher[] {
  return matchersParam(ports, params, 'receiver_matchers', 'failed to parse receiver_matchers param: ');
}

/** A receiver's labels, with its name as label `name`. */
export function receiverLabels(receiver: ReturnType<AlertmanagerPorts['receivers']>[number]): Labels {
  return LabelSet.fromObject({ ...receiver.labels, name: receiver.name });
}

function receiverTest(ports: AlertmanagerPorts, params: Params): ((name: string) => boolean) | undefined {
  const expression = receiverExpression(params.fromUrl('receiver'));
  const matchers = receiverMatchers(ports, params);
  if (expression === undefined && matchers.length === 0) return undefined;
  const fitting = new Set(
    ports
      .receivers()
      .filter((receiver) => matchesAll(matchers, receiverLabels(receiver)))
      .map(({ name }) => name),
  );
  return (name) => (expression?.matches(name) ?? true) && (matchers.length === 0 || fitting.has(name));
}

function receiverExpression(source: string): RE2JS | undefined {
  if (source === '') return undefined;
  try {
    return RE2JS.compile(`^(?:${source})$`);
  } catch (error) {
    const reason = errorText(error).replace(/^error parsing regexp: /, '');
    throw new AlertmanagerApiError(400, `failed to parse receiver param: error parsing regexp: ${reason}`);
  }
}
