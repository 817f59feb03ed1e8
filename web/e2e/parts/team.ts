/** The pieces of team work on a page of their own, over the real stream, for sessions/together.mjs. */
import { mount } from 'svelte';
import '../../src/ui/tokens.css';
import { Stream, newId, openStream } from '../../src/api/stream';
import { KeptQueue } from '../../src/api/queue';
import Comments from '../../src/ui/Comments.svelte';
import Conflict from '../../src/ui/Conflict.svelte';
import Connection from '../../src/ui/Connection.svelte';
import Presence from '../../src/ui/Presence.svelte';

/** A socket that no proxy lets through. */
class NoSocket {
	onerror: (() => void) | undefined;
	constructor() {
		setTimeout(() => this.onerror?.());
	}
	close(): void {}
	send(): void {}
}

const jumps: unknown[] = [];

function open(who: string, socket: boolean): Stream {
	if (socket) return openStream(who);
	const WebSocket = NoSocket as unknown as typeof globalThis.WebSocket;
	return new Stream({ who, queue: new KeptQueue(indexedDB), browser: { WebSocket, EventSource, fetch: (...a) => fetch(...a), origin: location.origin } });
}

function show(stream: Stream, reading: string): void {
	const target = document.querySelector('#team')!;
	const onjump = (at: unknown) => void jumps.push(at);
	mount(Connection, { target, props: { stream } });
	mount(Presence, { target, props: { stream, onjump } });
	mount(Conflict, { target, props: { stream } });
	mount(Comments, { target, props: { stream, reading, at: { image: 1, frame: 4 }, onjump } });
}

Object.assign(window, { team: { open, show, newId, jumps } });
