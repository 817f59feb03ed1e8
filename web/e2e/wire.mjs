/** A wire between a browser and the server that can be cut: sockets too, which a browser's own offline mode leaves alone. */
import { connect, createServer } from 'node:net';

/** {url, cut, mend, close}: url stands for the server's. */
export async function wire(url) {
	const to = new URL(url);
	const open = new Set();
	let cut = false;
	const server = createServer((a) => {
		if (cut) return a.destroy();
		const b = connect(Number(to.port), to.hostname);
		for (const [x, y] of [[a, b], [b, a]]) {
			open.add(x);
			x.pipe(y);
			x.on('error', () => y.destroy());
			x.on('close', () => (open.delete(x), y.destroy()));
		}
	});
	await new Promise((done) => server.listen(0, '127.0.0.1', done));
	const drop = () => {
		for (const s of open) s.destroy();
	};
	return {
		url: `http://127.0.0.1:${server.address().port}`,
		cut() {
			cut = true;
			drop();
		},
		mend() {
			cut = false;
		},
		close: () => new Promise((done) => (drop(), server.close(done))),
	};
}
