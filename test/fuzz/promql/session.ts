import { silentLogger } from '../../../src/core/log.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { SystemClock } from '../../../src/core/system/system-clock.ts';
import { LocalQueryEngine, PromqlParseError, QueryError } from '../../../src/promql/index.ts';
import type { SampleStorage } from '../../../src/storage/index.ts';
import { difference, fromEngine, type Answer, type FuzzQuery } from './answers.ts';
import { fill, makeData, type FuzzSeries } from './data.ts';
import { documentedDifference } from './differences.ts';
import { ExpressionMaker } from './expressions.ts';
import { ReferenceProgram, type Features } from './reference-program.ts';

/** What is compared. */
export interface SessionOptions extends Features {
  readonly program: string;
  readonly seed: number;
  readonly makeStorage: () => SampleStorage;
}

/** A query to which the programs give different answers. */
export interface Finding {
  readonly query: FuzzQuery;
  readonly found: string;
}

/** Both programs with the same data. */
export class Pair {
  readonly #engine: LocalQueryEngine;
  readonly #reference: ReferenceProgram;
  readonly #full: boolean;
  /** How many queries had an answer rather than an error. */
  answered = 0;

  private constructor(engine: LocalQueryEngine, reference: ReferenceProgram, full: boolean) {
    this.#engine = engine;
    this.#reference = reference;
    this.#full = full;
  }

  /** Starts the reference program and fills both. */
  static async start(options: SessionOptions, data: readonly FuzzSeries[]): Promise<Pair> {
    const storage = options.makeStorage();
    await fill(storage, data);
    const { full } = options;
    const features = full
      ? { experimentalFunctions: true, extendedRangeSelectors: true, fillModifiers: true }
      : {};
    const engine = new LocalQueryEngine({
      storage,
      clock: new SystemClock(),
      logger: silentLogger,
      delayedNameRemoval: options.delayedNameRemoval,
      parseOptions: { features },
    });
    return new Pair(engine, await ReferenceProgram.start(options.program, data, options), full);
  }

  /** What our engine says; what isn't an error of the query is thrown. */
  async ours({ expr, instant, startMs, endMs, stepMs }: FuzzQuery): Promise<Answer> {
    try {
      const result = instant
        ? await this.#engine.instant(expr, startMs)
        : await this.#engine.range(expr, startMs, endMs, stepMs);
      return fromEngine(result);
    } catch (error) {
      if (error instanceof QueryError || error instanceof PromqlParseError) return { error: error.message };
      return { error: `bug: ${error instanceof Error ? error.stack : String(error)}` };
    }
  }

  async theirs(query: FuzzQuery): Promise<Answer> {
    return await this.#reference.answer(query);
  }

  /** What is different, unless that is documented. Attempts at making a query smaller aren't counted. */
  async compare(query: FuzzQuery, counted = true): Promise<string | undefined> {
    const [mine, reference] = await Promise.all([this.ours(query), this.theirs(query)]);
    if (counted && !('error' in reference)) this.answered++;
    const found = difference(mine, reference, this.#full);
    if (found === undefined || documentedDifference(query.expr, found, this.#full) !== undefined)
      return undefined;
    return found;
  }

  async stop(): Promise<void> {
    await this.#reference.stop();
  }
}

/** Random queries, equal for equal seeds. */
export class QueryMaker {
  readonly #random: SeededRandom;
  readonly #full: boolean;
  readonly #expressions: ExpressionMaker;

  constructor(seed: number, full: boolean) {
    this.#random = new SeededRandom(seed);
    this.#full = full;
    this.#expressions = new ExpressionMaker({ random: this.#random, full });
  }

  /** The next query, its expression at most `depth` levels deep. */
  next(depth: number): FuzzQuery {
    const expr = this.#expressions.any(depth);
    const random = (most: number): number => Math.floor(this.#random.next() * most);
    // A whole second and three: no sample of 2.42's data lies there, nor on an edge of a window.
    const atMs = (30 * 60 + random(70 * 60)) * 1000;
    const startMs = this.#full ? atMs - (random(2) === 0 ? atMs % 15_000 : 0) : atMs - (atMs % 60_000) + 3000;
    if (random(3) === 0) return { expr, instant: true, startMs, endMs: startMs, stepMs: 0 };
    const stepMs = [420_000, 60_000, 15_000, 97_000][random(this.#full ? 4 : 2)]!;
    return { expr, instant: false, startMs, endMs: startMs + stepMs * (1 + random(12)), stepMs };
  }
}

/** The data that a seed stands for. */
export function dataOf(options: Pick<SessionOptions, 'seed' | 'full'>): FuzzSeries[] {
  return makeData(options);
}
