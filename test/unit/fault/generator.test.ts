import { expect, test } from 'vitest';
import { makeTrial } from '../../fault/generator.ts';

const trials = Array.from({ length: 2000 }, (_, number) => makeTrial(1, number));

test('a unit that does not start until it is mended is started alone by each step: of several that one call starts, the others start before it (trial 1580)', () => {
  const broken = trials.flatMap((trial) => (trial.broken === undefined ? [] : [{ ...trial.broken, stages: trial.stages }]));
  expect(broken.length).toBeGreaterThan(100);
  for (const { host, unit, stages } of broken) {
    const starts = stages.flatMap(({ steps }) => steps[host] ?? []).map(({ acts }) => acts.filter((act) => act.startsWith('start '))).filter((acts) => acts.includes(`start ${unit}`));
    expect(starts.length).toBeGreaterThan(0);
    expect(starts.filter(({ length }) => length !== 1)).toEqual([]);
  }
});

test('a trial follows from its seed and number alone', () => {
  expect(makeTrial(1, 1580)).toEqual(makeTrial(1, 1580));
  expect(makeTrial(2, 1580)).not.toEqual({ ...makeTrial(1, 1580), seed: 2 });
});
