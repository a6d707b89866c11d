import { Code, Stack, Table, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import type { AlertmanagerStatus, BuildInfo, RuntimeInfo } from '../../api/types.ts';
import { getV1, requestV2 } from '../http.ts';
import { DataState } from '../parts.tsx';

function Facts({ facts }: { readonly facts: Readonly<Record<string, unknown>> }): ReactNode {
  return (
    <Table variant="vertical" withTableBorder>
      <Table.Tbody>
        {Object.entries(facts).map(([name, value]) => (
          <Table.Tr key={name}>
            <Table.Th w={220}>{name}</Table.Th>
            <Table.Td>{String(value)}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

/** What runs, and with which configuration. */
export function StatusPage(): ReactNode {
  const build = useQuery({
    queryKey: ['build'],
    queryFn: ({ signal }) => getV1<BuildInfo>('status/buildinfo', signal),
  });
  const runtime = useQuery({
    queryKey: ['runtime'],
    queryFn: ({ signal }) => getV1<RuntimeInfo>('status/runtimeinfo', signal),
  });
  const config = useQuery({
    queryKey: ['config'],
    queryFn: ({ signal }) => getV1<{ yaml: string }>('status/config', signal),
  });
  const alertmanager = useQuery({
    queryKey: ['amstatus'],
    queryFn: ({ signal }) => requestV2<AlertmanagerStatus>('status', { signal }),
  });
  return (
    <Stack>
      <Title order={3}>Status</Title>
      <DataState
        loading={build.isPending}
        error={build.error ?? runtime.error ?? config.error}
        empty={undefined}
      />
      {build.data !== undefined && <Facts facts={{ ...build.data, ...runtime.data }} />}
      <Text fw={600}>Configuration</Text>
      <Code block>{config.data?.yaml ?? ''}</Code>
      <Text fw={600}>Alert routing</Text>
      <Code block>{alertmanager.data?.config.original ?? alertmanager.error?.message ?? ''}</Code>
    </Stack>
  );
}
