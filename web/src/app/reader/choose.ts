import type { Item } from '../../api/types';
import type { Place } from './place';
import type { Session } from './session.svelte';
import { optionsOf } from './words';

/** Chooses an option; of several it is put in or taken out, in the protocol's order. */
export function chosen(item: Item, before: readonly string[], name: string): readonly string[] {
	if (item.kind !== 'multi') return [name];
	const now = before.includes(name) ? before.filter((n) => n !== name) : [...before, name];
	const order = optionsOf(item).map((o) => o.name);
	return [...now].sort((a, b) => order.indexOf(a) - order.indexOf(b));
}

export function choose(session: Session, item: Item, place: Place, name: string) {
	const now = chosen(item, session.at(place)?.answer?.choice ?? [], name);
	if (now.length) session.put(place, { choice: now });
	else session.remove(place);
}
