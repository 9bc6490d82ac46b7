import { sleep, type IDataObject, type IExecuteFunctions } from 'n8n-workflow';

import { askOnce, isSuccess, refused } from './ask';

/** The gateway waits no longer in one call. */
const STEP_SECONDS = 25;

/**
 * Waits for a rental's code in steps, up to a limit. Answers what the last step answered: received,
 * ended, or pending where the limit was reached first.
 */
export async function waitForCode(
	context: IExecuteFunctions,
	rentalId: string,
	limitSeconds: number,
	afterCode: string,
	itemIndex: number,
): Promise<IDataObject> {
	const deadline = Date.now() + limitSeconds * 1000;
	const left = () => Math.max(0, (deadline - Date.now()) / 1000);
	for (;;) {
		const step = Math.min(STEP_SECONDS, Math.floor(left()));
		const stepEnds = Date.now() + step * 1000;
		const answer = await askOnce(context, {
			path: `/v1/rentals/${rentalId}/code`,
			qs: { wait_seconds: step, ...(afterCode && { after_code: afterCode }) },
			timeoutSeconds: step + 30,
			itemIndex,
			abortSignal: context.getExecutionCancelSignal(),
		});
		const settled = isSuccess(answer)
			? answer.body.status !== 'pending' && answer.body.provisional !== true
			: answer.body.retryable !== true;
		if (settled || left() < 1) {
			if (isSuccess(answer)) return answer.body;
			throw refused(context, answer, itemIndex);
		}
		// A step that ended early is followed by a pause, so that nothing is asked in a tight loop.
		const early = Date.now() < stepEnds - 1000 || !isSuccess(answer);
		const pause = Number(answer.body.retry_after ?? answer.body.retry_after_seconds ?? 2);
		if (early) await sleep(Math.min(pause, left()) * 1000);
	}
}
