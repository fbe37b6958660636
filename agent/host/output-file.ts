import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';

/** A process that outlives the agent may keep so much output, bytes; of more the end is kept. */
const MOST_BYTES = 16 * 1024 * 1024;
const KEPT_BYTES = 256 * 1024;
/** How often it is looked at: what is printed within this time may be on disk beyond that. */
const EVERY_MS = 200;

/**
 * Cuts the file to its end now and then while its process writes to it, so that no command fills the disk: the writer appends, so what
 * it writes next comes behind what is left. Lines written at the moment of the cut may be lost. Returns what ends the watch, with a last cut.
 */
export function keepShort(path: string): () => void {
  const watch = setInterval(() => { cut(path); }, EVERY_MS);
  return () => { clearInterval(watch); cut(path); };
}

function cut(path: string): void {
  const fd = openSync(path, 'a+');
  try {
    const { size } = fstatSync(fd);
    if (size <= MOST_BYTES) return;
    const end = Buffer.alloc(KEPT_BYTES);
    const got = readSync(fd, end, 0, KEPT_BYTES, size - KEPT_BYTES);
    ftruncateSync(fd, 0);
    // The first line is cut, and could hold the end of a secret.
    writeSync(fd, `[tandem: ${String(size - got)} bytes before this were not kept]${end.toString('latin1', end.indexOf(10) < 0 ? got : end.indexOf(10), got)}`, null, 'latin1');
  } finally {
    closeSync(fd);
  }
}
