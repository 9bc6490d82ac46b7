'use strict';

// The way to the gateway: its address, the key, and what its refusals mean to Zapier.

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];
const RETRY_SECONDS = 60;

/**
 * The gateway's address, without a slash at the end.
 * @throws z.errors.Error where it is none that a key may be sent to.
 */
const baseUrl = (z, bundle) => {
  const given = String(bundle.authData.gateway_url || '')
    .trim()
    .replace(/\/+$/, '');
  const url = URL.canParse(given) ? new URL(given) : null;
  const safe = url && (url.protocol === 'https:' || LOOPBACK.includes(url.hostname));
  if (!safe || !url.protocol.startsWith('http')) {
    throw new z.errors.Error(
      'The Gateway URL must be a whole https address, such as https://gateway.example.com.',
      'invalid_gateway_url',
    );
  }
  return given;
};

/** Middleware: the key goes to the gateway alone, and no redirect takes it elsewhere. */
const identify = (request, z, bundle) => {
  if (new URL(request.url).origin === new URL(baseUrl(z, bundle)).origin) {
    request.headers['X-API-Key'] = bundle.authData.api_key;
  }
  request.headers.Accept = 'application/json';
  request.redirect = 'manual';
  return request;
};

const told = (problem) =>
  `${problem.detail} (${problem.code}; charged: ${problem.charged}; trace: ${problem.trace_id})`;

/** Those that no repetition mends and that are no fault of the Zap: it stops, and stays on. */
const isSoft = ({ status, code }) =>
  status === 409 || ['budget_exceeded', 'service_not_allowed'].includes(code);

const isBusy = ({ status, code }) =>
  status === 429 || status === 503 || code === 'request_in_progress';

/**
 * What to throw for a refusal that the gateway has explained.
 *
 * Zapier runs a step again by itself after ThrottledError, and with autoreplay after Error; never
 * after HaltedError. So a purchase that was or may have been charged, as `outcome_unknown`, is halted.
 */
const errorOf = (problem, z) => {
  const { errors } = z;
  const words = told(problem);
  if (problem.charged !== 'no') {
    return new errors.HaltedError(words);
  }
  if (problem.status === 401) return new errors.ExpiredAuthError(words);
  if (problem.retryable && isBusy(problem)) {
    return new errors.ThrottledError(words, problem.retry_after || RETRY_SECONDS);
  }
  if (!problem.retryable && isSoft(problem)) return new errors.HaltedError(words);
  return new errors.Error(words, problem.code, problem.status);
};

/** Middleware: problem documents become errors that a person can act on. */
const readProblem = (response, z) => {
  if (response.status < 300) return response;
  if ((response.request.tolerated || []).includes(response.status)) {
    response.skipThrowForStatus = true;
    return response;
  }
  const problem = response.data;
  if (problem && typeof problem.detail === 'string' && typeof problem.code === 'string') {
    throw errorOf(problem, z);
  }
  const moved = response.status < 400;
  throw new z.errors.Error(
    moved
      ? `The Gateway URL leads elsewhere (HTTP ${response.status}). Enter the address it leads to.`
      : `HTTP ${response.status}, without the gateway's own words: is the Gateway URL right, ` +
        'and the gateway up? Replaying this step buys nothing twice.',
    moved ? 'redirected' : 'unexplained',
    response.status,
  );
};

/** The inputs that were given: Zapier sends empty text for what a user left out. */
const given = (inputs) =>
  Object.fromEntries(
    Object.entries(inputs).filter(([, value]) => ![undefined, null, ''].includes(value)),
  );

/** One call of the gateway; gives its JSON. `tolerated`: statuses that are no error here. */
const call = async (z, bundle, method, path, { params, body, ...options } = {}) => {
  const response = await z.request({
    method,
    url: baseUrl(z, bundle) + path,
    params: given(params || {}),
    ...(method === 'POST' && { body: JSON.stringify(given(body || {})) }),
    headers: method === 'POST' ? { 'Content-Type': 'application/json' } : {},
    ...options,
  });
  return response.data;
};

module.exports = { baseUrl, call, identify, readProblem };
