import { TocsinError } from '../errors.ts';
import type { DnsAnswer, DnsClient, DnsType } from '../ports.ts';

/** DNS without a network: a function answers; where it says nothing the question fails. */
export class FakeDns implements DnsClient {
  answer: ((server: string, name: string, type: DnsType) => DnsAnswer | undefined) | undefined;
  /** Every question: `server name type`. */
  readonly questions: string[] = [];

  systemServers(): readonly string[] {
    return ['192.0.2.53'];
  }

  async ask(server: string, name: string, type: DnsType, signal: AbortSignal): Promise<DnsAnswer> {
    signal.throwIfAborted();
    this.questions.push(`${server} ${name} ${type}`);
    const answer = this.answer?.(server, name, type);
    if (answer === undefined)
      throw new TocsinError('TOCSIN_ERR_DNS', `${server}: ${name} ${type}: nobody answers`);
    return answer;
  }
}
