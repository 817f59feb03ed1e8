import type { Tool } from '../pen';

/** Two clicks or a drag where the picture has an axis of time: the server measures each axis by itself. */
export const caliper: Tool = { kind: 'caliper', hand: 'never', clicks: () => 2, shape: (p) => p };
