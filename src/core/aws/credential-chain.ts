import { startDeadline } from '../clock.ts';
import { TocsinError } from '../errors.ts';
import { Secret } from '../secret.ts';
import { lastingCredentials, readCredentialsJson } from './aws-credentials.ts';
import type { AwsCredentials } from './aws-credentials.ts';
import { ask, callAws } from './aws-http.ts';
import type { AwsContext } from './aws-http.ts';
import { InstanceMetadata } from './instance-metadata.ts';
import { readProfiles } from './profiles.ts';
import type { Profile } from './profiles.ts';
import type { XmlElement } from './xml.ts';

/** Where credentials come from, by the keys that all blocks for AWS share. */
export interface AwsAccess {
  /** '' to find it out. */
  readonly region: string;
  /** Profile whose region counts where none is configured; the default one when absent. */
  readonly regionProfile?: string;
  readonly accessKey: string;
  readonly secretKey: Secret | undefined;
  readonly profile: string;
  readonly roleArn: string;
  readonly externalId: string;
}

/** Credentials are fetched again this long before they end. */
const MARGIN_MS = 5 * 60_000;
const CONTAINER_TIMEOUT_MS = 5000;
const PROGRAM_TIMEOUT_MS = 60_000;
/** A profile may name another as its source, which may name another. */
const MAX_PROFILES = 10;
const STS_VERSION = '2011-06-15';

/**
 * Credentials by AWS' usual chain: those of the config; else of the profile that is named; else of the environment (keys,
 * web identity); else of the default profile; else of the container; else of the instance. Where a role is named it is
 * assumed with them. They are kept until shortly before they end.
 *
 * @see github.com/aws/aws-sdk-go-v2/config resolve_credentials.go
 */
export class CredentialChain {
  readonly #access: AwsAccess;
  readonly #region: string;
  readonly #context: AwsContext;
  #known: AwsCredentials | undefined;

  /** `region` is where roles are assumed. */
  constructor(access: AwsAccess, region: string, context: AwsContext) {
    this.#access = access;
    this.#region = region;
    this.#context = context;
  }

  /** Forgets what is known: AWS refused it. */
  forget(): void {
    this.#known = undefined;
  }

  /** Rejects with a TocsinError when nothing of the chain has any. */
  async get(signal: AbortSignal): Promise<AwsCredentials> {
    const nowMs = this.#context.clock.nowMs();
    const known = this.#known;
    if (known !== undefined && (known.expiresAtMs === undefined || nowMs < known.expiresAtMs - MARGIN_MS)) {
      return known;
    }
    let credentials = await this.#resolve(signal);
    const { roleArn, externalId } = this.#access;
    if (roleArn !== '') credentials = await this.#assumeRole(credentials, roleArn, externalId, '', signal);
    this.#known = credentials;
    return credentials;
  }

