import type { Json } from '../../proto/events.ts';

export type Grade = 'ok' | 'warn' | 'critical' | 'unknown';

/** One subsystem's grade with its reason, and the values it rests on (units in the key names). */
export interface HealthItem { subsystem: string; grade: Grade; reason: string; values: { [key: string]: Json } }

export interface Health { host: string; agentVersion: string; timeMs: number; grade: Grade; items: HealthItem[] }

const ORDER: Grade[] = ['ok', 'unknown', 'warn', 'critical'];

/** The worst of several grades. */
export const worst = (grades: Grade[]): Grade => grades.reduce((a, b) => (ORDER.indexOf(b) > ORDER.indexOf(a) ? b : a), 'ok');
