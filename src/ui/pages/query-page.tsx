import { Alert, Button, Group, Select, Stack, Table, Tabs, Text, Title } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { useSearchParams } from 'react-router';
import type { QueryData, WireHistogram } from '../../api/types.ts';
import { Graph } from '../graph.tsx';
import { getV1 } from '../http.ts';
import { DataState } from '../parts.tsx';
import { PromqlEditor } from '../promql-editor.tsx';
import { seriesText } from '../series-text.ts';

/** Points a graph asks for; enough for any screen. */
const GRAPH_POINTS = 250;
const RANGES = ['5m', '15m', '1h', '6h', '1d', '7d'];
const UNITS_S: Readonly<Record<string, number>> = { m: 60, h: 3600, d: 86_400 };

function rangeSeconds(range: string): number {
  return Number(range.slice(0, -1)) * (UNITS_S[range.at(-1) ?? ''] ?? 60);
}

/** Totals and buckets on one line. */
function histogramText(point: WireHistogram | undefined): string {
  if (point === undefined) return '';
  const { count, sum, buckets = [] } = point[1];
  const shown = buckets.map(([rule, lower, upper, inside]) => {
    const [open, close] = ['(]', '[)', '()', '[]'][rule] ?? '()';
    return `${open}${lower}, ${upper}${close}: ${inside}`;
  });
  return `count ${count}, sum ${sum}${shown.length === 0 ? '' : ` { ${shown.join(' · ')} }`}`;
}

function ResultTable({ data }: { readonly data: QueryData }): ReactNode {
  const rows: (readonly [string, string])[] =
    data.resultType === 'vector'
      ? data.result.map(
          ({ metric, value, histogram }) =>
            [seriesText(metric), value?.[1] ?? histogramText(histogram)] as const,
        )
      : data.resultType === 'matrix'
        ? data.result.map(
            ({ metric, values = [], histograms = [] }) =>
              [
                seriesText(metric),
                [
                  ...values.map(([time, value]) => `${value} @${time}`),
                  ...histograms.map((histogram) => `${histogramText(histogram)} @${histogram[0]}`),
                ].join('\n'),
              ] as const,
          )
        : [[data.resultType, data.result[1]] as const];
  return (
    <Table striped>
      <Table.Tbody>
        {rows.map(([series, value]) => (
          <Table.Tr key={series}>
            <Table.Td className="mono">{series}</Table.Td>
            <Table.Td ta="right" className="mono" style={{ whiteSpace: 'pre' }}>
              {value}
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function TableResult({ expr, run }: { readonly expr: string; readonly run: number }): ReactNode {
  const answer = useQuery({
    queryKey: ['query', expr, run],
    queryFn: ({ signal }) => getV1<QueryData>(`query?query=${encodeURIComponent(expr)}`, signal),
    retry: false,
  });
  const count =
    answer.data === undefined || !Array.isArray(answer.data.result) ? 0 : answer.data.result.length;
  return (
    <>
      <DataState
        loading={answer.isPending}
        error={answer.error}
        empty={answer.data !== undefined && count === 0 ? 'Empty result.' : undefined}
      />
      {answer.data !== undefined && <ResultTable data={answer.data} />}
    </>
  );
}

function GraphResult({
  expr,
  run,
  range,
}: {
  readonly expr: string;
  readonly run: number;
  readonly range: string;
}): ReactNode {
  const answer = useQuery({
    queryKey: ['range', expr, run, range],
    queryFn: ({ signal }) => {
      const spanS = rangeSeconds(range);
      const endS = Date.now() / 1000;
      const search = new URLSearchParams({
        query: expr,
        start: String(endS - spanS),
        end: String(endS),
        step: String(Math.max(1, Math.ceil(spanS / GRAPH_POINTS))),
      });
      return getV1<QueryData>(`query_range?${search.toString()}`, signal);
    },
    retry: false,
  });
  const matrix = answer.data?.resultType === 'matrix' ? answer.data.result : undefined;
  return (
    <>
      <DataState
        loading={answer.isPending}
        error={answer.error}
        empty={matrix?.length === 0 ? 'No samples in this range.' : undefined}
      />
      {matrix !== undefined && matrix.length > 0 && <Graph matrix={matrix} />}
    </>
  );
}

/** A button that puts an expression into the form that Prometheus prints; what is wrong with it goes to `onError`. */
function FormatButton(props: {
  readonly expr: string;
  readonly onFormatted: (formatted: string, asked: string) => void;
  readonly onError: (message: string) => void;
}): ReactNode {
  const { expr, onFormatted, onError } = props;
  const format = useMutation({
    mutationFn: (text: string) => getV1<string>(`format_query?query=${encodeURIComponent(text)}`),
    onSuccess: onFormatted,
    onError: (error) => {
      onError(error.message);
    },
  });
  return (
    <Button
      variant="default"
      disabled={expr.trim() === ''}
      loading={format.isPending}
      onClick={() => {
        format.mutate(expr);
      }}
    >
      Format
    </Button>
  );
}

/** Runs PromQL: table of present values, or a graph. The address holds the expression, so it can be shared. */
export function QueryPage(): ReactNode {
  const [params, setParams] = useSearchParams();
  const expr = params.get('expr') ?? params.get('g0.expr') ?? '';
  const tab = params.get('tab') === 'table' || params.get('g0.tab') === '1' ? 'table' : 'graph';
  const range = RANGES.find((known) => known === params.get('range')) ?? '15m';
  const [draft, setDraft] = useState(expr);
  const [run, setRun] = useState(0);
  const [formatError, setFormatError] = useState('');
  const update = (next: Readonly<Record<string, string>>): void => {
    setParams({ expr, tab, range, ...next });
  };
  const start = (text: string): void => {
    setRun(run + 1);
    update({ expr: text });
  };
  return (
    <Stack>
      <Title order={3}>Query</Title>
      <Group align="flex-start">
        <PromqlEditor
          value={draft}
          onChange={(text) => {
            setDraft(text);
            setFormatError('');
          }}
          onRun={start}
        />
        <Button
          onClick={() => {
            start(draft);
          }}
        >
          Run
        </Button>
        <FormatButton
          expr={draft}
          onFormatted={(formatted, asked) => {
            // What was typed meanwhile stays.
            setDraft((present) => (present === asked ? formatted : present));
          }}
          onError={setFormatError}
        />
      </Group>
      {formatError !== '' && (
        <Alert color="red" p="xs" title="This can’t be formatted">
          {formatError}
        </Alert>
      )}
      <Tabs
        value={tab}
        onChange={(value) => {
          update({ tab: value ?? 'graph' });
        }}
      >
        <Tabs.List>
          <Tabs.Tab value="graph">Graph</Tabs.Tab>
          <Tabs.Tab value="table">Table</Tabs.Tab>
        </Tabs.List>
      </Tabs>
      {tab === 'graph' && (
        <Select
          aria-label="Range"
          w={100}
          data={RANGES}
          value={range}
          allowDeselect={false}
          onChange={(value) => {
            update({ range: value ?? '15m' });
          }}
        />
      )}
      {expr === '' ? (
        <Text c="dimmed">Type an expression and press Enter.</Text>
      ) : tab === 'table' ? (
        <TableResult expr={expr} run={run} />
      ) : (
        <GraphResult expr={expr} run={run} range={range} />
      )}
      {draft !== expr && expr !== '' && (
        <Alert color="gray" p="xs">
          The expression was changed; press Enter to run it.
        </Alert>
      )}
    </Stack>
  );
}
