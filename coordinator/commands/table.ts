import { styleText } from 'node:util';
import Table from 'cli-table3';

/** A table without lines, so that it can be read by awk too. */
export function plainTable(head: string[], rows: string[][]): string {
  const none = { top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '', left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '  ' };
  const table = new Table({ head, chars: none, style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 } });
  table.push(...rows);
  return table.toString().split('\n').map((line) => line.trimEnd()).join('\n');
}

/** Minutes, in UTC; a dash for no time. */
export const minuteText = (timeMs: number): string => (timeMs === 0 ? '-' : new Date(timeMs).toISOString().slice(0, 16).replace('T', ' '));

const GRADES = { ok: 'green', warn: 'yellow', critical: 'red', unknown: 'magenta' } as const;
/** A grade of health in its colour, where the terminal takes colours. */
export const styledGrade = (grade: string): string => (grade in GRADES ? styleText(GRADES[grade as keyof typeof GRADES], grade) : grade);
