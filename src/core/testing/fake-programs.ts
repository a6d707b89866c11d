import { TocsinError } from '../errors.ts';
import type { ProgramCall, ProgramResult, Programs } from '../ports.ts';

/** Programs without processes: a function runs them; where it says nothing there is no such program. */
export class FakePrograms implements Programs {
  answer: ((call: ProgramCall) => Partial<ProgramResult> | undefined) | undefined;
  /** Every call. */
  readonly calls: ProgramCall[] = [];

  async run(call: ProgramCall): Promise<ProgramResult> {
    call.signal.throwIfAborted();
    this.calls.push(call);
    const result = this.answer?.(call);
    if (result === undefined) {
      throw new TocsinError('TOCSIN_ERR_PROGRAM', `${call.program}: it could not be started: there is none`);
    }
    return { exitCode: 0, stdout: '', stderr: '', ...result };
  }
}
