import { defineConfig } from 'vitest/config';

const MINUTE_MS = 60_000;

export default defineConfig({
  test: {
    projects: [
      // Nothing here is about time: a machine with other work must not fail a test.
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: MINUTE_MS } },
      { test: { name: 'contract', include: ['test/contract/**/*.test.ts'], testTimeout: MINUTE_MS, hookTimeout: MINUTE_MS } },
      // The packed file on lab hosts, and for single operations a test program packed alike: they share the machine's network bridges and two cores, so one file at a time.
      { test: { name: 'integration', include: ['test/integration/**/*.test.ts'], globalSetup: 'test/integration/pack-runner.ts', fileParallelism: false, testTimeout: 20 * MINUTE_MS, hookTimeout: 10 * MINUTE_MS } },
      // The packed file on a lab host with Debian's OpenStack; a cold start builds its layers.
      { test: { name: 'openstack', include: ['test/openstack/**/*.test.ts'], fileParallelism: false, testTimeout: 25 * MINUTE_MS, hookTimeout: 25 * MINUTE_MS } },
      // The packed file in a virtual machine: software emulation, so one at a time as well.
      { test: { name: 'vm', include: ['test/vm/**/*.test.ts'], globalSetup: 'test/integration/pack-runner.ts', fileParallelism: false, testTimeout: 10 * MINUTE_MS, hookTimeout: 10 * MINUTE_MS } },
    ],
  },
});
