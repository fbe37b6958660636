import * as z from 'zod';
import { absolutePath } from './fields.ts';

/** Argument parts that the operations on the cloud's APIs share. */
export const rcFile = absolutePath.describe('File on this host with `export OS_USERNAME=`, OS_TENANT_NAME (or OS_PROJECT_NAME), OS_PASSWORD and OS_AUTH_URL of an administrator; OS_REGION_NAME and OS_ENDPOINT_TYPE are followed where set.');

/** Seconds within which an assertion must hold; one look takes longer where a service does not answer. */
export const deadlineS = (usual: number): z.ZodDefault<z.ZodInt> => z.int().min(0).max(3600).default(usual).describe('Seconds within which it must be so; asked again every second.');

/** A host by the name that the services know it by: they write it in lower case in places, so that case does not count. */
export const hostName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'expected a host name');
/** A service's host may name a backend, or a pool of it: HOST@BACKEND#POOL. */
export const serviceHost = z.string().regex(/^[A-Za-z0-9][\w.@#:-]*$/, 'expected HOST, HOST@BACKEND or HOST@BACKEND#POOL');
export const volumeType = z.string().regex(/^[a-z0-9-]+$/).default('volumev2').describe('Type of the volume service in the catalog; each API version has one of its own.');
export const uuid = z.string().regex(/^[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$/, 'expected an id, such as c950f523-f390-45bc-8c2b-08d8a7cb8d1c');

/** No assertion of the cloud takes longer than its deadline and one round of looks. */
export const ASSERTION_TIMEOUT_S = 3600 + 300;
