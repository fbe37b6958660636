import * as z from 'zod';
import type { Difference } from '../../proto/events.ts';
import { seen } from '../cloud/answering.ts';
import { compareStates } from '../cloud/compare.ts';
import { judgeDownload, oneOfEachStore, type ImageRow } from '../cloud/images.ts';
import { openCloud } from '../cloud/session.ts';
import { glanceImages } from '../cloud/tables.ts';
import { select } from '../facts/database.ts';
import { ASSERTION_TIMEOUT_S, deadlineS, rcFile } from './cloud-args.ts';
import { defaultsFile, identifier } from './database-args.ts';
import { finding, operation } from './operation.ts';

const args = z.strictObject({
  rcFile,
  schema: identifier.describe('Database of the image service: its rows are the images that the API must give.'),
  defaultsFile,
  api: z.enum(['v1', 'v2']).default('v1').describe('API version. v1 gives a truncated file\'s end at once, v2 of old lets the download hang until stallS.'),
  download: z.enum(['one_per_store', 'all', 'none']).default('one_per_store').describe('Which images are downloaded to compute their md5: the smallest of each store (file, swift, ...), all, or none.'),
  downloadS: z.int().min(1).max(7200).default(600).describe('Seconds for one download.'),
  stallS: z.int().min(1).max(600).default(30).describe('Seconds without a byte after which a download has failed.'),
  deadlineS: deadlineS(60),
});

/**
 * The image service lists the images of every tenant with the restored ids and checksums, and gives what it lists (mission row
 * C43, erratum E21). The checksum of a download is computed: its headers repeat the database, whatever is in the file.
 */
export const imageListed = operation({
  name: 'image.listed', summary: 'The image service lists every tenant\'s images as in its database, and a download has the right md5.', args, timeoutS: ASSERTION_TIMEOUT_S + 7200, mayKill: true,
  describe: (a) => `the images of all tenants equal the rows of schema ${a.schema}${a.download === 'none' ? '' : `; ${a.download === 'all' ? 'each' : 'one of each store'} is downloaded and has the md5 of its row`}`,
  deadlineS: (a) => a.deadlineS,
  touches: (a) => ({ paths: [a.rcFile, a.defaultsFile] }),
  check: (probe, a) => seen(async () => {
    const cloud = await openCloud(probe, a.rcFile);
    const listed = await cloud.list<{ id: string; status: string; checksum?: string | null }>('image', a.api === 'v1' ? '/v1/images/detail?is_public=None' : '/v2/images', 'images');
    const text = (status: string, checksum: string | null | undefined): string => `${status}, md5 ${checksum ?? 'none'}`;
    const rows = await select(probe, a.defaultsFile,
      `SELECT 'image', id, status, checksum, size FROM \`${a.schema}\`.\`images\` WHERE deleted = 0`,
      `SELECT 'store', image_id, SUBSTRING_INDEX(value, ':', 1) FROM \`${a.schema}\`.\`image_locations\` WHERE deleted = 0`);
    const stores = new Map(rows.filter((row) => row[0] === 'store').map((row) => [row[1], row[2] ?? '']));
    const images: ImageRow[] = rows.filter((row) => row[0] === 'image')
      .map(([, id, status, checksum, size]) => ({ id: id ?? '', status: status ?? '', checksum: checksum ?? null, sizeBytes: size === null ? null : Number(size), store: stores.get(id ?? '') ?? 'no' }));
    const differences: Difference[] = compareStates('image', new Map(listed.map((one) => [one.id, text(one.status, one.checksum)])), new Map(images.map((one) => [one.id, text(one.status, one.checksum)])));
    const chosen = differences.length > 0 || a.download === 'none' ? [] : a.download === 'all' ? images.filter((one) => one.status === 'active') : oneOfEachStore(images);
    for (const image of chosen) {
      differences.push(...await judgeDownload(image, () => cloud.digest('image', a.api === 'v1' ? `/v1/images/${image.id}` : `/v2/images/${image.id}/file`, { timeoutS: a.downloadS, stallS: a.stallS })));
    }
    return finding({ images: listed.length, table: glanceImages(listed), downloaded: chosen.map((one) => one.id) }, differences);
  }),
});
