import * as z from 'zod';
import { listedSections } from '../parse/drift.ts';
import { configFiles, readConfig } from './config-files.ts';
import { finding, operation } from './operation.ts';

const args = z.strictObject({ ...configFiles, optional: configFiles.files.min(0).default([]).describe('Those of `files` that may be missing') });

/**
 * The drift report of one service's old files, before anything is restored (row P10): how many options are kept, and which were moved, are
 * ignored, were removed, or have another default, by name and without values. Fails for a section nobody reads (E1, E2) and for a
 * value the new release does not have: those need a person. Errors: precondition_failed for a file that is missing or would be refused.
 */
export const configReviewed = operation({
  name: 'config.reviewed',
  summary: 'What a new release makes of an older configuration is known, and nothing in it needs a person',
  args, timeoutS: 60, mayKill: true,
  describe: ({ files }) => `Review ${files.join(', ')} against the new release's options`,
  touches: ({ files, optional }) => ({ paths: [...files, ...optional] }),
  async check(probe, a) {
    const { review } = await readConfig(probe, { ...a, listed: (files) => a.sectionLists.flatMap((by) => listedSections(files.map(({ ini }) => ini), by, undefined).chosen) }, a.optional);
    const { kept, moved, ignored, removed, defaults, values, unknown } = review;
    const told = [`kept: ${String(kept)}`, ...Object.entries({ moved, ignored, removed, 'default changed': defaults }).filter(([, list]) => list.length > 0).map(([word, list]) => `${word}: ${list.join(', ')}`)].join('; ');
    return finding({ ...review }, [
      ...unknown.map((name) => ({ what: `section [${name}]`, found: 'read by nobody', wanted: 'the section that the service registers' })),
      ...values.map((value) => ({ what: value, found: 'gone from the new release', wanted: 'a value it has' })),
    ], told);
  },
});
