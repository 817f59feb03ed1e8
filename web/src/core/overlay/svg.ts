export type Attributes = Readonly<Record<string, string | number | undefined>>;

/** An SVG element with attributes; undefined ones are left out. */
export function svg(doc: Document, name: string, a: Attributes): SVGElement {
	const e = doc.createElementNS('http://www.w3.org/2000/svg', name);
	for (const [k, v] of Object.entries(a)) if (v !== undefined) e.setAttribute(k, String(v));
	return e;
}

let ruler: CanvasRenderingContext2D | null | undefined;

/** CSS pixels that words take in the overlay's font; about that where there is no canvas to ask. */
export function textWidth(doc: Document, text: string, size: number): number {
	if (ruler === undefined) ruler = doc.createElement('canvas').getContext?.('2d') ?? null;
	if (!ruler) return text.length * size * 0.6;
	ruler.font = `600 ${size}px system-ui, sans-serif`;
	return ruler.measureText(text).width;
}
