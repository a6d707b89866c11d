import { Alert, Anchor, Badge, Card, Group, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link } from 'react-router';
import type { AlertingRuleInfo, RecordingRuleInfo, RuleGroupInfo, RulesData } from '../../api/types.ts';
import { getV1 } from '../http.ts';
import { DataState, LabelPills, REFRESH_MS, relativeTime, spanText } from '../parts.tsx';

type RuleInfo = AlertingRuleInfo | RecordingRuleInfo;
const STATE_COLORS: Readonly<Record<AlertingRuleInfo['state'], string>> = {
  firing: 'red',
  pending: 'yellow',
  inactive: 'green',
  unknown: 'gray',
};

function RuleCard({ rule }: { readonly rule: RuleInfo }): ReactNode {
  return (
    <Card withBorder padding="sm" data-testid="rule">
      <Stack gap={4}>
        <Group gap="xs">
          <Text fw={600}>{rule.name}</Text>
          {rule.type === 'alerting' ? (
            <Badge color={STATE_COLORS[rule.state]}>{rule.state}</Badge>
          ) : (
            <Badge color="gray">recording</Badge>
          )}
          {rule.type === 'alerting' && rule.duration > 0 && (
            <Text size="sm" c="dimmed">
              for {spanText(rule.duration * 1000)}
            </Text>
          )}
          <Text size="sm" c="dimmed">
            evaluated {relativeTime(rule.lastEvaluation)} in {(rule.evaluationTime * 1000).toFixed(1)} ms
          </Text>
        </Group>
        <Anchor component={Link} to={`/query?expr=${encodeURIComponent(rule.query)}`} className="mono">
          {rule.query}
        </Anchor>
        {rule.labels !== undefined && <LabelPills labels={rule.labels} />}
        {rule.type === 'alerting' &&
          rule.alerts.map((alert) => (
            <Group key={JSON.stringify(alert.labels)} gap="xs">
              <Badge color={alert.state === 'firing' ? 'red' : 'yellow'} variant="light">
                {alert.state}
              </Badge>
              <LabelPills labels={alert.labels} without={['alertname']} />
              <Text size="sm" c="dimmed">
                value {Number(alert.value)}
              </Text>
            </Group>
          ))}
        {rule.lastError !== undefined && rule.lastError !== '' && (
          <Alert color="red" p="xs">
            {rule.lastError}
          </Alert>
        )}
      </Stack>
    </Card>
  );
}

function GroupSection({ group }: { readonly group: RuleGroupInfo }): ReactNode {
  return (
    <Stack gap="xs">
      <Group gap="xs">
        <Title order={5}>{group.name}</Title>
        <Text size="sm" c="dimmed">
          {group.file}, every {spanText(group.interval * 1000)}
        </Text>
      </Group>
      {group.rules.map((rule) => (
        <RuleCard key={`${rule.name} ${rule.query}`} rule={rule} />
      ))}
    </Stack>
  );
}

/** Rule groups with state, health and the alerts they hold. */
export function RulesPage(): ReactNode {
  const rules = useQuery({
    queryKey: ['rules'],
    queryFn: ({ signal }) => getV1<RulesData>('rules', signal),
    refetchInterval: REFRESH_MS,
  });
  return (
    <Stack>
      <Title order={3}>Rules</Title>
      <DataState
        loading={rules.isPending}
        error={rules.error}
        empty={rules.data?.groups.length === 0 ? 'No rule files are configured.' : undefined}
      />
      {rules.data?.groups.map((group) => (
        <GroupSection key={`${group.file} ${group.name}`} group={group} />
      ))}
    </Stack>
  );
}
