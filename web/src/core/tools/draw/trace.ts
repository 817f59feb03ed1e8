import type { Tool } from '../pen';

/** A ventricle's wall from one side of the valve round the apex to the other, in one go while pressed, or by clicks with Enter at the end. */
export const trace: Tool = { kind: 'trace', hand: 'also', clicks: () => Infinity, shape: (p) => p };
