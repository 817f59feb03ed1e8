import type { Tool } from '../pen';

/** Clicks that the closed curve goes through; a double click, Enter, or a click on the first ends. */
export const spline: Tool = { kind: 'spline', hand: 'never', clicks: () => Infinity, shape: (p) => p };
