import {
	NodeConnectionTypes,
	NodeOperationError,
	type IDataObject,
	type IHookFunctions,
	type INodeType,
	type INodeTypeDescription,
	type IWebhookFunctions,
	type IWebhookResponseData,
} from 'n8n-workflow';

import { ask, askOnce, isSuccess, refused } from '../../gateway/ask';
import { judge } from '../../gateway/signature';

/** So many of the last deliveries to all triggers are known again: one that was answered may return. */
const REMEMBERED = 1000;

/**
 * Kept by the process: n8n loses what a webhook writes into static data when it starts the workflow.
 * A redelivery after a restart of n8n is not known again.
 */
const seen = new Set<string>();

/** What the trigger keeps between activation and deactivation. */
interface Kept {
	id?: string;
	secret?: string;
}

export class GetatextGatewayTrigger implements INodeType {
	description: INodeTypeDescription = {
		displayName: 'Getatext Gateway Trigger',
		name: 'getatextGatewayTrigger',
		icon: { light: 'file:../../icons/gateway.svg', dark: 'file:../../icons/gateway.dark.svg' },
		group: ['trigger'],
		version: 1,
		subtitle: '={{$parameter["events"].join(", ")}}',
		description: 'Starts the workflow on events of the gateway, such as a code that has come',
		defaults: { name: 'Getatext Gateway Trigger' },
		inputs: [],
		outputs: [NodeConnectionTypes.Main],
		credentials: [{ name: 'getatextGatewayApi', required: true }],
		webhooks: [
			{ name: 'default', httpMethod: 'POST', responseMode: 'onReceived', path: 'webhook' },
		],
		properties: [
			{
				displayName:
					'The gateway calls n8n at its public https address (WEBHOOK_URL of n8n), or in a network that GATEWAY_WEBHOOK_ALLOWED_NETWORKS names.',
				name: 'notice',
				type: 'notice',
				default: '',
			},
			{
				displayName: 'Events',
				name: 'events',
				type: 'multiOptions',
				required: true,
				default: ['rental.code_received'],
				description: 'What to start on',
				options: [
					{ name: 'Balance Low', value: 'balance.low' },
					{ name: 'Budget of a Key Reached', value: 'key.budget_reached' },
					{ name: 'Purchase Outcome Unknown', value: 'purchase.outcome_unknown' },
					{ name: 'Purchase Overcharged', value: 'purchase.overcharged' },
					{ name: 'Rental Cancel Requested', value: 'rental.cancel_requested' },
					{ name: 'Rental Code Received', value: 'rental.code_received' },
					{ name: 'Rental Created', value: 'rental.created' },
					{ name: 'Rental Ended', value: 'rental.ended' },
					{ name: 'Rental Refunded', value: 'rental.refunded' },
					{ name: 'Webhook Disabled', value: 'webhook.disabled' },
				],
			},
			{
				displayName: 'Service Code',
				name: 'serviceCode',
				type: 'string',
				default: '',
				placeholder: 'e.g. whatsapp',
				description:
					'Only rentals of this service. A workflow that starts on rental.created and rents would start itself without it.',
			},
		],
	};

	webhookMethods = {
		default: {
			/** Whether the gateway has the webhook as this workflow wants it, and its secret is known. */
			async checkExists(this: IHookFunctions): Promise<boolean> {
				const kept = this.getWorkflowStaticData('node') as Kept;
				if (!kept.id || !kept.secret) return false;
				const { data } = await ask(this, { path: '/v1/webhooks' });
				const found = (data as IDataObject[]).find(({ id }) => id === kept.id);
				if (found?.status === 'enabled' && isWanted(found, wanted(this))) return true;
				// The node was changed meanwhile: what it wanted before is wanted no more.
				if (found) await remove(this, kept.id);
				return false;
			},

			async create(this: IHookFunctions): Promise<boolean> {
				const kept = this.getWorkflowStaticData('node') as Kept;
				let webhook = await create(this);
				if (!webhook.secret) {
					// It is there from before, and a secret is told once: only a new one tells its own.
					await remove(this, String(webhook.id));
					webhook = await create(this);
				}
				if (!webhook.secret) {
					throw new NodeOperationError(this.getNode(), 'The gateway told no secret of the webhook');
				}
				kept.id = String(webhook.id);
				kept.secret = String(webhook.secret);
				return true;
			},

			async delete(this: IHookFunctions): Promise<boolean> {
				const kept = this.getWorkflowStaticData('node') as Kept;
				if (kept.id) await remove(this, kept.id);
				delete kept.id;
				delete kept.secret;
				return true;
			},
		},
	};

	async webhook(this: IWebhookFunctions): Promise<IWebhookResponseData> {
		const kept = this.getWorkflowStaticData('node') as Kept;
		const headers = this.getHeaderData();
		const { rawBody } = this.getRequestObject() as unknown as { rawBody?: Buffer };
		const refusal = kept.secret
			? judge(kept.secret, headers, rawBody ?? Buffer.alloc(0), Date.now() / 1000)
			: { status: 401, reason: 'No webhook was made for this workflow' };
		if (refusal) {
			this.getResponseObject().status(refusal.status).send(refusal.reason);
			return { noWebhookResponse: true };
		}
		const delivery = `${kept.id} ${headers['webhook-id']}`;
		if (seen.has(delivery)) return { webhookResponse: { message: 'Known already' } };
		seen.add(delivery);
		if (seen.size > REMEMBERED) seen.delete(seen.values().next().value as string);
		const event = this.getBodyData();
		// A test carries no rental: it is shown to who listens in the editor, and starts nothing.
		if (event.type === 'webhook.test' && this.getMode() !== 'manual') {
			return { webhookResponse: { message: 'The test has arrived' } };
		}
		return { workflowData: [[{ json: event }]] };
	}
}

interface Wanted extends IDataObject {
	url: string;
	events: string[];
	service_code?: string;
}

function wanted(context: IHookFunctions): Wanted {
	const service = String(context.getNodeParameter('serviceCode') ?? '').trim();
	return {
		url: String(context.getNodeWebhookUrl('default')),
		events: context.getNodeParameter('events') as string[],
		...(service && { service_code: service }),
	};
}

function isWanted(found: IDataObject, wanted: Wanted): boolean {
	const events = found.events as string[];
	return (
		found.url === wanted.url &&
		(found.service_code ?? '') === (wanted.service_code ?? '') &&
		events.length === wanted.events.length &&
		events.every((event) => wanted.events.includes(event))
	);
}

async function create(context: IHookFunctions): Promise<IDataObject> {
	const description = `n8n workflow ${context.getWorkflow().id ?? ''}`.trim();
	const body = { ...wanted(context), description };
	return await ask(context, { method: 'POST', path: '/v1/webhooks', body });
}

/** One that is gone already is as good. */
async function remove(context: IHookFunctions, id: string): Promise<void> {
	const path = `/v1/webhooks/${encodeURIComponent(id)}`;
	const answer = await askOnce(context, { method: 'DELETE', path });
	if (!isSuccess(answer) && answer.status !== 404) throw refused(context, answer);
}
