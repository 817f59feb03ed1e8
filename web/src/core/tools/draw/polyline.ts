import type { Tool } from '../pen';

/** Clicks; a double click or Enter ends. */
export const polyline: Tool = { kind: 'polyline', hand: 'never', clicks: () => Infinity, shape: (p) => p };
