import type { Clock, Timer } from '../core/clock.ts';
import { TocsinError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { Matcher } from '../core/matcher.ts';
import type { Labels } from '../core/labels.ts';
import type { Random } from '../core/ports.ts';
import type { SilenceRepository, SilenceRow } from '../storage/index.ts';
import type { Alert } from './alert.ts';
import type { AlertListener } from './alert-store.ts';
import { equalMatchers, formatMatchers } from './matcher-text.ts';
import type { SilenceMetrics } from './metrics.ts';
import { canUpdate, compileMatcherSets, silenceMatches, silenceSizeBytes, silenceState } from './silence.ts';
import type { Silence, SilenceDraft, SilenceState } from './silence.ts';

/** What {@link Silences} needs. */
export interface SilencesOptions {
  readonly clock: Clock;
  readonly repository: SilenceRepository;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: SilenceMetrics;
  /** How long an ended silence is kept. */
  readonly retentionMs: number;
  readonly maintenanceIntervalMs: number;
  /** Ended ones included; 0 = no limit. */
  readonly maxSilences: number;
  /** 0 = no limit. */
  readonly maxSilenceSizeBytes: number;
  /** Whether changes are logged (`--log.silences`). */
  readonly logChanges: boolean;
  readonly isValidLabelName: (name: string) => boolean;
  /** Gets bugs of background work. */
  readonly onFailure: (name: string, error: unknown) => void;
}

/** What became of a draft. Reasons have Alertmanager's words. */
export type SetSilenceOutcome =
  | { readonly kind: 'set'; readonly silence: Silence }
  | { readonly kind: 'invalid'; readonly reason: string }
  | { readonly kind: 'limited'; readonly reason: string }
  | { readonly kind: 'not_found' };

/** Which silences are wanted; all conditions hold together. */
export interface SilenceQuery {
  readonly states?: readonly SilenceState[];
  /** A silence must contain each of these very matchers. */
  readonly filter?: readonly Matcher[];
  /** A silence must match these labels. */
  readonly labels?: Labels;
}

interface Kept {
  readonly silence: Silence;
  readonly expiresAtMs: number;
  /** Grows with each silence that is added or gets other matchers. */
  readonly version: number;
}

interface Cached {
  /** Silences up to this version have been looked at. */
  readonly version: number;
  /** Those of them that match. */
  readonly ids: readonly string[];
}

/**
 * The silences: made, changed, ended and asked for. Durable before acknowledged; ended ones are kept for the retention.
 *
 * @see alertmanager silence/silence.go
 */
export class Silences implements AlertListener {
  readonly name = 'silences';
  readonly #options: SilencesOptions;
  /** In order of version. */
  readonly #kept = new Map<string, Kept>();
  /** Matching silences by fingerprint, so that an alert is held against each silence once. */
  readonly #cache = new Map<string, Cached>();
  #version = 0;
  #changes: Promise<unknown> = Promise.resolve();
  #timer: Timer | undefined;

  constructor(options: SilencesOptions) {
    this.#options = options;
  }

  /** Takes over the silences of the last run; call it once, before anything else. */
  async load(): Promise<void> {
    const rows = await this.#options.clock.track(this.#options.repository.list());
    for (const row of rows) this.#keep(fromRow(row), row.expiresAtMs);
  }

  /** Begins to collect silences that ended long ago. */
  start(nowMs: number): void {
    const { clock, maintenanceIntervalMs, logger } = this.#options;
    this.#timer = clock.setTimer(nowMs + maintenanceIntervalMs, () => {
      const tickMs = clock.nowMs();
      this.start(tickMs);
      this.collect(tickMs).catch((error: unknown) => {
        this.#options.metrics.collectionErrors.inc();
        this.#options.metrics.gcErrors.inc();
        if (!(error instanceof TocsinError)) this.#options.onFailure('collect silences', error);
        else logger.error({ err: error }, 'old silences could not be removed from the state database');
      });
    });
  }

  /** Ends the timer and waits for changes under way. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    await this.#changes;
  }

  /**
   * Makes a silence or changes one. A change that would alter what the silence did in the past ends it and makes
   * another one instead. Resolves when that is on disk; rejects (TOCSIN_ERR_STATE) with nothing changed.
   */
  set(draft: SilenceDraft, nowMs: number): Promise<SetSilenceOutcome> {
    return this.#inOrder(() => this.#set(draft, nowMs));
  }

  /** Ends a silence; false when there is none with this id. Ending an ended one changes nothing. */
  expire(id: string, nowMs: number): Promise<boolean> {
    return this.#inOrder(async () => {
      const kept = this.#kept.get(id);
      if (kept === undefined) return false;
      if (silenceState(kept.silence, nowMs) === 'expired') return true;
      await this.#save([this.#ended(kept.silence, nowMs)], 'expire silence');
      return true;
    });
  }

  get(id: string): Silence | undefined {
    return this.#kept.get(id)?.silence;
  }

  /** Silences that fit: active ones by end, then pending ones by start, then expired ones by end, the latest first. */
  query(query: SilenceQuery, nowMs: number): Silence[] {
    const { metrics, clock } = this.#options;
    const startedMs = clock.monotonicMs();
    metrics.queries.inc();
    metrics.scanned.inc(this.#kept.size);
    const byState: Record<SilenceState, Silence[]> = { active: [], pending: [], expired: [] };
    for (const { silence } of this.#kept.values()) {
      const state = silenceState(silence, nowMs);
      if (query.states !== undefined && !query.states.includes(state)) continue;
      if (query.filter !== undefined && !containsMatchers(silence, query.filter)) continue;
      if (query.labels !== undefined && !silenceMatches(silence, query.labels)) continue;
      byState[state].push(silence);
    }
    byState.active.sort((a, b) => a.endsAtMs - b.endsAtMs);
    byState.pending.sort((a, b) => a.startsAtMs - b.startsAtMs);
    byState.expired.sort((a, b) => b.endsAtMs - a.endsAtMs);
    metrics.querySeconds.observe((clock.monotonicMs() - startedMs) / 1000);
    return [...byState.active, ...byState.pending, ...byState.expired];
  }

  /** Ids of the silences that hold the alert back at `nowMs`. Whether the alert fires doesn't matter. */
  mutedBy(alert: Pick<Alert, 'labels' | 'fingerprint'>, { nowMs }: { readonly nowMs: number }): string[] {
    if (this.#kept.size === 0) return [];
    const cached = this.#cache.get(alert.fingerprint);
    const ids = cached?.version === this.#version ? cached.ids : this.#rematch(alert, cached, nowMs);
    return ids.filter((id) => {
      const kept = this.#kept.get(id);
      return kept !== undefined && silenceState(kept.silence, nowMs) === 'active';
    });
  }

  /** How many silences are in each state. */
  count(nowMs: number): Record<SilenceState, number> {
    const counts: Record<SilenceState, number> = { active: 0, pending: 0, expired: 0 };
    for (const { silence } of this.#kept.values()) counts[silenceState(silence, nowMs)]++;
    return counts;
  }

  /** Forgets silences that ended longer than the retention ago; resolves to how many. */
  collect(nowMs: number): Promise<number> {
    return this.#inOrder(async () => {
      const { clock, metrics, repository } = this.#options;
      const startedMs = clock.monotonicMs();
      metrics.collections.inc();
      await clock.track(repository.removeExpired(nowMs));
      let removed = 0;
      for (const [id, { expiresAtMs }] of this.#kept) {
        if (expiresAtMs > nowMs) continue;
        this.#kept.delete(id);
        removed++;
      }
      metrics.collectSeconds.observe((clock.monotonicMs() - startedMs) / 1000);
      return removed;
    });
  }

  alertsCollected(alerts: readonly Alert[]): void {
    for (const alert of alerts) this.#cache.delete(alert.fingerprint);
  }

  async #set(draft: SilenceDraft, nowMs: number): Promise<SetSilenceOutcome> {
    const { isValidLabelName, maxSilences, random } = this.#options;
    const startsAtMs = draft.startsAtMs ?? nowMs;
    if (startsAtMs >= draft.endsAtMs)
      return invalid('Failed to create silence: start time must be before end time');
    if (draft.endsAtMs < nowMs) return invalid("Failed to create silence: end time can't be in the past");
    const compiled = compileMatcherSets(draft.matcherSets, isValidLabelName);
    if (compiled.kind === 'invalid') return invalid(`invalid silence: ${compiled.reason}`);
    const wanted = {
      matcherSets: compiled.matcherSets,
      startsAtMs,
      endsAtMs: draft.endsAtMs,
      updatedAtMs: nowMs,
      createdBy: draft.createdBy,
      comment: draft.comment,
      annotations: draft.annotations ?? {},
    };
    const old = draft.id === undefined || draft.id === '' ? undefined : this.get(draft.id);
    if (old === undefined && draft.id !== undefined && draft.id !== '') return { kind: 'not_found' };
    if (old !== undefined && canUpdate(old, wanted, nowMs)) {
      const updated = { id: old.id, ...wanted };
      return this.#tooLarge(updated) ?? this.#acknowledge(updated, [updated], 'update silence');
    }
    if (maxSilences > 0 && this.#kept.size + 1 > maxSilences) {
      const reason = `exceeded maximum number of silences: ${this.#kept.size} (limit: ${maxSilences})`;
      return { kind: 'limited', reason };
    }
    const created = { id: random.uuid(), ...wanted, startsAtMs: Math.max(startsAtMs, nowMs) };
    const replaced =
      old === undefined || silenceState(old, nowMs) === 'expired' ? [] : [this.#ended(old, nowMs)];
    return this.#tooLarge(created) ?? this.#acknowledge(created, [...replaced, created], 'create silence');
  }

  async #acknowledge(
    silence: Silence,
    changed: readonly Silence[],
    what: string,
  ): Promise<SetSilenceOutcome> {
    await this.#save(changed, what);
    return { kind: 'set', silence };
  }

  #tooLarge(silence: Silence): SetSilenceOutcome | undefined {
    const limit = this.#options.maxSilenceSizeBytes;
    const sizeBytes = limit > 0 ? silenceSizeBytes(silence, silence.endsAtMs + this.#options.retentionMs) : 0;
    if (sizeBytes <= limit) return undefined;
    const reason = `silence exceeded maximum size: ${sizeBytes} bytes (limit: ${limit} bytes)`;
    return { kind: 'limited', reason };
  }

  #ended(silence: Silence, nowMs: number): Silence {
    const startsAtMs = Math.min(silence.startsAtMs, nowMs);
    return { ...silence, startsAtMs, endsAtMs: nowMs, updatedAtMs: nowMs };
  }

  async #save(silences: readonly Silence[], what: string): Promise<void> {
    const { clock, repository, retentionMs, logChanges, logger } = this.#options;
    const rows = silences.map((silence): SilenceRow => ({
      ...silence,
      expiresAtMs: silence.endsAtMs + retentionMs,
    }));
    await clock.track(repository.save(rows));
    for (const silence of silences) {
      this.#keep(silence, silence.endsAtMs + retentionMs);
      if (!logChanges) continue;
      const { id, startsAtMs, endsAtMs, createdBy, comment } = silence;
      const matchers = silence.matcherSets.map(formatMatchers).join(' or ');
      logger.info({ id, matchers, startsAtMs, endsAtMs, createdBy, comment }, what);
    }
  }

  /** Matchers of a kept silence never change, so only a new one has to be matched. */
  #keep(silence: Silence, expiresAtMs: number): void {
    const version = this.#kept.get(silence.id)?.version ?? ++this.#version;
    this.#kept.set(silence.id, { silence, expiresAtMs, version });
  }

  #rematch(
    alert: Pick<Alert, 'labels' | 'fingerprint'>,
    cached: Cached | undefined,
    nowMs: number,
  ): readonly string[] {
    const { metrics } = this.#options;
    const ids: string[] = [];
    let scanned = 0;
    const known = new Set(cached?.ids);
    for (const { silence, version } of this.#kept.values()) {
      const isNew = version > (cached?.version ?? 0);
      if (isNew) scanned++;
      if (silenceState(silence, nowMs) === 'expired') continue;
      if (isNew ? silenceMatches(silence, alert.labels) : known.has(silence.id)) ids.push(silence.id);
    }
    metrics.scanned.inc(scanned);
    metrics.skipped.inc(this.#kept.size - scanned);
    this.#cache.set(alert.fingerprint, { version: this.#version, ids });
    return ids;
  }

  #inOrder<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#changes.then(change);
    this.#changes = done.then(
      () => undefined,
      () => undefined,
    );
    return done;
  }
}

function invalid(reason: string): SetSilenceOutcome {
  return { kind: 'invalid', reason };
}

function containsMatchers(silence: Silence, filter: readonly Matcher[]): boolean {
  return filter.every((wanted) =>
    silence.matcherSets.some((set) => set.some((matcher) => equalMatchers(matcher, wanted))),
  );
}

function fromRow(row: SilenceRow): Silence {
  return {
    id: row.id,
    matcherSets: row.matcherSets.map((set) => set.map(({ name, op, value }) => new Matcher(name, op, value))),
    startsAtMs: row.startsAtMs,
    endsAtMs: row.endsAtMs,
    updatedAtMs: row.updatedAtMs,
    createdBy: row.createdBy,
    comment: row.comment,
    annotations: row.annotations,
  };
}
