import { StepError } from '../../proto/errors.ts';
import type { Difference } from '../../proto/events.ts';
import type { HttpDigest } from '../host/host.ts';

/** A row of the image service's database; `store` is the scheme of its location. */
export interface ImageRow { id: string; status: string; checksum: string | null; sizeBytes: number | null; store: string }

/** The smallest image of each store that can be downloaded and has a checksum. */
export function oneOfEachStore(images: ImageRow[]): ImageRow[] {
  const usable = images.filter((one) => one.status === 'active' && one.checksum !== null).sort((a, b) => (a.sizeBytes ?? Infinity) - (b.sizeBytes ?? Infinity) || (a.id < b.id ? -1 : 1));
  return [...new Map(usable.toReversed().map((one) => [one.store, one])).values()].sort((a, b) => (a.store < b.store ? -1 : 1));
}

/** What is wrong with an image's content. Only the bytes that came are believed. */
export async function judgeDownload(image: ImageRow, download: () => Promise<HttpDigest>): Promise<Difference[]> {
  const what = `content of image ${image.id} (${image.store} store)`, wanted = `${image.sizeBytes === null ? '' : `${image.sizeBytes} bytes, `}md5 ${image.checksum ?? 'none'}`;
  let got: HttpDigest;
  try {
    got = await download();
  } catch (error) {
    if (error instanceof StepError && error.code === 'command_failed') return [{ what, found: error.message, wanted }];
    throw error;
  }
  if (got.status !== 200) return [{ what, found: `HTTP ${got.status}`, wanted }];
  return got.md5 === image.checksum && (image.sizeBytes === null || got.sizeBytes === image.sizeBytes) ? [] : [{ what, found: `${got.sizeBytes} bytes, md5 ${got.md5}`, wanted }];
}
