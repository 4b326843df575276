// api.js - what the pages ask of head office.  A change carries the session's token and a Request-Id; when no
// answer came, the same change tried again carries the same id, so that it is done once.
// SPDX-License-Identifier: Apache-2.0
import { language, t } from './i18n.js';

/** What went wrong, as a sentence for people; field: name of what was typed that it is about, or ''. */
export class ApiError extends Error {
    constructor(status, code, text, field) {
        super(text);
        this.status = status; // 0: no answer came
        this.code = code;
        this.field = field || '';
    }
}

let token = '', user = null;
let whenEnded = () => {};
const unanswered = new Map(); // a change without an answer -> its Request-Id

/** Who is logged in: the answer of GET /api/session; null: nobody. */
export function setSession(s) {
    token = s?.token || '';
    user = s?.user || null;
}

/** Roles of who is logged in: ['clerk', ...]. */
export function roles() {
    return user?.roles || [];
}

/** Has who is logged in one of these? */
export function hasRole(...wanted) {
    return roles().some(r => wanted.includes(r));
}

/** Called when head office says that nobody is logged in (any more). */
export function onSessionEnd(f) {
    whenEnded = f;
}

/** Path and query as one; what is null, undefined or '' is left out. */
export function address(path, query) {
    const given = Object.entries(query || {}).filter(([, v]) => v !== null && v !== undefined && v !== '');
    return given.length ? path + '?' + new URLSearchParams(given) : path;
}

async function ask(method, where, headers, body) {
    let answer;
    try {
        answer = await fetch(where, { method, headers, body, credentials: 'same-origin', cache: 'no-store' });
    } catch {
        throw new ApiError(0, 'no answer', t('Head office does not answer. Try again in a moment: nothing is done twice.'));
    }
    if (answer.ok)
        return answer;
    const said = await answer.json().catch(() => ({}));
    const error = said.error || {};
    if (answer.status === 401 && !/^\/api\/(login|mine\/(login|code))/.test(where))
        whenEnded();
    throw new ApiError(answer.status, error.code || '', error.text || t('Head office answered with an error ({n}).',
        { n: answer.status }), error.field);
}

/** Reads: get('/api/members', { q: 'Ada' }).  Gives the answer's object. */
export async function get(path, query) {
    return (await ask('GET', address(path, query), { 'Accept-Language': language() })).json();
}

/** Changes: change('POST', '/api/members/M12/adjust', { points: 50 }).  Gives the answer's object. */
export async function change(method, path, body) {
    const text = JSON.stringify(body || {});
    const key = `${method} ${path} ${text}`;
    const id = unanswered.get(key) || crypto.randomUUID();
    unanswered.set(key, id);
    try {
        const answer = await ask(method, path, { 'Content-Type': 'application/json', 'Accept-Language': language(),
            'X-CSRF-Token': token, 'Request-Id': id }, text);
        unanswered.delete(key);
        return answer.json();
    } catch (e) {
        // A refusal is an answer: nothing was done, and the next try is another change.
        if (e.status > 0 && e.status < 500)
            unanswered.delete(key);
        throw e;
    }
}

/** A change whose answer is a file: a Blob. */
export async function fetchFile(path, body) {
    return (await ask('POST', path, { 'Content-Type': 'application/json', 'Accept-Language': language(), 'X-CSRF-Token': token,
        'Request-Id': crypto.randomUUID() }, JSON.stringify(body || {}))).blob();
}

export const post = (path, body) => change('POST', path, body);
export const put = (path, body) => change('PUT', path, body);
export const del = (path, body) => change('DELETE', path, body);
