/** Most rows of a table, and most characters of a cell: it is kept in journals. */
const MOST_ROWS = 100, MOST_CHARACTERS = 120;

/** A table as the clients of the services print it, line by line; what is left out of a long one is said in a last line. */
export function clientTable(columns: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const shown = rows.slice(0, MOST_ROWS).map((row) => columns.map((_column, at) => cell(row[at] ?? '')));
  const widths = columns.map((column, at) => Math.max(column.length, ...shown.map((row) => row[at]?.length ?? 0)));
  const rule = `+${widths.map((width) => '-'.repeat(width + 2)).join('+')}+`, line = (cells: readonly string[]): string => `|${cells.map((text, at) => ` ${text.padEnd(widths[at] ?? 0)} `).join('|')}|`;
  return [rule, line(columns), rule, ...shown.map(line), rule, ...rows.length > MOST_ROWS ? [`(${String(rows.length - MOST_ROWS)} more rows)`] : []];
}

/** One line, and short; a name may hold anything. */
function cell(text: string): string {
  const plain = text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '?');
  return plain.length > MOST_CHARACTERS ? `${plain.slice(0, MOST_CHARACTERS - 3)}...` : plain;
}
