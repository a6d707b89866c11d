import { Alert, Badge, Button, Card, Group, SegmentedControl, Stack, Text, Title } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { GettableSilence } from '../../api/types.ts';
import { requestV2 } from '../http.ts';
import { matcherText } from '../matchers.ts';
import { DataState, REFRESH_MS, relativeTime } from '../parts.tsx';
import { SilenceDialog } from '../silence-dialog.tsx';

type SilenceState = GettableSilence['status']['state'];
const STATES: readonly SilenceState[] = ['active', 'pending', 'expired'];
const STATE_COLORS: Readonly<Record<SilenceState, string>> = {
  active: 'green',
  pending: 'yellow',
  expired: 'gray',
};

function SilenceCard({ silence }: { readonly silence: GettableSilence }): ReactNode {
  const client = useQueryClient();
  const expire = useMutation({
    mutationFn: () => requestV2<undefined>(`silence/${silence.id}`, { method: 'DELETE' }),
    onSuccess: () => client.invalidateQueries(),
  });
  const { state } = silence.status;
  return (
    <Card withBorder padding="sm" data-testid="silence">
      <Group justify="space-between" wrap="nowrap" align="flex-start">
        <Stack gap={6}>
          <Group gap="xs">
            <Badge color={STATE_COLORS[state]}>{state}</Badge>
            {silence.matchers.map((matcher) => (
              <Badge key={matcherText(matcher)} className="label-pill" variant="light" color="gray">
                {matcherText(matcher)}
              </Badge>
            ))}
          </Group>
          <Text size="sm">{silence.comment}</Text>
          <Text size="sm" c="dimmed">
            by {silence.createdBy}, {state === 'pending' ? `starts ${relativeTime(silence.startsAt)}, ` : ''}
            <span title={silence.endsAt}>
              {state === 'expired' ? 'ended' : 'ends'} {relativeTime(silence.endsAt)}
            </span>
          </Text>
          {expire.error !== null && <Alert color="red">{expire.error.message}</Alert>}
        </Stack>
        {state !== 'expired' && (
          <Button
            size="xs"
            variant="light"
            color="red"
            loading={expire.isPending}
            onClick={() => {
              expire.mutate();
            }}
          >
            Expire
          </Button>
        )}
      </Group>
    </Card>
  );
}

/** Silences by state; new ones can be made and running ones ended. */
export function SilencesPage(): ReactNode {
  const [shown, setShown] = useState<SilenceState>('active');
  const [dialogOpen, dialog] = useDisclosure();
  const silences = useQuery({
    queryKey: ['silences'],
    queryFn: ({ signal }) => requestV2<GettableSilence[]>('silences', { signal }),
    refetchInterval: REFRESH_MS,
  });
  const inState = (state: SilenceState): GettableSilence[] =>
    (silences.data ?? []).filter((silence) => silence.status.state === state);
  return (
    <Stack>
      <Group justify="space-between">
        <Title order={3}>Silences</Title>
        <Button size="xs" onClick={dialog.open}>
          New silence
        </Button>
      </Group>
      <SegmentedControl
        value={shown}
        onChange={(value) => {
          setShown(value as SilenceState);
        }}
        data={STATES.map((state) => ({ value: state, label: `${state} (${inState(state).length})` }))}
        style={{ alignSelf: 'flex-start' }}
      />
      <DataState
        loading={silences.isPending}
        error={silences.error}
        empty={inState(shown).length === 0 ? `No ${shown} silences.` : undefined}
      />
      {inState(shown).map((silence) => (
        <SilenceCard key={silence.id} silence={silence} />
      ))}
      {dialogOpen && <SilenceDialog labels={{}} onClose={dialog.close} />}
    </Stack>
  );
}
