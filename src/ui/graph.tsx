import { Group, ScrollArea, Text, useComputedColorScheme } from '@mantine/core';
import { type ReactNode, useEffect, useMemo, useRef, useState } from 'react';
import UPlot from 'uplot';
import type { QueryData } from '../api/types.ts';
import { seriesText } from './series-text.ts';

type Matrix = Extract<QueryData, { resultType: 'matrix' }>['result'];

/** More lines than this are not drawn: nobody can tell them apart and the browser suffers. */
const MAX_LINES = 200;
const COLORS = [
  '#e8590c',
  '#1971c2',
  '#2f9e44',
  '#9c36b5',
  '#f08c00',
  '#0c8599',
  '#c2255c',
  '#6741d9',
  '#66a80f',
  '#868e96',
];

/** Columns as uPlot wants them: one shared time axis, null where a series has no sample. */
function toColumns(matrix: Matrix): UPlot.AlignedData {
  const times = [...new Set(matrix.flatMap((series) => (series.values ?? []).map(([time]) => time)))].sort(
    (a, b) => a - b,
  );
  const place = new Map(times.map((time, i) => [time, i]));
  const columns = matrix.map((series) => {
    const column: (number | null)[] = new Array<number | null>(times.length).fill(null);
    for (const [time, text] of series.values ?? []) {
      const value = Number(text.replace('Inf', 'Infinity'));
      column[place.get(time)!] = Number.isFinite(value) ? value : null;
    }
    return column;
  });
  return [times, ...columns];
}

/** A line a series over time; a click on the legend hides a line. */
export function Graph({ matrix }: { readonly matrix: Matrix }): ReactNode {
  const drawn = useMemo(() => matrix.slice(0, MAX_LINES), [matrix]);
  const data = useMemo(() => toColumns(drawn), [drawn]);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const holder = useRef<HTMLDivElement>(null);
  const scheme = useComputedColorScheme('light');
  useEffect(() => {
    const element = holder.current!;
    const stroke = scheme === 'dark' ? '#c9c9c9' : '#495057';
    const grid = { stroke: scheme === 'dark' ? '#373a40' : '#e9ecef' };
    const axis = { stroke, grid, ticks: grid };
    const plot = new UPlot(
      {
        width: element.clientWidth,
        height: 360,
        legend: { show: false },
        cursor: { focus: { prox: 24 } },
        focus: { alpha: 0.3 },
        axes: [axis, { ...axis, size: 70 }],
        series: [
          {},
          ...drawn.map((series, i) => ({
            label: seriesText(series.metric),
            stroke: COLORS[i % COLORS.length]!,
            width: 1.5,
            show: !hidden.has(seriesText(series.metric)),
          })),
        ],
      },
      data,
      element,
    );
    const observer = new ResizeObserver(() => {
      plot.setSize({ width: element.clientWidth, height: 360 });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [drawn, data, hidden, scheme]);
  const toggle = (name: string): void => {
    const next = new Set(hidden);
    if (!next.delete(name)) next.add(name);
    setHidden(next);
  };
  return (
    <>
      <div ref={holder} data-testid="graph" />
      {matrix.length > MAX_LINES && (
        <Text size="sm" c="orange">
          Only {MAX_LINES} of {matrix.length} series are drawn.
        </Text>
      )}
      <ScrollArea.Autosize mah={240}>
        {drawn.map((series, i) => {
          const name = seriesText(series.metric);
          return (
            <Group
              key={name}
              gap="xs"
              wrap="nowrap"
              className="legend-row"
              data-hidden={hidden.has(name)}
              onClick={() => {
                toggle(name);
              }}
            >
              <div className="swatch" style={{ background: COLORS[i % COLORS.length] }} />
              <span className="mono">{name}</span>
            </Group>
          );
        })}
      </ScrollArea.Autosize>
    </>
  );
}
