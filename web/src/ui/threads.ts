import type { Comment } from '../api/team';

/** A comment with what was said to it. */
export interface Thread {
	readonly first: Comment;
	readonly replies: readonly Comment[];
}

/** Comments in threads: one that answers a reply belongs to the thread of that, one whose first is not there begins one. In the order of their times. */
export function threads(all: readonly Comment[]): Thread[] {
	const by = new Map(all.map((c) => [c.id, c]));
	const root = (c: Comment): Comment => {
		const seen = new Set<string>();
		for (let at = c; ; ) {
			seen.add(at.id);
			const up = at.reply === undefined ? undefined : by.get(at.reply);
			if (!up || seen.has(up.id)) return at;
			at = up;
		}
	};
	const out = new Map<string, { first: Comment; replies: Comment[] }>();
	for (const c of all) if (root(c) === c) out.set(c.id, { first: c, replies: [] });
	for (const c of all) if (root(c) !== c) out.get(root(c).id)?.replies.push(c);
	return [...out.values()];
}

/** "image 2, frame 13", counted from 1 as people do; "" of the whole exam. */
export function placeWords(image: number | undefined, frame: number | undefined): string {
	return image ? `image ${image}, frame ${(frame ?? 0) + 1}` : '';
}
