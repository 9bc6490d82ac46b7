import type {
	IAuthenticateGeneric,
	Icon,
	ICredentialTestRequest,
	ICredentialType,
	INodeProperties,
} from 'n8n-workflow';

export class GetatextGatewayApi implements ICredentialType {
	name = 'getatextGatewayApi';

	displayName = 'Getatext Gateway API';

	icon: Icon = {
		light: 'file:../icons/gateway.svg',
		dark: 'file:../icons/gateway.dark.svg',
	};

	properties: INodeProperties[] = [
		{
			displayName: 'Gateway URL',
			name: 'url',
			type: 'string',
			required: true,
			default: 'http://127.0.0.1:8080',
			placeholder: 'https://gateway.example.com',
			description: 'Where the gateway answers, without /v1',
		},
		{
			displayName: 'Gateway Key',
			name: 'apiKey',
			type: 'string',
			typeOptions: { password: true },
			required: true,
			default: '',
			placeholder: 'gtw_…',
			description: 'Made by "getatext-gateway keys create"; the trigger needs one of these',
		},
	];

	authenticate: IAuthenticateGeneric = {
		type: 'generic',
		properties: { headers: { 'X-API-Key': '={{$credentials.apiKey}}' } },
	};

	test: ICredentialTestRequest = {
		request: {
			baseURL: '={{$credentials.url.replace(/\\/+$/, "")}}',
			url: '/v1/balance',
		},
	};
}
