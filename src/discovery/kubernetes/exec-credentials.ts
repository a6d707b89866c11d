import { z } from 'zod';
import { startDeadline } from '../../core/clock.ts';
import { errorText, TocsinError } from '../../core/errors.ts';
import type { HttpClientConfig } from '../../core/http-config.ts';
import { Secret } from '../../core/secret.ts';
import type { JsonHttp } from '../fetch-json.ts';
import type { ProviderContext } from '../provider.ts';

/** A program that gives credentials, as `users[].user.exec` of a kubeconfig names it. */
export interface ExecPlugin {
  readonly apiVersion: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** What to do when the program is not there; '' when nothing is said. */
  readonly installHint: string;
  /** What the program is told about the cluster; undefined when it is to be told nothing. */
  readonly cluster: Readonly<Record<string, unknown>> | undefined;
}

const TIMEOUT_MS = 60_000;
/** Credentials are fetched again this long before they end. */
const MARGIN_MS = 10_000;

const answerSchema = z.object({
  kind: z.literal('ExecCredential'),
  apiVersion: z.string(),
  status: z.object({
    expirationTimestamp: z.string().nullish(),
    token: z.string().default(''),
    clientCertificateData: z.string().default(''),
    clientKeyData: z.string().default(''),
  }),
});

interface Credentials {
  readonly http: JsonHttp;
  /** undefined: until the server refuses them. */
  readonly expiresAtMs: number | undefined;
}

/**
 * HTTP with the credentials that a program gives: kept until they end or the server refuses them (401), and shared by
 * requests at the same time.
 *
 * @see kubernetes.io/docs/reference/access-authn-authz/authentication "client-go credential plugins"
 */
export class ExecHttp implements JsonHttp {
  readonly #plugin: ExecPlugin;
  readonly #config: HttpClientConfig;
  readonly #context: ProviderContext;
  #known: Credentials | undefined;
  #fetching: Promise<Credentials> | undefined;

  constructor(plugin: ExecPlugin, config: HttpClientConfig, context: ProviderContext) {
    this.#plugin = plugin;
    this.#config = config;
    this.#context = context;
  }

  async request(request: Parameters<JsonHttp['request']>[0]): ReturnType<JsonHttp['request']> {
    const credentials = await this.#credentials(request.signal);
    const response = await credentials.http.request(request);
    if (response.status === 401 && this.#known === credentials) this.#known = undefined;
    return response;
  }

  redact(text: string): string {
    return this.#known?.http.redact(text) ?? text;
  }

  async #credentials(signal: AbortSignal): Promise<Credentials> {
    for (;;) {
      const known = this.#known;
      const nowMs = this.#context.clock.nowMs();
      if (known !== undefined && (known.expiresAtMs === undefined || nowMs < known.expiresAtMs - MARGIN_MS)) {
        return known;
      }
      if (this.#fetching === undefined) {
        this.#fetching = this.#run(signal);
        try {
          this.#known = await this.#fetching;
          return this.#known;
        } finally {
          this.#fetching = undefined;
        }
      }
      // Somebody else is at it; should theirs fail (their time may be up), the next round tries with ours.
      await this.#fetching.catch(() => undefined);
      signal.throwIfAborted();
    }
  }

  async #run(signal: AbortSignal): Promise<Credentials> {
    const { apiVersion, command, args, environment, installHint, cluster } = this.#plugin;
    const { programs, clock } = this.#context;
    const info = {
      kind: 'ExecCredential',
      apiVersion,
      spec: { interactive: false, ...(cluster !== undefined && { cluster }) },
    };
    const deadline = startDeadline(
      clock,
      TIMEOUT_MS,
      () => new TocsinError('TOCSIN_ERR_TIMEOUT', `${command} did not end within ${TIMEOUT_MS} ms`),
      signal,
    );
    try {
      const result = await programs.run({
        program: command,
        args,
        environment: { ...environment, KUBERNETES_EXEC_INFO: JSON.stringify(info) },
        signal: deadline.signal,
      });
      if (result.exitCode !== 0) {
        const said = result.stderr.trim().replaceAll(/\s+/g, ' ').slice(0, 500);
        throw new TocsinError('TOCSIN_ERR_PROGRAM', `${command} ended with ${result.exitCode}: ${said}`);
      }
      return this.#read(result.stdout);
    } catch (error) {
      signal.throwIfAborted();
      const hint = installHint === '' ? '' : ` (${installHint.trim().replaceAll(/\s+/g, ' ')})`;
      throw new TocsinError(
        'TOCSIN_ERR_PROGRAM',
        `no credentials for Kubernetes: ${errorText(error)}${hint}`,
        {
          cause: error,
        },
      );
    } finally {
      deadline.dispose();
    }
  }

  #read(text: string): Credentials {
    const { command, apiVersion } = this.#plugin;
    const refuse = (what: string): never => {
      // What it printed holds a secret, or a part of one.
      throw new TocsinError('TOCSIN_ERR_PARSE', `what ${command} printed is not as expected: ${what}`);
    };
    let raw: unknown;
    try {
      raw = JSON.parse(text);
    } catch {
      return refuse('not valid JSON');
    }
    const result = answerSchema.safeParse(raw);
    if (!result.success) {
      const [issue] = result.error.issues;
      return refuse(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
    }
    const { status } = result.data;
    if (result.data.apiVersion !== apiVersion) {
      return refuse(`apiVersion ${result.data.apiVersion}, where ${apiVersion} was asked for`);
    }
    const { token, clientCertificateData: cert, clientKeyData: key } = status;
    if ((cert === '') !== (key === '') || (token === '' && cert === '')) {
      return refuse('neither a token nor a certificate with its key');
    }
    const { tls } = this.#config;
    const http = this.#context.httpFor({
      ...this.#config,
      ...(token !== '' && {
        basicAuth: undefined,
        authorization: { type: 'Bearer', credentials: new Secret(token), credentialsFile: undefined },
      }),
      ...(cert !== '' && {
        tls: { ...tls, cert, certFile: undefined, key: new Secret(key), keyFile: undefined },
      }),
    });
    return { http, expiresAtMs: Date.parse(status.expirationTimestamp ?? '') || undefined };
  }
}
