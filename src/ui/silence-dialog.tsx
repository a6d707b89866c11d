import { Alert, Button, Group, Modal, Stack, TagsInput, Text, TextInput, Textarea } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { GettableAlert, PostableSilence, WireLabels } from '../api/types.ts';
import { requestV2 } from './http.ts';
import { labelMatchers, matcherText, parseMatcher } from './matchers.ts';

const AUTHOR_KEY = 'tocsin-silence-author';
const UNITS_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** Milliseconds of `90m`, `2h`, `1d12h`; undefined when the text is no duration. */
function parseSpan(text: string): number | undefined {
  const parts = text.trim().match(/\d+[mhdw]/g);
  if (parts === null || parts.join('') !== text.trim()) return undefined;
  const spanMs = parts.reduce((sum, part) => sum + Number(part.slice(0, -1)) * UNITS_MS[part.at(-1)!]!, 0);
  return spanMs > 0 ? spanMs : undefined;
}

function AffectedAlerts({ filters }: { readonly filters: readonly string[] }): ReactNode {
  const search = new URLSearchParams(filters.map((filter) => ['filter', filter])).toString();
  const alerts = useQuery({
    queryKey: ['affected', search],
    queryFn: ({ signal }) => requestV2<GettableAlert[]>(`alerts?${search}`, { signal }),
    enabled: filters.length > 0,
  });
  if (alerts.data === undefined) return null;
  const count = alerts.data.length;
  return (
    <Text size="sm" c="dimmed">
      {count === 0
        ? 'No present alert matches.'
        : `${count} present ${count === 1 ? 'alert matches' : 'alerts match'}.`}
    </Text>
  );
}

/** Asks for matchers, how long, who and why, and creates the silence. */
export function SilenceDialog(props: {
  readonly labels: WireLabels;
  readonly onClose: () => void;
}): ReactNode {
  const [matchers, setMatchers] = useState(() => labelMatchers(props.labels).map(matcherText));
  const [span, setSpan] = useState('2h');
  const [createdBy, setCreatedBy] = useState(() => localStorage.getItem(AUTHOR_KEY) ?? '');
  const [comment, setComment] = useState('');
  const client = useQueryClient();
  const spanMs = parseSpan(span);
  const create = useMutation({
    mutationFn: () => {
      const startMs = Date.now();
      const silence: PostableSilence = {
        matchers: matchers.map((text) => parseMatcher(text)!),
        startsAt: new Date(startMs).toISOString(),
        endsAt: new Date(startMs + spanMs!).toISOString(),
        createdBy: createdBy.trim(),
        comment: comment.trim(),
      };
      return requestV2<{ silenceID: string }>('silences', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(silence),
      });
    },
    onSuccess: async () => {
      localStorage.setItem(AUTHOR_KEY, createdBy.trim());
      await client.invalidateQueries();
      props.onClose();
    },
  });
  const ready =
    matchers.length > 0 && spanMs !== undefined && createdBy.trim() !== '' && comment.trim() !== '';
  return (
    <Modal opened onClose={props.onClose} title="New silence" size="lg">
      <Stack>
        <TagsInput
          label="Alerts that match all of"
          placeholder='name="value", name=~"regexp"'
          value={matchers}
          onChange={(next) => {
            setMatchers(next.filter((text) => parseMatcher(text) !== undefined));
          }}
          splitChars={[]}
        />
        <AffectedAlerts filters={matchers} />
        <TextInput
          label="For"
          description="for example 30m, 2h, 1d12h"
          value={span}
          error={spanMs === undefined ? 'not a duration' : undefined}
          onChange={(event) => {
            setSpan(event.currentTarget.value);
          }}
        />
        <TextInput
          label="Created by"
          required
          value={createdBy}
          onChange={(event) => {
            setCreatedBy(event.currentTarget.value);
          }}
        />
        <Textarea
          label="Comment"
          required
          value={comment}
          onChange={(event) => {
            setComment(event.currentTarget.value);
          }}
        />
        {create.error !== null && <Alert color="red">{create.error.message}</Alert>}
        <Group justify="flex-end">
          <Button variant="default" onClick={props.onClose}>
            Cancel
          </Button>
          <Button
            disabled={!ready}
            loading={create.isPending}
            onClick={() => {
              create.mutate();
            }}
          >
            Create silence
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
