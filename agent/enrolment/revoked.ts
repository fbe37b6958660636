/** A revocation list (RFC 5280). Serial numbers as serialOf gives them. `pem` is this one list and nothing else. */
export interface RevocationList { number: number; thisUpdate: Date; nextUpdate: Date; revoked: ReadonlyMap<string, Date>; pem: string }

/** Why a text is no list of this authority. */
export class NotAList extends TypeError {}

/** A serial number in one form, whoever prints it: small letters, no zeros in front. */
export const serialOf = (hex: string): string => hex.toLowerCase().replaceAll(/[^0-9a-f]/g, '').replace(/^0+(?=.)/, '');
export const day = (date: Date): string => date.toISOString().slice(0, 10);
