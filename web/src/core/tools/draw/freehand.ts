import type { Tool } from '../pen';

/** Drawn in one go while pressed; closed by a straight line. */
export const freehand: Tool = { kind: 'freehand', hand: 'always', clicks: () => Infinity, shape: (p) => p };
