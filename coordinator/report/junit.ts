import junitReportBuilder, { type Builder } from 'junit-report-builder';
import type { RunReport, StepReport } from './schema.ts';
import { detailLines } from './text.ts';

/** The package's types describe another module format than the one Node loads: what it gives is the builder itself. */
const builder = junitReportBuilder as unknown as Builder;

const MESSAGES: Partial<Record<StepReport['result'], string>> = {
  interrupted: 'interrupted', unknown: 'nobody can tell which side of the change the host is on', waiting: 'the run has not ended',
};

/** JUnit XML: a suite for each host, a case for each step; what nobody can tell is an error, never a pass. */
export function reportJunit(report: RunReport): string {
  const junit = builder.newBuilder();
  for (const { host, steps } of report.hosts) {
    const suite = junit.testSuite().name(host).timestamp(new Date(report.beganMs)).time(seconds(steps.reduce((sum, step) => sum + step.durationMs, 0)))
      .property('run', report.run).property('mode', report.mode).property('planDigest', report.planDigest);
    for (const step of steps) {
      const one = suite.testCase().className(`${host}.${step.phase}.${step.stage}`).name(`${step.id} ${step.sentence}`).time(seconds(step.durationMs));
      const details = clean([...detailLines(step), ...step.evidence].join('\n'));
      // A dry run that cannot tell yet has found no fault.
      if (step.result === 'skipped' || (step.result === 'waiting' && report.endedMs !== null) || step.resolved !== null || (report.mode === 'check' && step.result === 'unknown')) one.skipped().standardOutput(details);
      else if (step.result === 'failed') one.failure(clean(step.reason), step.code).standardError(details);
      else if (step.result in MESSAGES) one.error(clean(`${MESSAGES[step.result] as string}: ${step.reason}`), step.result);
      else if (details !== '') one.standardOutput(details);
    }
  }
  return junit.build();
}

const seconds = (ms: number): number => ms / 1000;

/** Characters that XML 1.0 cannot hold, which a command may well write to its stderr. */
const clean = (text: string): string => text.replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd');
