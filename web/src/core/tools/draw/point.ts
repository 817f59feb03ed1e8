import type { Tool } from '../pen';

/** A click. */
export const point: Tool = { kind: 'point', hand: 'never', clicks: () => 1, shape: (p) => p };
