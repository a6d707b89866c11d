import { describe, expect, it } from 'vitest';
import type { Alert } from '../../../src/alerts/index.ts';
import { decideFlush } from '../../../src/notify/index.ts';
import type { FlushView } from '../../../src/notify/index.ts';
import { START_MS, letterAlert } from './helpers.ts';

/** `A B-`: A fires, B is resolved. */
function alerts(text: string): Alert[] {
  const words = text.split(' ').filter((word) => word !== '');
  return words.map((word) => letterAlert(word[0]!, word.endsWith('-') ? START_MS - 1 : undefined));
}

function show(list: readonly Alert[]): string {
  return list.map((alert) => `${alert.fingerprint}${alert.endsAtMs <= START_MS ? '-' : ''}`).join(' ');
}

interface Case {
  readonly name: string;
  readonly surviving: string;
  /** Held back alerts; they are in the group too. */
  readonly held?: string;
  /** Told as firing / resolved / firing but muted since. */
  readonly told?: readonly [firing: string, resolved?: string, muted?: string];
  readonly open?: string;
  readonly ambiguous?: boolean;
  readonly sendResolved?: boolean;
  readonly resolveMuted?: boolean;
  readonly want: string;
  /** Log after it: firing / resolved / muted. */
  readonly log?: string;
}

const CASES: readonly Case[] = [
  { name: 'an empty group says nothing', surviving: '', want: 'nothing' },
  { name: 'the first alert', surviving: 'A', want: 'A | first notification', log: 'A//' },
  { name: 'all resolved', surviving: 'A-', told: ['A'], want: 'A- | all alerts resolved', log: '/A/' },
  {
    name: 'all resolved, send_resolved off: only the log',
    surviving: 'A-',
    told: ['A'],
    sendResolved: false,
    want: 'record',
    log: '/A/',
  },
  {
    name: 'send_resolved off cuts the resolved ones out',
    surviving: 'A B-',
    sendResolved: false,
    want: 'A | first notification',
    log: 'A/B/',
  },
  {
    name: 'all held back: nothing, as in Alertmanager',
    surviving: '',
    held: 'A B-',
    told: ['A B'],
    want: 'nothing',
  },

  {
    name: 'an open row stays and is put up to date',
    surviving: 'A B',
    open: 'A',
    want: 'A B | first notification',
    log: 'A B//',
  },
  {
    name: 'fired and resolved inside the outage: told once as resolved',
    surviving: 'A-',
    open: 'A',
    want: 'A- | all alerts resolved',
    log: '/A/',
  },
  {
    name: 'the same where send_resolved is off: it is the only word of it',
    surviving: 'A-',
    open: 'A',
    sendResolved: false,
    want: 'A- | all alerts resolved',
    log: '/A/',
  },
  {
    name: 'missed ones come with the others, send_resolved off',
    surviving: 'A- B',
    open: 'A',
    sendResolved: false,
    want: 'B A- | first notification',
    log: 'B/A/',
  },
  {
    name: 'resolved ones that the group forgot are carried on',
    surviving: 'B',
    open: 'A-',
    told: ['A'],
    want: 'B A- | new alerts added',
    log: 'B/A/',
  },
  {
    name: 'and told even when nothing else is new',
    surviving: 'B',
    open: 'A-',
    told: ['A B'],
    want: 'B A- | some alerts resolved',
    log: 'B/A/',
  },
  {
    name: 'and told even when everything else is muted, which is not "all resolved"',
    surviving: '',
    held: 'B',
    open: 'A-',
    told: ['A B'],
    want: 'A- | some alerts resolved',
    log: 'B/A/',
  },
  {
    name: 'the resolve did not get out before it fired again: nothing to say',
    surviving: 'A',
    open: 'A-',
    told: ['A'],
    want: 'withdraw',
  },
  {
    name: 'unless the resolve may have arrived',
    surviving: 'A',
    open: 'A-',
    told: ['A'],
    ambiguous: true,
    want: 'A | all alerts resolved',
    log: 'A//',
  },
  { name: 'silenced before it got out', surviving: '', held: 'A', open: 'A', want: 'withdraw' },
  {
    name: 'silenced and then resolved before it got out',
    surviving: '',
    held: 'A-',
    open: 'A',
    want: 'withdraw',
  },
  {
    name: 'an alert that the group does not know yet (restart) is kept',
    surviving: 'B',
    open: 'A',
    want: 'B A | first notification',
    log: 'B A//',
  },

  {
    name: 'resolved while muted, without resolve_muted',
    surviving: '',
    held: 'A-',
    told: ['A'],
    want: 'nothing',
  },
  {
    name: 'resolved while muted, with resolve_muted',
    surviving: '',
    held: 'A-',
    told: ['A'],
    resolveMuted: true,
    want: 'A- | all alerts resolved',
    log: '/A/',
  },
  {
    name: 'resolve_muted tells nobody who was not told of the firing',
    surviving: '',
    held: 'A-',
    resolveMuted: true,
    want: 'nothing',
  },
  {
    name: 'resolve_muted leaves muted firing ones on record',
    surviving: '',
    held: 'A- B',
    told: ['A B'],
    resolveMuted: true,
    want: 'A- | some alerts resolved',
    log: 'B/A/',
  },
  {
    name: 'resolve_muted beside what goes on firing',
    surviving: 'C',
    held: 'A-',
    told: ['A C'],
    resolveMuted: true,
    want: 'C A- | some alerts resolved',
    log: 'C/A/',
  },
  {
    name: 'a notification without a muted alert remembers that it was told',
    surviving: 'C',
    held: 'A',
    told: ['A'],
    resolveMuted: true,
    want: 'C | new alerts added',
    log: 'C//A',
  },
  {
    name: 'so that its end is told later',
    surviving: 'C',
    held: 'A-',
    told: ['C', '', 'A'],
    resolveMuted: true,
    want: 'C A- | some alerts resolved',
    log: 'C/A/',
  },
  {
    name: 'resolve_muted with send_resolved off only clears the log',
    surviving: '',
    held: 'A-',
    told: ['A'],
    resolveMuted: true,
    sendResolved: false,
    want: 'record',
    log: '/A/',
  },
];

describe('decideFlush', () => {
  it.each(CASES)('$name', (row) => {
    const surviving = alerts(row.surviving);
    const words = (text = ''): string[] => text.split(' ').filter((word) => word !== '');
    const view: FlushView = {
      nowMs: START_MS,
      surviving,
      incoming: [...surviving, ...alerts(row.held ?? '')],
      entry: row.told && {
        timestampMs: START_MS - 1000,
        firing: words(row.told[0]),
        resolved: words(row.told[1]),
        muted: words(row.told[2]),
        expiresAtMs: START_MS,
      },
      open:
        row.open === undefined
          ? undefined
          : {
              alerts: alerts(row.open),
              reason: row.open.endsWith('-') ? 'all alerts resolved' : 'first notification',
              ambiguous: row.ambiguous ?? false,
            },
      sendResolved: row.sendResolved ?? true,
      resolveMuted: row.resolveMuted ?? false,
      repeatIntervalMs: 60_000,
    };
    const decision = decideFlush(view);
    const said = decision.kind === 'send' ? `${show(decision.alerts)} | ${decision.reason}` : decision.kind;
    expect(said).toBe(row.want);
    if (decision.kind !== 'send' && decision.kind !== 'record') return;
    const { firing, resolved, muted } = decision.log;
    expect([firing, resolved, muted].map((list) => list.join(' ')).join('/')).toBe(row.log);
  });
});
