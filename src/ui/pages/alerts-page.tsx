import { Anchor, Badge, Button, Card, Group, Stack, Switch, TagsInput, Text, Title } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { useSearchParams } from 'react-router';
import type { AlertGroup, GettableAlert, WireLabels } from '../../api/types.ts';
import { requestV2 } from '../http.ts';
import { matcherText, parseMatcher } from '../matchers.ts';
import { DataState, LabelPills, REFRESH_MS, relativeTime } from '../parts.tsx';
import { SilenceDialog } from '../silence-dialog.tsx';

const SEVERITY_COLORS: Readonly<Record<string, string>> = {
  critical: 'red',
  page: 'red',
  warning: 'yellow',
  info: 'blue',
};

/** Only http(s) addresses become links: annotations come from outside. */
function isWebAddress(text: string): boolean {
  return /^https?:\/\//i.test(text);
}

function StateBadge({ alert }: { readonly alert: GettableAlert }): ReactNode {
  const { status } = alert;
  if (status.silencedBy.length > 0) return <Badge color="gray">silenced</Badge>;
  if (status.inhibitedBy.length > 0) return <Badge color="gray">inhibited</Badge>;
  if (status.mutedBy.length > 0) return <Badge color="gray">muted</Badge>;
  return (
    <Badge color={status.state === 'active' ? 'red' : 'gray'}>
      {status.state === 'active' ? 'firing' : status.state}
    </Badge>
  );
}

function AlertCard(props: {
  readonly alert: GettableAlert;
  readonly onPick: (name: string, value: string) => void;
  readonly onSilence: (labels: WireLabels) => void;
}): ReactNode {
  const { alert } = props;
  const { labels, annotations } = alert;
  const severity = labels['severity'];
  const model = labels['model'];
  return (
    <Card withBorder padding="sm" data-testid="alert">
      <Group justify="space-between" wrap="nowrap" align="flex-start">
        <Stack gap={6} style={{ minWidth: 0 }}>
          <Group gap="xs">
            <StateBadge alert={alert} />
            {severity !== undefined && (
              <Badge variant="outline" color={SEVERITY_COLORS[severity] ?? 'gray'}>
                {severity}
              </Badge>
            )}
            <Text fw={600}>{labels['alertname'] ?? '(no alertname)'}</Text>
            {model !== undefined && (
              <Badge color="orange" variant="light" tt="none">
                model {model}
              </Badge>
            )}
            <Text c="dimmed" size="sm" title={alert.startsAt}>
              since {relativeTime(alert.startsAt)}
            </Text>
          </Group>
          {Object.entries(annotations).map(([name, value]) => (
            <Text key={name} size="sm">
              <Text span c="dimmed">
                {name}:{' '}
              </Text>
              {isWebAddress(value) ? (
                <Anchor href={value} target="_blank" rel="noreferrer">
                  {value}
                </Anchor>
              ) : (
                value
              )}
            </Text>
          ))}
          <LabelPills labels={labels} without={['alertname']} onPick={props.onPick} />
        </Stack>
        <Stack gap={4} align="flex-end">
          <Button
            size="xs"
            variant="light"
            onClick={() => {
              props.onSilence(labels);
            }}
          >
            Silence
          </Button>
          {isWebAddress(alert.generatorURL) && (
            <Anchor size="xs" href={alert.generatorURL} target="_blank" rel="noreferrer">
              Source
            </Anchor>
          )}
        </Stack>
      </Group>
    </Card>
  );
}

function GroupSection(props: {
  readonly group: AlertGroup;
  readonly onPick: (name: string, value: string) => void;
  readonly onSilence: (labels: WireLabels) => void;
}): ReactNode {
  const { group } = props;
  return (
    <Stack gap="xs">
      <Group gap="xs">
        {Object.keys(group.labels).length === 0 ? (
          <Text size="sm" c="dimmed">
            not grouped
          </Text>
        ) : (
          <LabelPills labels={group.labels} onPick={props.onPick} />
        )}
        <Text size="sm" c="dimmed">
          → {group.receiver.name}, {group.alerts.length} {group.alerts.length === 1 ? 'alert' : 'alerts'}
        </Text>
      </Group>
      {group.alerts.map((alert) => (
        <AlertCard key={alert.fingerprint} alert={alert} onPick={props.onPick} onSilence={props.onSilence} />
      ))}
    </Stack>
  );
}

/** Alerts by group, as they were routed, with their models; each can be silenced. */
export function AlertsPage(): ReactNode {
  const [params, setParams] = useSearchParams();
  const filters = params.getAll('filter');
  const [suppressed, setSuppressed] = useState(false);
  const [silenceFor, setSilenceFor] = useState<WireLabels>({});
  const [dialogOpen, dialog] = useDisclosure();
  const setFilters = (next: readonly string[]): void => {
    setParams(next.map((filter): [string, string] => ['filter', filter]));
  };
  const search = new URLSearchParams(filters.map((filter) => ['filter', filter]));
  search.set('silenced', String(suppressed));
  search.set('inhibited', String(suppressed));
  search.set('muted', String(suppressed));
  const groups = useQuery({
    queryKey: ['groups', search.toString()],
    queryFn: ({ signal }) => requestV2<AlertGroup[]>(`alerts/groups?${search.toString()}`, { signal }),
    refetchInterval: REFRESH_MS,
  });
  const pick = (name: string, value: string): void => {
    const filter = matcherText({ name, value, isRegex: false, isEqual: true });
    if (!filters.includes(filter)) setFilters([...filters, filter]);
  };
  return (
    <Stack>
      <Group justify="space-between">
        <Title order={3}>Alerts</Title>
        <Switch
          label="Show silenced, inhibited and muted"
          checked={suppressed}
          onChange={(event) => {
            setSuppressed(event.currentTarget.checked);
          }}
        />
      </Group>
      <TagsInput
        aria-label="Filter"
        placeholder='Filter, e.g. model="fraud-detector" or severity=~"warning|critical"'
        value={filters}
        onChange={(next) => {
          setFilters(next.filter((text) => parseMatcher(text) !== undefined));
        }}
        splitChars={[]}
      />
      <DataState
        loading={groups.isPending}
        error={groups.error}
        empty={
          groups.data?.length === 0
            ? filters.length > 0
              ? 'No alert matches the filter.'
              : 'No alerts. All quiet.'
            : undefined
        }
      />
      {groups.data?.map((group) => (
        <GroupSection
          key={`${group.receiver.name} ${JSON.stringify(group.labels)} ${group.alerts[0]?.fingerprint ?? ''}`}
          group={group}
          onPick={pick}
          onSilence={(labels) => {
            setSilenceFor(labels);
            dialog.open();
          }}
        />
      ))}
      {dialogOpen && <SilenceDialog labels={silenceFor} onClose={dialog.close} />}
    </Stack>
  );
}
