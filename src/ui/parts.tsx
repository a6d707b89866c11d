import { Alert, Badge, Center, Group, Loader, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import type { WireLabels } from '../api/types.ts';

/** Pages read live data this often. */
export const REFRESH_MS = 5000;

/** Labels as pills; a click on one hands it to `onPick` (to filter by it). */
export function LabelPills(props: {
  readonly labels: WireLabels;
  readonly without?: readonly string[];
  readonly onPick?: (name: string, value: string) => void;
}): ReactNode {
  const entries = Object.entries(props.labels).filter(([name]) => props.without?.includes(name) !== true);
  return (
    <Group gap={4}>
      {entries.map(([name, value]) => (
        <Badge
          key={name}
          className="label-pill"
          variant="light"
          color="gray"
          size="md"
          title={props.onPick === undefined ? undefined : 'Filter by this label'}
          onClick={() => props.onPick?.(name, value)}
        >
          {name}="{value}"
        </Badge>
      ))}
    </Group>
  );
}

/** What a page shows instead of data: loading, a failure, or that there is none. */
export function DataState(props: {
  readonly loading: boolean;
  readonly error: Error | null;
  readonly empty: string | undefined;
}): ReactNode {
  if (props.error !== null) {
    return (
      <Alert color="red" title="This could not be read" my="sm">
        {props.error.message}
      </Alert>
    );
  }
  if (props.loading) {
    return (
      <Center p="xl">
        <Loader />
      </Center>
    );
  }
  if (props.empty === undefined) return null;
  return (
    <Text c="dimmed" p="xl" ta="center">
      {props.empty}
    </Text>
  );
}

/** How long ago (or ahead) a time is: `3m 20s ago`. The zero time of Go is `never`. */
export function relativeTime(time: string, nowMs: number = Date.now()): string {
  const atMs = Date.parse(time);
  if (Number.isNaN(atMs) || atMs <= 0) return 'never';
  const text = spanText(Math.abs(nowMs - atMs));
  return atMs > nowMs ? `in ${text}` : `${text} ago`;
}

/** A span in its two largest units. */
export function spanText(durationMs: number): string {
  const seconds = Math.floor(durationMs / 1000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${seconds % 60}s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours}h ${minutes % 60}m`;
  return `${Math.floor(hours / 24)}d ${hours % 24}h`;
}
