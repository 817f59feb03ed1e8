import type { Answer, Item } from '../../../api/types';
import type { Place } from '../place';
import type { Stage } from '../stage.svelte';

/** What the body of every item gets. */
export interface ItemProps {
	readonly stage: Stage;
	readonly item: Item;
	readonly place: Place;
	readonly answer: Answer | undefined;
	/** number keys and d are this item's */
	readonly current: boolean;
}
