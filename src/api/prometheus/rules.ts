import { createHash } from 'node:crypto';
import { formatFloatExponent } from '../../core/float-text.ts';
import { goQuote } from '../../core/go-quote.ts';
import type { Matcher } from '../../core/matcher.ts';
import type { ActiveAlertView, RuleGroupView, RuleView } from '../../rules/index.ts';
import { labelsJson } from '../../promql/index.ts';
import { json, jsonList, jsonObject, pairsJson, timeText, type JsonPieces } from '../json-text.ts';
import { invalidParam, type Params } from '../params.ts';
import type { Success } from '../reply.ts';
import type { V1Context, V1Route } from './handler.ts';

/** Routes about rules and their alerts. */
export const RULE_ROUTES: readonly V1Route[] = [
  { path: '/rules', methods: ['GET'], handler: rules },
  { path: '/alerts', methods: ['GET'], handler: alerts },
];

function alerts({ ports }: V1Context): Success {
  return { data: jsonObject({ alerts: jsonList(ports.rules.activeAlerts(), alertJson) }) };
}

function alertJson(alert: ActiveAlertView): string {
  const since =
    alert.keepFiringSinceMs === undefined ? '' : `,"keepFiringSince":"${timeText(alert.keepFiringSinceMs)}"`;
  return (
    `{"labels":${labelsJson(alert.labels)},"annotations":${labelsJson(alert.annotations)},` +
    `"state":"${alert.state}","activeAt":"${timeText(alert.activeAtMs)}"${since},` +
    `"value":"${formatFloatExponent(alert.value)}"}`
  );
}

/** Which rules are wanted. */
interface RuleFilter {
  readonly names: ReadonlySet<string>;
  readonly matcherSets: readonly (readonly Matcher[])[];
  readonly type: string;
}

function rules({ ports, params }: V1Context): Success {
  const groupNames = new Set(params.all('rule_group[]'));
  const files = new Set(params.all('file[]'));
  const type = params.fromUrl('type').toLowerCase();
  const filter: RuleFilter = {
    type,
    names: new Set(params.all('rule_name[]')),
    matcherSets: params.matcherSets(),
  };
  if (!['', 'alert', 'record'].includes(type))
    throw invalidParam('type', `not supported value ${goQuote(type)}`);
  const excludeAlerts = booleanParam(params, 'exclude_alerts');
  const page = pageParams(params);
  const all = ports.rules.groups();
  const start = page.token === '' ? 0 : all.findIndex((group) => tokenOf(group) === page.token);
  if (start < 0) {
    const reason = `invalid group_next_token '${page.token}'. were rule groups changed?`;
    throw invalidParam('group_next_token', reason);
  }
  const shown: { readonly group: RuleGroupView; readonly rules: readonly RuleView[] }[] = [];
  let nextToken = '';
  for (const group of all.slice(start)) {
    if (groupNames.size > 0 && !groupNames.has(group.name)) continue;
    if (files.size > 0 && !files.has(group.file)) continue;
    const fitting = group.rules.filter((rule) => fits(rule, filter));
    if (fitting.length === 0) continue;
    if (page.limit > 0 && shown.length === page.limit) {
      nextToken = tokenOf(group);
      break;
    }
    shown.push({ group, rules: fitting });
  }
  const fields: Record<string, JsonPieces> = {
    groups: groupPieces(shown, excludeAlerts),
  };
  if (nextToken !== '') fields['groupNextToken'] = json(nextToken);
  return { data: jsonObject(fields) };
}

function fits(rule: RuleView, { names, matcherSets, type }: RuleFilter): boolean {
  if (names.size > 0 && !names.has(rule.name)) return false;
  if (type !== '' && type !== (rule.type === 'alerting' ? 'alert' : 'record')) return false;
  const labels = new Map(rule.labels);
  // What a template will yield is not known here, so it fits nothing.
  const matches = (matcher: Matcher): boolean => {
    const value = labels.get(matcher.name) ?? '';
    return !value.includes('{{') && matcher.matches(value);
  };
  return matcherSets.length === 0 || matcherSets.some((matchers) => matchers.every(matches));
}

function* groupPieces(
  shown: readonly { readonly group: RuleGroupView; readonly rules: readonly RuleView[] }[],
  excludeAlerts: boolean,
): JsonPieces {
  yield '[';
  for (const [i, { group, rules: fitting }] of shown.entries()) {
    if (i > 0) yield ',';
    yield* jsonObject({
      name: json(group.name),
      file: json(group.file),
      rules: rulePieces(fitting, excludeAlerts),
      interval: json(group.intervalMs / 1000),
      limit: json(group.limit),
      evaluationTime: json(group.evaluationTimeMs / 1000),
      lastEvaluation: json(timeText(group.lastEvaluationMs)),
    });
  }
  yield ']';
}

function* rulePieces(fitting: readonly RuleView[], excludeAlerts: boolean): JsonPieces {
  yield '[';
  for (const [i, rule] of fitting.entries()) {
    if (i > 0) yield ',';
    yield* jsonObject({ ...ruleHead(rule, excludeAlerts), ...ruleTail(rule) });
  }
  yield ']';
}

function ruleHead(rule: RuleView, excludeAlerts: boolean): Record<string, JsonPieces> {
  const base = { name: json(rule.name), query: json(rule.query) };
  if (rule.type === 'recording') return { ...base, labels: [pairsJson(rule.labels)] };
  return {
    state: json(rule.state),
    ...base,
    duration: json(rule.forMs / 1000),
    keepFiringFor: json(rule.keepFiringForMs / 1000),
    labels: [pairsJson(rule.labels)],
    annotations: [pairsJson(rule.annotations)],
    alerts: excludeAlerts ? json(null) : jsonList(rule.alerts, alertJson),
  };
}

function ruleTail(rule: RuleView): Record<string, JsonPieces> {
  return {
    health: json(rule.health),
    ...(rule.lastError !== '' && { lastError: json(rule.lastError) }),
    evaluationTime: json(rule.evaluationTimeMs / 1000),
    lastEvaluation: json(timeText(rule.lastEvaluationMs)),
    type: json(rule.type),
  };
}

function tokenOf(group: { readonly file: string; readonly name: string }): string {
  return createHash('sha256').update(`${group.file};${group.name}`).digest('hex');
}

const TRUE = new Set(['1', 't', 'true']);
const FALSE = new Set(['', '0', 'f', 'false']);

function booleanParam(params: Params, name: string): boolean {
  const text = params.fromUrl(name).toLowerCase();
  if (TRUE.has(text)) return true;
  if (FALSE.has(text)) return false;
  const reason = `strconv.ParseBool: parsing ${goQuote(text)}: invalid syntax`;
  throw invalidParam(name, `error converting exclude_alerts: ${reason}`);
}

function pageParams(params: Params): { readonly limit: number; readonly token: string } {
  const text = params.fromUrl('group_limit');
  const token = params.fromUrl('group_next_token');
  if (text === '') {
    if (token === '') return { limit: 0, token };
    const reason = 'group_limit needs to be present in order to paginate over the groups';
    throw invalidParam('group_next_token', reason);
  }
  if (!/^[+-]?\d{1,9}$/.test(text)) {
    const reason = `strconv.ParseInt: parsing ${goQuote(text)}: invalid syntax`;
    throw invalidParam('group_limit', `group_limit needs to be a valid number: ${reason}`);
  }
  if (Number(text) <= 0) throw invalidParam('group_limit', 'group_limit needs to be greater than 0');
  return { limit: Number(text), token };
}
