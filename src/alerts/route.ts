import { assert } from '../core/errors.ts';
import { goQuote } from '../core/go-quote.ts';
import { Labels } from '../core/labels.ts';
import { matchesAll } from '../core/matcher.ts';
import type { Matcher } from '../core/matcher.ts';
import type { RouteConfig } from './config.ts';
import type { RouteOptions } from './flush.ts';
import { formatMatchers } from './matcher-text.ts';

const DEFAULTS = { groupWaitMs: 30_000, groupIntervalMs: 300_000, repeatIntervalMs: 14_400_000 };

/** What a route takes from its parent where it says nothing itself. */
interface Inherited {
  readonly receiver: string;
  readonly groupBy: 'all' | readonly string[];
  readonly groupWaitMs: number;
  readonly groupIntervalMs: number;
  readonly repeatIntervalMs: number;
  readonly labels: Labels;
}

/**
 * A node of the routing tree after inheritance.
 *
 * @see alertmanager dispatch/route.go
 */
export class Route {
  /** Place in the tree, unique: `{}/{severity="page"}/0`. */
  readonly id: string;
  /**
   * First part of the keys of the route's groups: `{}/{severity="page"}`. Equals Alertmanager's except that a sibling
   * with the same matchers as an earlier one has `#2`, `#3` … behind them, so that the two don't share a notification log.
   */
  readonly key: string;
  /** Position in depth-first order, the root's being 0. */
  readonly index: number;
  readonly options: RouteOptions;
  /** Label names, sorted by appearance, or every label of the alert. */
  readonly groupBy: 'all' | readonly string[];
  readonly matchers: readonly Matcher[];
  readonly continues: boolean;
  readonly children: readonly Route[];

  private constructor(config: RouteConfig, inherited: Inherited, place: Place, count: { routes: number }) {
    this.id = place.id;
    this.key = place.key;
    this.index = count.routes++;
    this.groupBy = config.groupBy ?? inherited.groupBy;
    this.matchers = config.matchers;
    this.continues = config.continue;
    this.options = {
      receiver: config.receiver ?? inherited.receiver,
      groupWaitMs: config.groupWaitMs ?? inherited.groupWaitMs,
      groupIntervalMs: config.groupIntervalMs ?? inherited.groupIntervalMs,
      repeatIntervalMs: config.repeatIntervalMs ?? inherited.repeatIntervalMs,
      muteTimeIntervals: config.muteTimeIntervals,
      activeTimeIntervals: config.activeTimeIntervals,
      labels: inherited.labels.merge(config.labels),
    };
    const timesSeen = new Map<string, number>();
    this.children = config.routes.map((child, i) => {
      const matchers = formatMatchers(child.matchers);
      const times = (timesSeen.get(matchers) ?? 0) + 1;
      timesSeen.set(matchers, times);
      const suffix = times === 1 ? '' : `#${times}`;
      const childPlace = { id: `${this.id}/${matchers}/${i}`, key: `${this.key}/${matchers}${suffix}` };
      return new Route(child, { ...this.options, groupBy: this.groupBy }, childPlace, count);
    });
  }

  /** The tree of a checked configuration. */
  static fromConfig(config: RouteConfig): Route {
    const { receiver } = config;
    assert(receiver !== undefined && config.matchers.length === 0, 'the root route must pass checkRouting');
    const inherited = { receiver, groupBy: [], labels: Labels.EMPTY, ...DEFAULTS };
    return new Route(config, inherited, { id: '{}', key: '{}' }, { routes: 0 });
  }

  /**
   * The routes that an alert goes to: depth first; a child that matches takes it, siblings after it are tried only when
   * it says `continue`, and a node is itself a target only if no child matched. Empty when the node itself doesn't match.
   */
  match(labels: Labels): Route[] {
    if (!matchesAll(this.matchers, labels)) return [];
    const found: Route[] = [];
    for (const child of this.children) {
      const matched = child.match(labels);
      found.push(...matched);
      if (matched.length > 0 && !child.continues) break;
    }
    return found.length > 0 ? found : [this];
  }

  /** This node and all below it, depth first. */
  *walk(): Generator<Route> {
    yield this;
    for (const child of this.children) yield* child.walk();
  }

  /** The labels by which an alert's group is known. */
  groupLabels(labels: Labels): Labels {
    return this.groupBy === 'all' ? labels : labels.only(this.groupBy);
  }

  /** `{}/{matchers}…:{labels}`. */
  groupKey(groupLabels: Labels): string {
    return `${this.key}:${formatLabelSet(groupLabels)}`;
  }
}

interface Place {
  readonly id: string;
  readonly key: string;
}

/** `{a="b", c="d"}` with names as they are and Go-quoted values: Go's model.LabelSet.String. */
export function formatLabelSet(labels: Labels): string {
  const parts: string[] = [];
  for (const [name, value] of labels) parts.push(`${name}=${goQuote(value)}`);
  return `{${parts.join(', ')}}`;
}
