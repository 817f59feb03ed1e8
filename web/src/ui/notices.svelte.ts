/** What is said at the edge of the page for a while, and to those who hear the page. */
export interface Notice {
	readonly id: number;
	readonly text: string;
	/** bad ones stay until they are closed */
	readonly tone: 'plain' | 'good' | 'bad';
}

let next = 1;
let list = $state.raw<readonly Notice[]>([]);

export const notices = {
	get list() {
		return list;
	},
	close(id: number) {
		list = list.filter((n) => n.id !== id);
	},
};

/** Says something; the same words twice are said once. */
export function say(text: string, tone: Notice['tone'] = 'plain') {
	const id = next++;
	list = [...list.filter((n) => n.text !== text), { id, text, tone }].slice(-3);
	if (tone !== 'bad') setTimeout(() => notices.close(id), 5000);
}
