import * as z from 'zod';

/** Argument schemas that several operations share. */
export const absolutePath = z.string().regex(/^\/(?!.*(?:^|\/)\.{1,2}(?:\/|$))(?:[!-.0-~][ -.0-~]*(?:\/[ -.0-~]+)*)?$/, 'expected an absolute path in plain ASCII, without . or .. in it and without / at its end');
export const pathGlob = z.string().regex(/^\/[!-~]*$/, 'expected a glob that begins with /; * and ? stay within one folder, ** crosses folders');
export const accountName = z.string().regex(/^[a-z_][a-z0-9_-]{0,30}\$?$/, 'expected the name of a local user or group');
export const octalMode = z.string().regex(/^[0-7]?[0-7]{3}$/, 'expected an octal mode in quotes, such as "0640"');
