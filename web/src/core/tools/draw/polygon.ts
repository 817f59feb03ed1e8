import type { Tool } from '../pen';

/** Clicks; a double click, Enter, or a click on the first corner ends. */
export const polygon: Tool = { kind: 'polygon', hand: 'never', clicks: () => Infinity, shape: (p) => p };
