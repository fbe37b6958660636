import { StepError } from '../../proto/errors.ts';
import type { Difference, Json } from '../../proto/events.ts';

/** What a look at the cloud gives an assertion; `finding` of an operation has the same shape. */
export interface Seen { satisfied: boolean; found: Json; differences: Difference[]; reason?: string }

/** A look whose failing calls are an answer too: not satisfied, and asked again until the deadline. */
export async function seen(look: () => Promise<Seen>): Promise<Seen> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof StepError) || error.code !== 'command_failed') throw error;
    return { satisfied: false, found: null, differences: [{ what: 'the cloud', found: error.message, wanted: 'an answer' }] };
  }
}
