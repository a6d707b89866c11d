import { TocsinError } from '../core/errors.ts';
import { Matcher, matchesAll } from '../core/matcher.ts';
import type { MatchOp } from '../core/matcher.ts';
import type { Labels } from '../core/labels.ts';
import { equalMatchers } from './matcher-text.ts';

/** Whether a silence is yet to begin, holds alerts back, or is over. */
export type SilenceState = 'pending' | 'active' | 'expired';

/** A silence. A value: a changed silence is a new object. */
export interface Silence {
  /** UUID. */
  readonly id: string;
  /** Any of the sets must match, each by all of its matchers. The API knows exactly one set. */
  readonly matcherSets: readonly (readonly Matcher[])[];
  readonly startsAtMs: number;
  /** Not included. */
  readonly endsAtMs: number;
  readonly updatedAtMs: number;
  readonly createdBy: string;
  readonly comment: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** A matcher as somebody asks for it; the expression may be wrong. */
export interface DraftMatcher {
  readonly name: string;
  readonly op: MatchOp;
  readonly value: string;
}

/** A silence as somebody asks for it: with an id a change of that silence. */
export interface SilenceDraft {
  readonly id?: string;
  readonly matcherSets: readonly (readonly DraftMatcher[])[];
  /** Absent or past = now. */
  readonly startsAtMs?: number;
  readonly endsAtMs: number;
  readonly createdBy: string;
  readonly comment: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The state of a silence at a moment. */
export function silenceState(silence: Pick<Silence, 'startsAtMs' | 'endsAtMs'>, nowMs: number): SilenceState {
  if (nowMs >= silence.endsAtMs) return 'expired';
  return nowMs < silence.startsAtMs ? 'pending' : 'active';
}

/** Whether a silence holds back alerts with these labels while it is active. */
export function silenceMatches(silence: Silence, labels: Labels): boolean {
  return silence.matcherSets.some((matchers) => matchesAll(matchers, labels));
}

/**
 * Whether a silence can be changed in place without changing what it did in the past; otherwise it is ended and another
 * one takes its place. Comment, author and annotations can always be changed.
 *
 * @see alertmanager silence/silence.go canUpdate
 */
export function canUpdate(
  old: Silence,
  wanted: Pick<Silence, 'matcherSets' | 'startsAtMs' | 'endsAtMs'>,
  nowMs: number,
): boolean {
  if (!sameMatcherSets(old.matcherSets, wanted.matcherSets)) return false;
  switch (silenceState(old, nowMs)) {
    case 'active':
      return (
        Math.floor(old.startsAtMs / 1000) === Math.floor(wanted.startsAtMs / 1000) && wanted.endsAtMs >= nowMs
      );
    case 'pending':
      return wanted.startsAtMs >= nowMs;
    case 'expired':
      return false;
  }
}

function sameMatcherSets(a: Silence['matcherSets'], b: Silence['matcherSets']): boolean {
  const sameSet = (left: readonly Matcher[], right: readonly Matcher[]): boolean =>
    left.length === right.length && left.every((matcher, i) => equalMatchers(matcher, right[i]!));
  return a.length === b.length && a.every((set, i) => sameSet(set, b[i]!));
}

/** What {@link compileMatcherSets} says. */
export type CompiledMatcherSets =
  | { readonly kind: 'ok'; readonly matcherSets: readonly (readonly Matcher[])[] }
  | { readonly kind: 'invalid'; readonly reason: string };

/**
 * Checks and compiles the matchers of a draft: names valid, expressions too, and not every one of a set may match the
 * empty text (such a silence would hold back every alert).
 *
 * @see alertmanager silence/silence.go validateSilence
 */
export function compileMatcherSets(
  drafts: SilenceDraft['matcherSets'],
  isValidLabelName: (name: string) => boolean,
): CompiledMatcherSets {
  const invalid = (reason: string): CompiledMatcherSets => ({ kind: 'invalid', reason });
  if (drafts.length === 0) return invalid('at least one matcher set required');
  const matcherSets: Matcher[][] = [];
  for (const [set, draft] of drafts.entries()) {
    if (draft.length === 0) return invalid(`matcher set ${set} is empty`);
    const matchers: Matcher[] = [];
    for (const [i, matcher] of draft.entries()) {
      const compiled = compileMatcher(matcher, isValidLabelName);
      if (typeof compiled === 'string')
        return invalid(`invalid label matcher ${i} in set ${set}: ${compiled}`);
      matchers.push(compiled);
    }
    if (matchers.every((matcher) => !matcher.op.startsWith('!') && matcher.matches(''))) {
      return invalid(`matcher set ${set}: at least one matcher must not match the empty string`);
    }
    matcherSets.push(matchers);
  }
  return { kind: 'ok', matcherSets };
}

function compileMatcher(draft: DraftMatcher, isValidLabelName: (name: string) => boolean): Matcher | string {
  if (!isValidLabelName(draft.name)) return `invalid label name ${JSON.stringify(draft.name)}`;
  if (!draft.value.isWellFormed()) return `invalid label value ${JSON.stringify(draft.value)}`;
  try {
    return new Matcher(draft.name, draft.op, draft.value);
  } catch (error) {
    if (!(error instanceof TocsinError)) throw error;
    return `invalid regular expression ${JSON.stringify(draft.value)}: ${error.message}`;
  }
}

/**
 * Size of a silence as Alertmanager stores it (its protobuf message, the first matcher set written twice), for
 * `--silences.max-silence-size-bytes`.
 *
 * @see alertmanager silence/silencepb/silence.proto
 */
export function silenceSizeBytes(silence: Silence, expiresAtMs: number): number {
  const sets = silence.matcherSets.map((set) =>
    set.reduce((sum, matcher) => sum + field(matcherSize(matcher)), 0),
  );
  let size = textField(silence.id) + (sets[0] ?? 0);
  for (const timeMs of [silence.startsAtMs, silence.endsAtMs, silence.updatedAtMs])
    size += field(timeSize(timeMs));
  size += textField(silence.createdBy) + textField(silence.comment);
  for (const [name, value] of Object.entries(silence.annotations))
    size += field(textField(name) + textField(value));
  for (const set of sets) size += field(set);
  return field(size) + field(timeSize(expiresAtMs));
}

const OP_NUMBERS: Readonly<Record<MatchOp, number>> = { '=': 0, '=~': 1, '!=': 2, '!~': 3 };

function matcherSize(matcher: Matcher): number {
  return (OP_NUMBERS[matcher.op] === 0 ? 0 : 2) + textField(matcher.name) + textField(matcher.value);
}

/** A length-delimited field with a tag of one byte. */
function field(sizeBytes: number): number {
  return 1 + varintSize(sizeBytes) + sizeBytes;
}

function textField(text: string): number {
  return text === '' ? 0 : field(Buffer.byteLength(text));
}

function timeSize(timeMs: number): number {
  const seconds = Math.floor(timeMs / 1000);
  const nanos = (timeMs - seconds * 1000) * 1e6;
  return (seconds === 0 ? 0 : 1 + varintSize(seconds)) + (nanos === 0 ? 0 : 1 + varintSize(nanos));
}

function varintSize(value: number): number {
  if (value < 0) return 10;
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++;
  return size;
}
