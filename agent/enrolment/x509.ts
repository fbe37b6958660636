import { webcrypto } from 'node:crypto';
import 'reflect-metadata'; // x509's container needs it before itself
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);

// Takes a tenth of a second: imported lazily, and never by an enrolled agent that has no revocation list.
export { x509 };
