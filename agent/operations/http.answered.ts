import * as z from 'zod';
import type { Difference } from '../../proto/events.ts';
import { StepError } from '../../proto/errors.ts';
import type { HttpAnswer, Probe } from '../host/host.ts';
import { finding, operation } from './operation.ts';

const args = z.strictObject({
  url: z.url({ protocol: /^https?$/ }).refine((url) => !/^[a-z]+:\/\/[^/]*@/.test(url), 'no user and password in a URL').describe('Asked with GET; redirects are not followed.'),
  status: z.array(z.int().min(100).max(599)).min(1).default([200]).describe('Status codes that will do (a version list answers 300).'),
  bodyContains: z.string().min(1).optional().describe('Text that the body must hold.'),
  deadlineS: z.int().min(0).max(3600).default(60).describe('Seconds to wait for it.'),
});

/** An API answers as its clients need it to. No answer, a wrong status and a wrong body are told apart. */
export const httpAnswered = operation({
  name: 'http.answered', summary: 'An HTTP address answers with the wanted status and text.', args, timeoutS: 3660, mayKill: true,
  describe: (a) => `GET ${a.url} answers ${a.status.join(' or ')}${a.bodyContains === undefined ? '' : ` with "${a.bodyContains}"`}, within ${a.deadlineS} s`,
  deadlineS: (a) => a.deadlineS,
  async check(probe, a) {
    const answer = await ask(probe, a.url);
    if (typeof answer === 'string') return finding({ answered: false }, [{ what: a.url, found: answer, wanted: 'an answer' }]);
    const differences: Difference[] = [];
    if (!a.status.includes(answer.status)) differences.push({ what: `status of ${a.url}`, found: String(answer.status), wanted: a.status.join(' or ') });
    if (a.bodyContains !== undefined && !answer.body.includes(a.bodyContains)) differences.push({ what: `body of ${a.url}`, found: JSON.stringify(answer.body.slice(0, 80)), wanted: `holding "${a.bodyContains}"` });
    return finding({ answered: true, status: answer.status }, differences);
  },
});

/** The answer, or why there is none: the assertion is asked again until its deadline. */
async function ask(probe: Probe, url: string): Promise<HttpAnswer | string> {
  try {
    return await probe.http({ method: 'GET', url, timeoutS: 10 });
  } catch (error) {
    if (error instanceof StepError && error.code === 'command_failed') return `no answer (${error.message})`;
    throw error;
  }
}
