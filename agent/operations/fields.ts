import * as z from 'zod';

/** Argument schemas that several operations share. */
export const absolutePath = z.string().regex(/^(?!.*\/\.{1,2}(?:\/|$))\/(?:[!-.0-~][ -.0-~]*(?:\/[ -.0-~]+)*)?$/, 'expected an absolute path in plain ASCII, without . or .. in it and without / at its end');
export const pathGlob = z.string().regex(/^(?!.*\/\.{1,2}(?:\/|$))\/[!-~]*$/, 'expected a glob that begins with /, without . or .. in it; * and ? stay within one folder, ** crosses folders');
export const accountName = z.string().regex(/^[a-z_][a-z0-9_-]{0,30}\$?$/, 'expected the name of a local user or group');
export const scsiName = z.string().regex(/^(?:iqn\.\d{4}-\d{2}\.[A-Za-z0-9.-]+(?::[A-Za-z0-9._:-]+)?|(?:eui|naa)\.[0-9A-Fa-f]{16,32})$/, 'expected an iSCSI name, such as iqn.2010-10.org.openstack:volume-1');
export const backstoreId = z.string().regex(/^[a-z_]+\/[^\s/]+$/, 'expected PLUGIN/NAME of a backstore, such as block/volume-1');
export const octalMode = z.string().regex(/^[0-7]?[0-7]{3}$/, 'expected an octal mode in quotes, such as "0640"');
export const hostName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9.-]*$/, 'expected a host name or an IPv4 address');
