/**
 * Some things need the password once more. What needs it is the server's to say: it refuses with the code step_up, somebody types the
 * password, and the same is asked again.
 */
import { Refused, send } from '../api/client';

interface Asking {
	readonly why: string;
	readonly done: (proved: boolean) => void;
}
let asking = $state.raw<Asking>();

export const proof = {
	/** What the dialog asks for; undefined: nothing. */
	get asking() {
		return asking;
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
		super('Given up: the password was not given');
	}
}

/** Does f, after the password where the server asks for it. why: "Export leaves the house". */
export async function proved<T>(why: string, f: () => Promise<T>): Promise<T> {
	try {
		return await f();
	} catch (e) {
		if (!(e instanceof Refused) || e.code !== 'step_up') throw e;
	}
	const ok = await new Promise<boolean>((done) => (asking = { why, done }));
	if (!ok) throw new GivenUp();
	return f();
}
