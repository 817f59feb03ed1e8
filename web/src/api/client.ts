import type { Case, Drawn, Image, Me, Op, Protocol, ReadingView, Receipt, Result, Task } from './types';

/** What the server refused, with its code: 409 is a conflict, 404 not there or not to be seen. */
export class Refused extends Error {
	constructor(
		readonly status: number,
		readonly code: string,
		message: string,
	) {
		super(message);
		this.name = 'Refused';
	}
}

/** Turns an answer that is no success into {@link Refused}; without a session the browser goes to log in. */
async function checked(r: Response): Promise<Response> {
	if (r.ok) return r;
	if (r.status === 401) location.assign('/login');
	let code = '', message = r.statusText;
	try {
		({ code, message } = (await r.json()) as { code: string; message: string });
	} catch {
		// a proxy's page, say
	}
	throw new Refused(r.status, code, message);
}

/** Answers that were asked for before somebody wanted them. */
const early = new Map<string, Promise<unknown>>();

/** Asks now for what a page is about to want, so that it does not wait for one answer after the other. The first who wants it gets it. */
export function ahead(...paths: string[]): void {
	for (const path of paths) {
		const p = get(path);
		p.catch(() => undefined); // whoever wants it is told
		early.set(path, p);
	}
}

async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
	const asked = early.get(path);
	if (asked) {
		early.delete(path);
		return asked as Promise<T>;
	}
	return (await checked(await fetch(path, { signal: signal ?? null }))).json() as Promise<T>;
}

/** Sends JSON; answers of 204 give undefined. */
export async function send<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
	const r = await checked(
		await fetch(path, {
			method,
			headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
			body: body === undefined ? null : JSON.stringify(body),
			signal: signal ?? null,
		}),
	);
	return (r.status === 204 ? undefined : await r.json()) as T;
}

export const me = () => get<Me>('/api/me');
export const protocol = () => get<Protocol>('/api/protocol');
export const worklist = () => get<Task[]>('/api/worklist');
export const caseOf = (assignment: string, signal?: AbortSignal) => get<Case>(`/api/cases/${assignment}`, signal);
export const reading = (id: string) => get<ReadingView>(`/api/readings/${id}`);
export const perform = (op: Op) => send<Receipt>('POST', '/api/ops', op);
export const logout = () => send<void>('DELETE', '/api/session');

/** Numbers of shapes as an answer with them would have, without writing anything: one result a shape, or one of all traces. */
export const measure = async (assignment: string, shapes: readonly Drawn[], signal?: AbortSignal) =>
	(await send<{ results: Result[] }>('POST', `/api/cases/${assignment}/measure`, { shapes }, signal)).results;

/** The pixels of a frame as the server sends them: image/jpeg, or samples (rows × columns × samples, little endian). */
export async function frame(assignment: string, image: Image, n: number, signal?: AbortSignal): Promise<Blob | ArrayBuffer> {
	const r = await checked(await fetch(`/api/cases/${assignment}/images/${image.number}/frames/${n}`, { signal: signal ?? null }));
	return r.headers.get('Content-Type') === 'image/jpeg' ? r.blob() : r.arrayBuffer();
}

/** GET of JSON for pages whose routes have no function of their own here. */
export { get };
