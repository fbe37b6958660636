import { reportSchema, type RunReport } from './schema.ts';

/** The report as its published schema has it; a report that does not fit is a fault of this program and throws. */
export const reportJson = (report: RunReport): string => `${JSON.stringify(reportSchema.parse(report), null, 2)}\n`;
