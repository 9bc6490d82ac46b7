import type { INodeProperties } from 'n8n-workflow';

const forOperations = (...operation: string[]) => ({ show: { operation } });

const acceptableUse: INodeProperties = {
	displayName:
		'For your own accounts and tests, where the service permits it: docs/acceptable-use.md of the gateway. One execution rents one number.',
	name: 'notice',
	type: 'notice',
	default: '',
	displayOptions: forOperations('rent', 'replace'),
};

const requestId: INodeProperties = {
	displayName: 'Request ID',
	name: 'requestId',
	type: 'string',
	default: '',
	placeholder: 'e.g. order-4711',
	description:
		'Buys once, however often it is sent within a day. Left empty, it is made of the execution, this node, its run and the item; set it in a sub-workflow, which is another execution each time.',
};

const reference: INodeProperties = {
	displayName: 'Reference',
	name: 'reference',
	type: 'string',
	default: '',
	description: 'A label of yours that the usage is grouped by',
};

export const properties: INodeProperties[] = [
	{
		displayName: 'Resource',
		name: 'resource',
		type: 'options',
		noDataExpression: true,
		options: [
			{ name: 'Account', value: 'account' },
			{ name: 'Rental', value: 'rental' },
		],
		default: 'rental',
	},
	{
		displayName: 'Operation',
		name: 'operation',
		type: 'options',
		noDataExpression: true,
		displayOptions: { show: { resource: ['rental'] } },
		options: [
			{
				name: 'Cancel',
				value: 'cancel',
				action: 'Cancel a rental',
				description: 'Give a number without a code back for a refund, as soon as the provider allows',
			},
			{
				name: 'Complete',
				value: 'complete',
				action: 'Complete a rental',
				description: 'Say that the code was used, and end the rental',
			},
			{ name: 'Get', value: 'get', action: 'Get a rental', description: 'Read where a rental stands' },
			{
				name: 'Rent a Number',
				value: 'rent',
				action: 'Rent a number',
				description: 'Buy one US number for one service; the account is charged at once',
			},
			{
				name: 'Replace',
				value: 'replace',
				action: 'Replace a rental',
				description: 'Buy another number in place of one whose code does not come',
			},
			{
				name: 'Wait for Code',
				value: 'waitForCode',
				action: 'Wait for a code',
				description: 'Wait until the code comes, the rental ends, or the time is over',
			},
		],
		default: 'rent',
	},
	{
		displayName: 'Operation',
		name: 'operation',
		type: 'options',
		noDataExpression: true,
		displayOptions: { show: { resource: ['account'] } },
		options: [
			{
				name: 'Get Balance',
				value: 'getBalance',
				action: 'Get the balance',
				description: 'Read the balance, and what this key may still spend',
			},
			{
				name: 'List Prices',
				value: 'listPrices',
				action: 'List prices',
				description: 'List what a number costs for each service',
			},
		],
		default: 'getBalance',
	},
	acceptableUse,
	{
		displayName: 'Service',
		name: 'service',
		type: 'resourceLocator',
		required: true,
		default: { mode: 'list', value: '' },
		description: 'The service that will send the code',
		displayOptions: forOperations('rent'),
		modes: [
			{
				displayName: 'From List',
				name: 'list',
				type: 'list',
				typeOptions: { searchListMethod: 'searchServices', searchable: true },
			},
			{ displayName: 'By Code', name: 'id', type: 'string', placeholder: 'e.g. whatsapp' },
		],
	},
	{
		displayName: 'Rental ID',
		name: 'rentalId',
		type: 'string',
		required: true,
		default: '={{ $json.rental_id ?? $json.data?.id ?? $json.id }}',
		description: "The rental's ID, as renting answered it",
		displayOptions: forOperations('cancel', 'complete', 'get', 'replace', 'waitForCode'),
	},
	{
		displayName: 'Max Price',
		name: 'maxPrice',
		type: 'string',
		default: '',
		placeholder: 'e.g. 0.80',
		description: 'The most to pay in USD, surcharges included',
		displayOptions: forOperations('rent', 'replace', 'listPrices'),
	},
	{
		displayName: 'Wait Up To (Seconds)',
		name: 'waitSeconds',
		type: 'number',
		typeOptions: { minValue: 0, maxValue: 3600 },
		default: 300,
		description:
			'How long to wait for the code; after that the answer says "pending". n8n asks the gateway in steps of 25 seconds.',
		displayOptions: forOperations('waitForCode'),
	},
	{
		displayName: 'After Code',
		name: 'afterCode',
		type: 'string',
		default: '',
		description: 'A code you have already, to wait for the next one of a service that sends several',
		displayOptions: forOperations('waitForCode'),
	},
	{
		displayName: 'Query',
		name: 'query',
		type: 'string',
		default: '',
		description: 'Only services whose name or code holds this text',
		displayOptions: forOperations('listPrices'),
	},
	{
		displayName: 'In Stock',
		name: 'inStock',
		type: 'boolean',
		default: false,
		description: 'Whether to list only services with numbers in stock, or of unknown stock',
		displayOptions: forOperations('listPrices'),
	},
	{
		displayName: 'Limit',
		name: 'limit',
		type: 'number',
		typeOptions: { minValue: 1, maxValue: 1000 },
		default: 50,
		description: 'Max number of results to return',
		displayOptions: forOperations('listPrices'),
	},
	{
		displayName: 'Options',
		name: 'options',
		type: 'collection',
		placeholder: 'Add option',
		default: {},
		displayOptions: forOperations('rent'),
		options: [
			{
				displayName: 'Area Codes',
				name: 'areaCodes',
				type: 'string',
				default: '',
				placeholder: 'e.g. 212,646',
				description: 'Preferred area codes; a match costs 1.2 times the price',
			},
			{
				displayName: 'Carrier',
				name: 'carrier',
				type: 'options',
				options: [
					{ name: 'Any', value: 'any' },
					{ name: 'AT&T', value: 'at&t' },
					{ name: 'T-Mobile', value: 'tmobile' },
					{ name: 'Verizon', value: 'verizon' },
				],
				default: 'any',
				description: "Only this carrier's numbers; a match costs 1.2 times the price",
			},
			{
				displayName: 'Keep Carrier',
				name: 'keepCarrier',
				type: 'boolean',
				default: false,
				description: "Whether to fail rather than take another carrier's number",
			},
			{
				displayName: 'Lock Area Code',
				name: 'lockAreaCode',
				type: 'boolean',
				default: false,
				description: 'Whether to fail rather than take another area code',
			},
			{
				displayName: 'Number',
				name: 'number',
				type: 'string',
				default: '',
				description: 'Rent just this US number, if it is free; without carrier and area codes',
			},
			reference,
			requestId,
		],
	},
	{
		displayName: 'Options',
		name: 'options',
		type: 'collection',
		placeholder: 'Add option',
		default: {},
		displayOptions: forOperations('replace'),
		options: [reference, requestId],
	},
];
