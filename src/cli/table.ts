/** Columns as wide as their widest cell and two blanks, every cell padded: Go's tabwriter as amtool uses it. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, characters(cell));
  }
  return rows
    .map((row) => `${row.map((cell, i) => cell + ' '.repeat(widths[i]! + 2 - characters(cell))).join('')}\n`)
    .join('');
}

function characters(text: string): number {
  return Array.from(text).length;
}
