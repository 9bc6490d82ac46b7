import {
	NodeConnectionTypes,
	NodeOperationError,
	type NodeApiError,
	type IDataObject,
	type IExecuteFunctions,
	type ILoadOptionsFunctions,
	type INodeExecutionData,
	type INodeListSearchResult,
	type INodeType,
	type INodeTypeDescription,
} from 'n8n-workflow';

import { ask } from '../../gateway/ask';
import { waitForCode } from '../../gateway/code';
import { purchase } from '../../gateway/purchase';
import { properties } from './properties';

/** Operations that charge the account. */
const PURCHASES = ['rent', 'replace'];

export class GetatextGateway implements INodeType {
	description: INodeTypeDescription = {
		displayName: 'Getatext Gateway',
		name: 'getatextGateway',
		icon: { light: 'file:../../icons/gateway.svg', dark: 'file:../../icons/gateway.dark.svg' },
		group: ['transform'],
		version: 1,
		subtitle: '={{$parameter["operation"]}}',
		description: 'Rent a US phone number for one SMS code, wait for the code, give the number back',
		defaults: { name: 'Getatext Gateway' },
		inputs: [NodeConnectionTypes.Main],
		outputs: [NodeConnectionTypes.Main],
		// An agent that buys belongs before the gateway's MCP server: there a person confirms what is
		// dear, and the same purchase made twice is refused.
		usableAsTool: undefined,
		credentials: [{ name: 'getatextGatewayApi', required: true }],
		properties,
	};

	methods = {
		listSearch: {
			/** The services that match what was typed, with their prices. */
			async searchServices(
				this: ILoadOptionsFunctions,
				filter?: string,
				paginationToken?: string,
			): Promise<INodeListSearchResult> {
				const page = await ask(this, {
					path: '/v1/prices',
					qs: {
						limit: 100,
						...(filter && { query: filter }),
						...(paginationToken && { cursor: paginationToken }),
					},
				});
				return {
					results: (page.data as IDataObject[]).map((price) => ({
						name: `${price.service_name} (${price.service_code}), ${price.price} ${price.currency}`,
						value: String(price.service_code),
					})),
					paginationToken: (page.next_cursor as string | null) ?? undefined,
				};
			},
		},
	};

	async execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
		const items = this.getInputData();
		const results: INodeExecutionData[] = [];
		for (let itemIndex = 0; itemIndex < items.length; itemIndex++) {
			const operation = this.getNodeParameter('operation', itemIndex) as string;
			const asked = answers(this, operation, itemIndex);
			results.push(...(await (this.continueOnFail() ? asked.catch(failure(itemIndex)) : asked)));
		}
		return [results];
	}
}

async function answers(
	context: IExecuteFunctions,
	operation: string,
	itemIndex: number,
): Promise<INodeExecutionData[]> {
	const { length } = context.getInputData();
	if (PURCHASES.includes(operation) && length > 1) {
		throw new NodeOperationError(
			context.getNode(),
			`${length} items came in, and nothing was rented: one execution rents one number`,
			{
				itemIndex,
				description:
					'Put a Limit node before this one. Numbers are not rented from lists: see docs/acceptable-use.md of the gateway.',
			},
		);
	}
	const found = await operations[operation](context, itemIndex);
	return found.map((json) => ({ json, pairedItem: { item: itemIndex } }));
}

/** A failure as an item, for who wants the workflow to go on. */
const failure = (itemIndex: number) => (error: NodeApiError | NodeOperationError) => [
	{
		json: { error: error.message, description: error.description ?? null },
		error,
		pairedItem: { item: itemIndex },
	},
];

type Operation = (context: IExecuteFunctions, itemIndex: number) => Promise<IDataObject[]>;

const operations: Record<string, Operation> = {
	async rent(context) {
		const options = context.getNodeParameter('options', 0) as IDataObject;
		const body = given({
			service_code: context.getNodeParameter('service', 0, '', { extractValue: true }),
			max_price: context.getNodeParameter('maxPrice', 0),
			carrier: options.carrier,
			keep_carrier: options.keepCarrier,
			area_codes: options.areaCodes,
			lock_area_code: options.lockAreaCode,
			number: options.number,
			reference: options.reference,
		});
		return [await purchase(context, 'rent', '/v1/rentals', body, text(options.requestId))];
	},

	async replace(context) {
		const options = context.getNodeParameter('options', 0) as IDataObject;
		const path = `/v1/rentals/${rentalId(context, 0)}/replace`;
		const body = given({
			max_price: context.getNodeParameter('maxPrice', 0),
			reference: options.reference,
		});
		return [await purchase(context, 'replace', path, body, text(options.requestId))];
	},

	async waitForCode(context, itemIndex) {
		const limit = context.getNodeParameter('waitSeconds', itemIndex) as number;
		const after = text(context.getNodeParameter('afterCode', itemIndex));
		return [await waitForCode(context, rentalId(context, itemIndex), limit, after, itemIndex)];
	},

	async get(context, itemIndex) {
		return [await ask(context, { path: `/v1/rentals/${rentalId(context, itemIndex)}`, itemIndex })];
	},

	async complete(context, itemIndex) {
		return [await change(context, 'complete', itemIndex)];
	},

	async cancel(context, itemIndex) {
		return [await change(context, 'cancel', itemIndex)];
	},

	async getBalance(context, itemIndex) {
		return [await ask(context, { path: '/v1/balance', itemIndex })];
	},

	async listPrices(context, itemIndex) {
		const qs = given({
			query: context.getNodeParameter('query', itemIndex),
			max_price: context.getNodeParameter('maxPrice', itemIndex),
			in_stock: context.getNodeParameter('inStock', itemIndex),
			limit: context.getNodeParameter('limit', itemIndex),
		});
		const page = await ask(context, { path: '/v1/prices', qs, itemIndex });
		return page.data as IDataObject[];
	},
};

async function change(
	context: IExecuteFunctions,
	verb: 'complete' | 'cancel',
	itemIndex: number,
): Promise<IDataObject> {
	const path = `/v1/rentals/${rentalId(context, itemIndex)}/${verb}`;
	return await ask(context, { method: 'POST', path, itemIndex });
}

function rentalId(context: IExecuteFunctions, itemIndex: number): string {
	const id = text(context.getNodeParameter('rentalId', itemIndex));
	if (!/^\d{1,19}$/.test(id)) {
		throw new NodeOperationError(context.getNode(), `"${id}" is no id of a rental`, { itemIndex });
	}
	return id;
}

/** Only what was filled in: the gateway takes no empty text for a choice. */
function given(fields: IDataObject): IDataObject {
	return Object.fromEntries(
		Object.entries(fields).filter(([, value]) => value !== '' && value !== undefined && value !== false),
	);
}

function text(value: unknown): string {
	return String(value ?? '').trim();
}
