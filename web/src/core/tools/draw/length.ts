import type { Tool } from '../pen';

/** Two clicks or a drag: both ends. */
export const length: Tool = { kind: 'length', hand: 'never', clicks: () => 2, shape: (p) => p };