  async #resolve(signal: AbortSignal): Promise<AwsCredentials> {
    const { accessKey, secretKey, profile } = this.#access;
    if (accessKey !== '' && secretKey !== undefined) return lastingCredentials(accessKey, secretKey.reveal());
    const { environment } = this.#context;
    if (profile === '') {
      const keyId = environment['AWS_ACCESS_KEY_ID'] ?? environment['AWS_ACCESS_KEY'] ?? '';
      const secret = environment['AWS_SECRET_ACCESS_KEY'] ?? environment['AWS_SECRET_KEY'] ?? '';
      if (keyId !== '' && secret !== '')
        return lastingCredentials(keyId, secret, environment['AWS_SESSION_TOKEN']);
      const tokenFile = environment['AWS_WEB_IDENTITY_TOKEN_FILE'] ?? '';
      if (tokenFile !== '') {
        return this.#assumeWebIdentity(
          tokenFile,
          environment['AWS_ROLE_ARN'] ?? '',
          environment['AWS_ROLE_SESSION_NAME'] ?? '',
          signal,
        );
      }
    }
    const profiles = await readProfiles(this.#context);
    const name = profile || environment['AWS_PROFILE'] || environment['AWS_DEFAULT_PROFILE'] || 'default';
    const found = profiles.get(name);
    if (found === undefined && name !== 'default') {
      throw new TocsinError('TOCSIN_ERR_HTTP', `failed to get shared config profile, ${name}`);
    }
    const ofProfile = found && (await this.#ofProfile(found, profiles, 0, signal));
    return ofProfile ?? this.#ofSurroundings(signal);
  }

  /** The credentials that a profile leads to; undefined when it says nothing of any. */
  async #ofProfile(
    profile: Profile,
    profiles: ReadonlyMap<string, Profile>,
    depth: number,
    signal: AbortSignal,
  ): Promise<AwsCredentials | undefined> {
    const refuse = (what: string): never => {
      throw new TocsinError('TOCSIN_ERR_HTTP', `profile ${JSON.stringify(profile.name)}: ${what}`);
    };
    if (depth > MAX_PROFILES) refuse('its source profiles name each other');
    const at = (key: string): string => profile.values.get(key) ?? '';
    const role = at('role_arn');
    if (at('web_identity_token_file') !== '') {
      return this.#assumeWebIdentity(at('web_identity_token_file'), role, at('role_session_name'), signal);
    }
    if (role !== '') {
      let base: AwsCredentials | undefined;
      if (at('source_profile') === profile.name) base = lastingOf(profile);
      else if (at('source_profile') !== '') {
        const source = profiles.get(at('source_profile'));
        if (source === undefined) return refuse(`there is no source profile ${at('source_profile')}`);
        base = await this.#ofProfile(source, profiles, depth + 1, signal);
      } else base = await this.#ofSource(at('credential_source'), signal);
      if (base === undefined) return refuse('role_arn needs a source_profile or a credential_source');
      return this.#assumeRole(base, role, at('external_id'), at('role_session_name'), signal);
    }
    const keys = lastingOf(profile);
    if (keys !== undefined) return keys;
    if (at('credential_process') !== '') return this.#ofProgram(at('credential_process'), signal);
    for (const key of ['sso_session', 'sso_start_url']) {
      if (at(key) !== '') refuse(`${key} is not in this version`);
    }
    return undefined;
  }

  async #ofSource(source: string, signal: AbortSignal): Promise<AwsCredentials | undefined> {
    const { environment } = this.#context;
    if (source === 'Ec2InstanceMetadata') return new InstanceMetadata(this.#context).credentials(signal);
    if (source === 'EcsContainer') return this.#ofContainer(signal);
    if (source !== 'Environment') return undefined;
    const keyId = environment['AWS_ACCESS_KEY_ID'] ?? '';
    const secret = environment['AWS_SECRET_ACCESS_KEY'] ?? '';
    return keyId === '' ? undefined : lastingCredentials(keyId, secret, environment['AWS_SESSION_TOKEN']);
  }

  /** What a command line prints; as the SDKs do, the shell reads it. */
  async #ofProgram(commandLine: string, signal: AbortSignal): Promise<AwsCredentials> {
    const deadline = startDeadline(
      this.#context.clock,
      PROGRAM_TIMEOUT_MS,
      () => new TocsinError('TOCSIN_ERR_TIMEOUT', 'credential_process did not end in time'),
      signal,
    );
    try {
      const { exitCode, stdout, stderr } = await this.#context.programs.run({
        program: 'sh',
        args: ['-c', commandLine],
        environment: {},
        signal: deadline.signal,
      });
      if (exitCode === 0) return readCredentialsJson(stdout, 'credential_process');
      const said = stderr.trim().replaceAll(/\s+/g, ' ').slice(0, 500);
      throw new TocsinError('TOCSIN_ERR_PROGRAM', `credential_process ended with ${exitCode}: ${said}`);
    } finally {
      deadline.dispose();
    }
  }

  async #ofSurroundings(signal: AbortSignal): Promise<AwsCredentials> {
    return (await this.#ofContainer(signal)) ?? new InstanceMetadata(this.#context).credentials(signal);
  }

  /** ECS tasks, and EKS pods with an identity of their own. */
  async #ofContainer(signal: AbortSignal): Promise<AwsCredentials | undefined> {
    const { environment, files } = this.#context;
    const relative = environment['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI'] ?? '';
    const full = environment['AWS_CONTAINER_CREDENTIALS_FULL_URI'] ?? '';
    if (relative === '' && full === '') return undefined;
    const url = relative === '' ? full : `http://169.254.170.2${relative}`;
    const tokenFile = environment['AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE'] ?? '';
    const token =
      tokenFile === ''
        ? (environment['AWS_CONTAINER_AUTHORIZATION_TOKEN'] ?? '')
        : new TextDecoder().decode(await files.readFile(tokenFile)).trim();
    const headers: Record<string, string> = token === '' ? {} : { Authorization: token };
    const request = { method: 'GET', url, headers, timeoutMs: CONTAINER_TIMEOUT_MS } as const;
    const { status, text } = await ask(this.#context, request, signal);
    if (status !== 200) throw new TocsinError('TOCSIN_ERR_HTTP', `container credentials: status ${status}`);
    return readCredentialsJson(text, 'container credentials');
  }

  async #assumeRole(
    base: AwsCredentials,
    roleArn: string,
    externalId: string,
    sessionName: string,
    signal: AbortSignal,
  ): Promise<AwsCredentials> {
    const answer = await callAws(
      this.#context,
      {
        ...this.#sts('AssumeRole'),
        parameters: {
          RoleArn: roleArn,
          RoleSessionName: sessionName || this.#sessionName(),
          DurationSeconds: '900',
          ...(externalId !== '' && { ExternalId: externalId }),
        },
        credentials: base,
      },
      signal,
    );
    return readStsCredentials(answer.find('AssumeRoleResult', 'Credentials'));
  }

  async #assumeWebIdentity(
    tokenFile: string,
    roleArn: string,
    sessionName: string,
    signal: AbortSignal,
  ): Promise<AwsCredentials> {
    const token = new TextDecoder().decode(await this.#context.files.readFile(tokenFile)).trim();
    const answer = await callAws(
      this.#context,
      {
        ...this.#sts('AssumeRoleWithWebIdentity'),
        parameters: {
          RoleArn: roleArn,
          RoleSessionName: sessionName || this.#sessionName(),
          WebIdentityToken: token,
        },
        credentials: undefined,
      },
      signal,
    );
    return readStsCredentials(answer.find('AssumeRoleWithWebIdentityResult', 'Credentials'));
  }

  #sts(action: string) {
    return { service: 'sts', region: this.#region, endpoint: '', version: STS_VERSION, action } as const;
  }

  #sessionName(): string {
    return `tocsin-${this.#context.clock.nowMs()}`;
  }
}

function lastingOf({ values }: Profile): AwsCredentials | undefined {
  const keyId = values.get('aws_access_key_id') ?? '';
  const secret = values.get('aws_secret_access_key') ?? '';
  if (keyId === '' || secret === '') return undefined;
  return lastingCredentials(keyId, secret, values.get('aws_session_token'));
}

function readStsCredentials(element: XmlElement | undefined): AwsCredentials {
  const keyId = element?.textAt('AccessKeyId');
  const secret = element?.textAt('SecretAccessKey');
  if (keyId === undefined || secret === undefined) {
    throw new TocsinError('TOCSIN_ERR_HTTP', 'the answer of STS has no credentials');
  }
  return {
    accessKeyId: keyId,
    secretAccessKey: new Secret(secret),
    sessionToken: element?.textAt('SessionToken') ?? '',
    expiresAtMs: Date.parse(element?.textAt('Expiration') ?? '') || undefined,
  };
}
