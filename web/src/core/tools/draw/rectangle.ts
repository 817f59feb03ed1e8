import type { Tool } from '../pen';

/** Two opposite corners. */
export const rectangle: Tool = { kind: 'rectangle', hand: 'never', clicks: () => 2, shape: (p) => p };
