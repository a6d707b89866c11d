import type { HttpConnection } from './ports.ts';

/** How to reach an SMTP server and introduce oneself. */
export interface MailServer {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte instead of STARTTLS. */
  readonly implicitTls: boolean;
  /** Without implicit TLS: STARTTLS must succeed; when false it is not used. */
  readonly requireTls: boolean;
  readonly tls?: NonNullable<HttpConnection['tls']>;
  /** Sent with EHLO. */
  readonly hello: string;
  /**
   * Used when the server offers AUTH: the first mechanism in the server's order that there is a secret for (CRAM-MD5 with
   * `secret`, PLAIN and LOGIN with `password`).
   */
  readonly auth?: {
    readonly username: string;
    readonly password: string;
    readonly secret: string;
    readonly identity: string;
  };
}

/** A message as it goes over the wire. */
export interface MailMessage {
  readonly from: string;
  readonly to: readonly string[];
  /** Headers and body, RFC 5322. */
  readonly raw: Uint8Array;
}

/** What became of a message. */
export type MailOutcome =
  | {
      readonly kind: 'sent';
      /** Recipients that the server refused while it took the others, with the SMTP code. */
      readonly refused: readonly {
        readonly address: string;
        readonly code: number;
        readonly message: string;
      }[];
    }
  | {
      readonly kind: 'failed';
      /** `setup`: what is configured and what the server offers don't fit (no STARTTLS, no usable AUTH mechanism). */
      readonly phase: 'connect' | 'setup' | 'auth' | 'envelope' | 'message';
      /** SMTP reply code; 0 when the server did not reply. */
      readonly code: number;
      readonly message: string;
    };

/** Sends mail; the real one speaks SMTP. Resolves for everything that is outside; ends when `signal` is aborted. */
export interface Mailer {
  send(server: MailServer, message: MailMessage, signal: AbortSignal): Promise<MailOutcome>;
}
