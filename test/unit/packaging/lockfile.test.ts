import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

interface Locked { version?: string; resolved?: string; integrity?: string; link?: boolean }
const text = readFileSync(new URL('../../../package-lock.json', import.meta.url), 'utf8');
const packages = Object.entries((JSON.parse(text) as { packages: Record<string, Locked> }).packages).filter(([path]) => path !== '');

// A lockfile that names a place sends every build there. Without one npm asks the registry of whoever builds, and takes only what has the sum.
test('no package says from where it is to come', () => {
  expect(packages.length).toBeGreaterThan(100);
  expect(packages.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path)).toEqual([]);
});

test('each package has its sum', () => {
  expect(packages.filter(([, { integrity, link }]) => link === true || integrity?.startsWith('sha512-') !== true).map(([path]) => path)).toEqual([]);
});
