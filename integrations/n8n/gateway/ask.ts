import {
	NodeApiError,
	type IDataObject,
	type IExecuteFunctions,
	type IHookFunctions,
	type IHttpRequestMethods,
	type ILoadOptionsFunctions,
	type IN8nHttpFullResponse,
	type JsonObject,
} from 'n8n-workflow';

export const CREDENTIAL = 'getatextGatewayApi';

export type Asking = IExecuteFunctions | IHookFunctions | ILoadOptionsFunctions;

export interface Question {
	method?: IHttpRequestMethods;
	path: string;
	qs?: IDataObject;
	body?: IDataObject;
	/** Longer than the gateway itself takes at the most. */
	timeoutSeconds?: number;
	itemIndex?: number;
	abortSignal?: AbortSignal;
}

export interface Answer {
	status: number;
	/** The value, or the problem document where the status is 400 or more. */
	body: IDataObject;
}

/** Asks the gateway once. Throws only where no answer came: a refusal is an answer. */
export async function askOnce(context: Asking, question: Question): Promise<Answer> {
	const { url } = await context.getCredentials<{ url: string }>(CREDENTIAL);
	try {
		const answer = (await context.helpers.httpRequestWithAuthentication.call(context, CREDENTIAL, {
			method: question.method ?? 'GET',
			url: url.replace(/\/+$/, '') + question.path,
			qs: question.qs,
			body: question.body,
			json: true,
			returnFullResponse: true,
			ignoreHttpStatusErrors: true,
			// A redirect would carry the key elsewhere, and a purchase with it.
			disableFollowRedirect: true,
			timeout: (question.timeoutSeconds ?? 60) * 1000,
			abortSignal: question.abortSignal,
		})) as IN8nHttpFullResponse;
		return { status: answer.statusCode, body: object(answer.body) };
	} catch (error) {
		throw new NodeApiError(context.getNode(), error as JsonObject, {
			message: `The gateway did not answer: ${(error as Error).message}`,
			itemIndex: question.itemIndex,
		});
	}
}

/** The value that the gateway answers with. Throws what it says instead. */
export async function ask(context: Asking, question: Question): Promise<IDataObject> {
	const answer = await askOnce(context, question);
	if (isSuccess(answer)) return answer.body;
	throw refused(context, answer, question.itemIndex);
}

export function isSuccess({ status }: Answer): boolean {
	return status >= 200 && status < 300;
}

/** The gateway's own words for what it refused: what happened, and whether money moved. */
export function refused(context: Asking, answer: Answer, itemIndex?: number, note = ''): NodeApiError {
	const { code, detail, charged, trace_id: trace } = answer.body;
	const told = [
		`Problem: ${code ?? 'none told'}.`,
		`Charged: ${charged ?? 'not told'}.`,
		trace ? `Trace: ${trace}.` : '',
		note,
	];
	return new NodeApiError(context.getNode(), answer.body as JsonObject, {
		message: String(detail ?? `The gateway answered ${answer.status} without a reason`),
		description: told.filter(Boolean).join(' '),
		httpCode: String(answer.status),
		itemIndex,
	});
}

function object(body: unknown): IDataObject {
	return typeof body === 'object' && body !== null ? (body as IDataObject) : {};
}
