import { createHmac, timingSafeEqual } from 'node:crypto';

const TOLERANCE_SECONDS = 5 * 60;

type Headers = Record<string, string | string[] | undefined>;

/** Why a delivery is no delivery: its HTTP status, and words for who sent it. */
export interface Refusal {
	status: 400 | 401;
	reason: string;
}

/**
 * Judges a delivery as Standard Webhooks wants it: by the bytes of its body, as they came.
 * `now` is in seconds since 1970. Null where it is genuine and not too old.
 */
export function judge(secret: string, headers: Headers, body: Buffer, now: number): Refusal | null {
	const id = single(headers['webhook-id']);
	const timestamp = single(headers['webhook-timestamp']);
	const signatures = single(headers['webhook-signature']);
	if (!id || !timestamp || !signatures || !/^\d{1,12}$/.test(timestamp)) {
		return { status: 400, reason: 'Headers of Standard Webhooks lack or are malformed' };
	}
	if (Math.abs(now - Number(timestamp)) > TOLERANCE_SECONDS) {
		return { status: 400, reason: 'webhook-timestamp is more than five minutes off' };
	}
	const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
	const expected = createHmac('sha256', key)
		.update(`${id}.${timestamp}.`)
		.update(body)
		.digest();
	const genuine = signatures.split(' ').some((signature) => {
		const [version, text] = signature.split(',', 2);
		const given = Buffer.from(text ?? '', 'base64');
		return version === 'v1' && given.length === expected.length && timingSafeEqual(given, expected);
	});
	return genuine ? null : { status: 401, reason: 'webhook-signature is wrong' };
}

function single(value: string | string[] | undefined): string {
	return typeof value === 'string' ? value : '';
}
