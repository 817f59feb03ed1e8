import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { GivenUp, proof, proved } from './proof.svelte';

/** A server that wants a proof for POST /api/export, and takes "right" for one. */
function server(proofs: string[]) {
	let fresh = 0;
	const asked: string[] = [];
	const answer = (status: number, body?: unknown) => new Response(body === undefined ? null : JSON.stringify(body), { status });
	vi.stubGlobal('fetch', (path: string, init?: RequestInit) => {
		asked.push(`${init?.method ?? 'GET'} ${path}`);
		if (path === '/api/session') return Promise.resolve(answer(200, { name: 'cora', proofs, fresh_seconds: fresh, idle_seconds: 1800 }));
		if (path === '/api/session/step-up') {
			if (init?.body !== '{"password":"right"}') return Promise.resolve(answer(403, { status: 403, code: 'step_up', message: 'the password is wrong' }));
			fresh = 300;
			return Promise.resolve(answer(204));
		}
		return Promise.resolve(fresh ? answer(200, 'done') : answer(403, { status: 403, code: 'step_up', message: 'once more' }));
	});
	return { asked, confirm: () => (fresh = 300) };
}

const doIt = () =>
	proved('It leaves the house', async () => {
		const { send } = await import('../api/client');
		return send<string>('POST', '/api/export');
	});

describe('a fresh proof', () => {
	beforeEach(() => vi.unstubAllGlobals());
	afterEach(() => proof.giveUp());

	it('asks for the password, says when it is wrong, and asks the same again', async () => {
		const s = server(['password']);
		const result = doIt();
		await vi.waitFor(() => expect(proof.asking?.why).toBe('It leaves the house'));
		expect(proof.ways).toEqual(['password']);
		await expect(proof.give('wrong')).rejects.toThrow('the password is wrong');
		expect(proof.asking).toBeDefined();
		await proof.give('right');
		expect(await result).toBe('done');
		expect(proof.asking).toBeUndefined();
		expect(s.asked.filter((a) => a === 'POST /api/export')).toHaveLength(2);
	});

	it('waits for the word of the organisation in another tab', async () => {
		const s = server(['oidc']);
		const result = doIt();
		await vi.waitFor(() => expect(proof.asking).toBeDefined());
		expect(proof.ways).toEqual(['oidc']);
		await expect(proof.look()).rejects.toThrow('not confirmed');
		s.confirm();
		await proof.look();
		expect(await result).toBe('done');
	});

	it('is given up', async () => {
		server(['password']);
		const result = doIt();
		await vi.waitFor(() => expect(proof.asking).toBeDefined());
		proof.giveUp();
		await expect(result).rejects.toBeInstanceOf(GivenUp);
	});
});
