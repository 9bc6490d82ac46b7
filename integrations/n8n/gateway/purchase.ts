import { createHash } from 'node:crypto';

import { NodeApiError, NodeOperationError, type IDataObject, type IExecuteFunctions } from 'n8n-workflow';

import { askOnce, isSuccess, refused, type Answer } from './ask';

/** What an execution remembers. n8n keeps it with the execution, so its "retry" has it too. */
const EXECUTION = 'getatext_execution';

type Kind = 'rent' | 'replace';

/** Problems that say nothing of what became of an earlier request with the same id. */
const OF_THE_ID = ['request_in_progress', 'request_id_reused'];

const UNKNOWN =
	'It may have been charged. Do not rent again: repeating this execution asks for the same purchase, and never for a second one.';

/** Buys at most one number, whatever is repeated: the request, the node, or the execution. */
export async function purchase(
	context: IExecuteFunctions,
	kind: Kind,
	path: string,
	body: IDataObject,
	ownId: string,
): Promise<IDataObject> {
	const id = ownId || requestId(context, kind);
	const open = recall(context, `${kind}_open`);
	if (kind === 'rent' && open && open !== id) {
		throw new NodeOperationError(
			context.getNode(),
			'This execution has rented a number already: one execution rents one number',
			{ description: 'A list or a loop rents nothing more. See docs/acceptable-use.md of the gateway.' },
		);
	}
	const answer = await sent(context, kind, path, body, id);
	if (isSuccess(answer)) {
		remember(context, `${kind}_open`, id);
		return answer.body;
	}
	const { code, charged } = answer.body;
	if (charged !== 'no') {
		remember(context, `${kind}_open`, id);
		throw refused(context, answer, 0, `${UNKNOWN} Its request_id is ${id}.`);
	}
	// Nothing was bought and nothing is under way: another try, with other input perhaps, is another
	// purchase. Where an answer to this id was lost before, it stays the same purchase.
	if (open !== id && !OF_THE_ID.includes(String(code))) {
		const refusals = Number(recall(context, `${kind}_refusals`) || 0);
		remember(context, `${kind}_refusals`, String(refusals + 1));
	}
	throw refused(context, answer, 0);
}

async function sent(
	context: IExecuteFunctions,
	kind: Kind,
	path: string,
	body: IDataObject,
	id: string,
): Promise<Answer> {
	try {
		return await askOnce(context, {
			method: 'POST',
			path,
			body: { ...body, request_id: id },
			timeoutSeconds: 120,
			itemIndex: 0,
		});
	} catch (error) {
		remember(context, `${kind}_open`, id);
		const { message } = error as Error;
		throw new NodeApiError(context.getNode(), { message }, {
			message,
			description: `${UNKNOWN} Its request_id is ${id}.`,
			itemIndex: 0,
		});
	}
}

/** The same for every try of one purchase, and for no other one. */
function requestId(context: IExecuteFunctions, kind: Kind): string {
	let execution = recall(context, EXECUTION);
	if (!execution) {
		execution = String(context.getExecutionId());
		remember(context, EXECUTION, execution);
	}
	const instance = createHash('sha256').update(context.getInstanceId()).digest('hex').slice(0, 12);
	const node = encodeURIComponent(context.getNode().id).slice(0, 100);
	const run = context.getWorkflowDataProxy(0).$runIndex as number;
	const refusals = recall(context, `${kind}_refusals`);
	return ['n8n', instance, execution, node, run, 0, ...(refusals ? [refusals] : [])].join(':');
}

function recall(context: IExecuteFunctions, key: string): string {
	return context.customData.get(keyed(key)) ?? '';
}

function remember(context: IExecuteFunctions, key: string, value: string): void {
	context.customData.set(keyed(key), value);
	// n8n drops without a word what is more than it keeps for an execution.
	if (recall(context, key) !== value) {
		throw new NodeOperationError(
			context.getNode(),
			'n8n could not keep the id of this purchase with the execution',
			{ description: 'Does the workflow fill the custom data of its executions by itself?' },
		);
	}
}

function keyed(key: string): string {
	return key.startsWith('getatext_') ? key : `getatext_${key}`;
}
