/**
 * Some things need a fresh proof of who asks. What needs one is the server's to say: it refuses with the code step_up, somebody types the
 * password once more, or confirms at their organisation's log-in in another tab, and the same is asked again.
 */
import { get, Refused, send } from '../api/client';

/** What the server says of the session: how a proof can be given, and for how long the last one still holds. */
interface Session {
	readonly proofs: readonly ('password' | 'oidc')[];
	readonly fresh_seconds: number;
}

interface Asking {
	readonly why: string;
	readonly done: (proved: boolean) => void;
}
let asking = $state.raw<Asking>();
let ways = $state.raw<Session['proofs']>(['password']);

export const proof = {
	/** What the dialog asks for; undefined: nothing. */
	get asking() {
		return asking;
	},
	/** By which a proof can be given. */
	get ways() {
		return ways;
	},
	/** Looks whether a proof was given in another tab; throws where there is none. */
	async look() {
		const s = await get<Session>('/api/session');
		if (s.fresh_seconds <= 0) throw new Error("Your organisation's log-in has not confirmed it yet");
		asking?.done(true);
		asking = undefined;
	},
	/** Sends the password; throws with the server's words where it is wrong. */
	async give(password: string) {
		await send<void>('POST', '/api/session/step-up', { password });
		asking?.done(true);
		asking = undefined;
	},
	giveUp() {
		asking?.done(false);
		asking = undefined;
	},
};

/** Thrown where somebody does not give the password. */
export class GivenUp extends Error {
	constructor() {
		super('Given up: it was not confirmed');
	}
}

/** Does f, after the password where the server asks for it. why: "Export leaves the house". */
export async function proved<T>(why: string, f: () => Promise<T>): Promise<T> {
	try {
		return await f();
	} catch (e) {
		if (!(e instanceof Refused) || e.code !== 'step_up') throw e;
	}
	ways = await get<Session>('/api/session').then((s) => s.proofs, () => ['password'] as const);
	const ok = await new Promise<boolean>((done) => (asking = { why, done }));
	if (!ok) throw new GivenUp();
	return f();
}
