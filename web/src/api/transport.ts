import type { Lease, LiveDrawing, Person } from './team';
import type { Op, Receipt, StreamEvent } from './types';

/** What the server refused of an op. */
export interface Refusal {
	readonly status: number;
	readonly code: string;
	readonly message: string;
}

/** One message of the server: one of the fields is there (op with refused). */
export interface Message {
	readonly stream?: { readonly stream: string; readonly after: number };
	readonly events?: readonly StreamEvent[];
	readonly receipt?: Receipt;
	readonly refused?: Refusal;
	readonly op?: string;
	readonly presence?: { readonly reading: string; readonly here: readonly Person[] };
	readonly live?: LiveDrawing;
	readonly leases?: { readonly reading: string; readonly held: readonly Lease[] };
}

export interface Handlers {
	message(m: Message): void;
	/** The connection has ended; session: because there is no session any more. Called once at most. */
	closed(session: boolean): void;
}

/** One connection. */
export interface Transport {
	readonly by: 'socket' | 'events';
	send(op: Op): void;
	close(): void;
}

/** What a transport needs of a browser; tests give their own. */
export interface Browser {
	readonly WebSocket: new (url: string) => WebSocket;
	readonly EventSource: new (url: string) => EventSource;
	readonly fetch: typeof fetch;
	/** http(s)://host */
	readonly origin: string;
}

const policyViolation = 1008; // how the server ends a socket whose session is over

/** Ops and events over one connection. */
export function socket(b: Browser, after: number | 'end', h: Handlers): Transport {
	const ws = new b.WebSocket(`${b.origin.replace(/^http/, 'ws')}/api/events?after=${after}`);
	let over = false;
	const end = (session: boolean) => {
		if (over) return;
		over = true;
		h.closed(session);
	};
	ws.onmessage = (e: MessageEvent<unknown>) => {
		if (over || typeof e.data !== 'string') return;
		h.message(JSON.parse(e.data) as Message);
	};
	ws.onclose = (e) => end(e.code === policyViolation);
	ws.onerror = () => end(false);
	return {
		by: 'socket',
		send: (op) => ws.send(JSON.stringify(op)),
		close: () => {
			over = true;
			ws.close();
		},
	};
}

const passing = new Set(['presence', 'live', 'lease.take', 'lease.release']);

/** Events by server-sent events and ops by POST, where a proxy lets no socket through. Ops are sent one after the other. */
export function serverSent(b: Browser, after: number | 'end', h: Handlers): Transport {
	const source = new b.EventSource(`${b.origin}/api/events?after=${after}`);
	let over = false, name = '', line = Promise.resolve();
	const end = (session: boolean) => {
		if (over) return;
		over = true;
		source.close();
		h.closed(session);
	};
	const tell = (m: Message) => {
		if (!over) h.message(m);
	};
	const on = (kind: string, f: (data: string) => Message) =>
		source.addEventListener(kind, (e) => tell(f((e as MessageEvent<string>).data)));
	on('message', (d) => ({ events: [JSON.parse(d) as StreamEvent] }));
	on('stream', (d) => {
		const stream = JSON.parse(d) as NonNullable<Message['stream']>;
		name = stream.stream;
		return { stream };
	});
	for (const kind of ['presence', 'live', 'leases']) on(kind, (d) => ({ [kind]: JSON.parse(d) as unknown }) as Message);
	source.onerror = () => end(false); // the browser would connect again by itself, and from the number in its own header only
	async function post(op: Op): Promise<void> {
		const aside = passing.has(op.kind);
		const r = await b.fetch(b.origin + (aside ? '/api/live' : '/api/ops'), {
			method: 'POST',
			headers: { 'Content-Type': 'application/json' },
			body: JSON.stringify(aside ? { stream: name, ...op } : op),
		});
		if (r.status === 401) return end(true);
		const body = (await r.json()) as unknown;
		if (!r.ok) tell({ refused: body as Refusal, ...(op.id === undefined ? {} : { op: op.id }) });
		else if (op.kind !== 'live') tell({ receipt: body as Receipt });
	}
	return {
		by: 'events',
		send: (op) => {
			if (op.kind === 'live') void post(op).catch(() => undefined); // nobody waits for it
			else line = line.then(() => post(op)).catch(() => end(false));
		},
		close: () => {
			over = true;
			source.close();
		},
	};
}
