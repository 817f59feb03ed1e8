import type { Tool } from '../pen';

/** Three clicks, the vertex second; or two lines (Cobb's angle) where the first is dragged, or started with shift. */
export const angle: Tool = { kind: 'angle', hand: 'never', clicks: (pen) => (pen.line ? 4 : 3), shape: (p) => p };
