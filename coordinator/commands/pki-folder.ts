import { existsSync } from 'node:fs';
import type { Context } from '../context.ts';
import { besideSite, readSite } from '../input/files.ts';
import type { Site } from '../site.ts';

/** The site file where there is one; the authority may be made before it. */
export const siteOf = (context: Context): Site | undefined => (context.siteGiven() || existsSync(context.siteFile()) ? readSite(context.siteFile()) : undefined);
export const folderOf = (context: Context, site: Site | undefined, dir: string | undefined): string => dir ?? (site === undefined ? 'pki' : besideSite(context.siteFile(), site.pki));
