import { config } from '@n8n/node-cli/eslint';

export default [
	...config,
	{
		// Who publishes the package adds an address of his own; the project has none to name.
		files: ['package.json', '**/*.ts'],
		rules: {
			'@n8n/community-nodes/require-homepage': 'off',
			'@n8n/community-nodes/valid-author': 'off',
			'@n8n/community-nodes/credential-documentation-url': 'off',
			'n8n-nodes-base/community-package-json-author-missing': 'off',
			'n8n-nodes-base/community-package-json-repository-url-missing': 'off',
			'n8n-nodes-base/cred-class-field-documentation-url-missing': 'off',
		},
	},
];
