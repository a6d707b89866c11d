/** Where a group of alerts is in its life; see SPEC.md. */
export type GroupPhase = 'waiting' | 'flushing' | 'overdue' | 'destroyed';

/** What happens to a group. `settled_*` is the end of a flush, told apart by whether alerts are left in the group. */
export type GroupEvent = 'alert' | 'tick' | 'settled_left' | 'settled_empty' | 'stop';

/** What a group does about an event. */
export interface GroupStep {
  readonly phase: GroupPhase;
  /** `accept` takes the alert in, `refuse` asks for a fresh group, `flush` sends, `remove` forgets the group. */
  readonly action: 'none' | 'accept' | 'refuse' | 'flush' | 'remove';
}

function step(phase: GroupPhase, action: GroupStep['action'] = 'none'): GroupStep {
  return { phase, action };
}

const STOP = step('destroyed', 'remove');

/** All of a group's life: every event in every phase. Events that cannot happen leave the phase as it is. */
export const GROUP_LIFECYCLE: Readonly<Record<GroupPhase, Readonly<Record<GroupEvent, GroupStep>>>> = {
  waiting: {
    alert: step('waiting', 'accept'),
    tick: step('flushing', 'flush'),
    settled_left: step('waiting'),
    settled_empty: step('waiting'),
    stop: STOP,
  },
  flushing: {
    alert: step('flushing', 'accept'),
    tick: step('overdue'),
    settled_left: step('waiting'),
    settled_empty: step('destroyed', 'remove'),
    stop: STOP,
  },
  // A tick has passed while the flush before it was still under way: the next follows at once.
  overdue: {
    alert: step('overdue', 'accept'),
    tick: step('overdue'),
    settled_left: step('flushing', 'flush'),
    settled_empty: step('destroyed', 'remove'),
    stop: STOP,
  },
  destroyed: {
    alert: step('destroyed', 'refuse'),
    tick: step('destroyed'),
    settled_left: step('destroyed'),
    settled_empty: step('destroyed'),
    stop: step('destroyed'),
  },
};
