import { Anchor, Badge, Group, SegmentedControl, Stack, Table, Text, TextInput, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { ActiveTarget, TargetsData } from '../../api/types.ts';
import { getV1 } from '../http.ts';
import { DataState, LabelPills, REFRESH_MS, relativeTime } from '../parts.tsx';

const HEALTH_COLORS: Readonly<Record<ActiveTarget['health'], string>> = {
  up: 'green',
  down: 'red',
  unknown: 'gray',
};

function TargetRow({ target }: { readonly target: ActiveTarget }): ReactNode {
  return (
    <Table.Tr data-testid="target">
      <Table.Td>
        <Anchor href={target.globalUrl} target="_blank" rel="noreferrer" className="mono">
          {target.scrapeUrl}
        </Anchor>
        {target.lastError !== '' && (
          <Text size="sm" c="red">
            {target.lastError}
          </Text>
        )}
      </Table.Td>
      <Table.Td>
        <Badge color={HEALTH_COLORS[target.health]}>{target.health}</Badge>
      </Table.Td>
      <Table.Td>
        <LabelPills labels={target.labels} without={['job']} />
      </Table.Td>
      <Table.Td style={{ whiteSpace: 'nowrap' }}>
        <Text size="sm">{relativeTime(target.lastScrape)}</Text>
        <Text size="xs" c="dimmed">
          {(target.lastScrapeDuration * 1000).toFixed(1)} ms, every {target.scrapeInterval}
        </Text>
      </Table.Td>
    </Table.Tr>
  );
}

function Pool(props: {
  readonly name: string;
  readonly targets: readonly ActiveTarget[];
  readonly dropped: number;
}): ReactNode {
  const up = props.targets.filter((target) => target.health === 'up').length;
  return (
    <Stack gap={4}>
      <Group gap="xs">
        <Text fw={600}>{props.name}</Text>
        <Badge color={up === props.targets.length ? 'green' : 'red'} variant="light">
          {up} / {props.targets.length} up
        </Badge>
        {props.dropped > 0 && (
          <Text size="sm" c="dimmed">
            {props.dropped} dropped by relabelling
          </Text>
        )}
      </Group>
      <Table.ScrollContainer minWidth={700}>
        <Table striped>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Endpoint</Table.Th>
              <Table.Th>State</Table.Th>
              <Table.Th>Labels</Table.Th>
              <Table.Th>Last scrape</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {props.targets.map((target) => (
              <TargetRow key={`${target.scrapeUrl} ${JSON.stringify(target.labels)}`} target={target} />
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Stack>
  );
}

/** Scrape targets by job, with what went wrong. */
export function TargetsPage(): ReactNode {
  const [health, setHealth] = useState('all');
  const [search, setSearch] = useState('');
  const targets = useQuery({
    queryKey: ['targets'],
    queryFn: ({ signal }) => getV1<TargetsData>('targets?state=active', signal),
    refetchInterval: REFRESH_MS,
  });
  const wanted = (targets.data?.activeTargets ?? []).filter(
    (target) =>
      (health === 'all' || target.health === health) &&
      `${target.scrapeUrl} ${JSON.stringify(target.labels)}`.toLowerCase().includes(search.toLowerCase()),
  );
  const pools = Object.entries(Object.groupBy(wanted, (target) => target.scrapePool));
  return (
    <Stack>
      <Title order={3}>Targets</Title>
      <Group>
        <SegmentedControl value={health} onChange={setHealth} data={['all', 'up', 'down', 'unknown']} />
        <TextInput
          aria-label="Search"
          placeholder="Endpoint or label"
          value={search}
          onChange={(event) => {
            setSearch(event.currentTarget.value);
          }}
        />
      </Group>
      <DataState
        loading={targets.isPending}
        error={targets.error}
        empty={pools.length === 0 ? 'No targets.' : undefined}
      />
      {pools.map(([name, members]) => (
        <Pool
          key={name}
          name={name}
          targets={members ?? []}
          dropped={targets.data?.droppedTargetCounts?.[name] ?? 0}
        />
      ))}
    </Stack>
  );
}
