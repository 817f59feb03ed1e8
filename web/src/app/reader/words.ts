import type { Answer, Item, Result, ShapeKind, TraceRole, Value } from '../../api/types';

/** Units as people read them. */
const units: Record<string, string> = {
	mm2: 'mm²', deg: '°', '{pixels}': 'pixels', '{square_pixels}': 'square pixels', 'cm/s2': 'cm/s²', '/min': 'per minute', '1': '', '%': '%',
};

export const unitWords = (ucum: string): string => units[ucum] ?? ucum;

/** Digits after the point that a unit deserves. */
function digits(n: number, unit: string): number {
	if (unit === 'ms' || unit === '/min' || unit === '{square_pixels}') return 0;
	if (unit === 'mm2') return Math.abs(n) < 100 ? 1 : 0;
	return 1;
}

/** "12.3 mm", "54.0 %". */
export function valueWords(n: number, unit: string): string {
	const u = unitWords(unit);
	const text = unit === '1' || unit === '' ? String(n) : n.toFixed(digits(n, unit));
	return u ? `${text}${u === '°' ? '' : ' '}${u}` : text;
}

/** The value of a result that an item counts: the named one, else the first. */
export const counted = (r: Result, name?: string): Value | undefined => r.values.find((v) => v.name === name) ?? r.values[0];

/** What is written beside a shape. */
export function label(r: Result, name?: string): string {
	const v = counted(r, name);
	return v ? valueWords(v.number, v.unit) : '';
}

const sources: Record<string, string> = {
	PixelSpacing: 'Pixel Spacing of the header',
	ImagerPixelSpacing: 'Imager Pixel Spacing, at the detector',
	NominalScannedPixelSpacing: 'Nominal Scanned Pixel Spacing, on the film',
	SequenceOfUltrasoundRegions: 'ultrasound regions',
	'frame times': 'the frames’ times',
};

/** Where the scale of a result comes from. */
export function sourceWords(r: Result): string {
	if (!r.source) return 'Not calibrated: in pixels';
	if (r.region) {
		const per = r.x && r.y && r.unit_x === 'mm' ? `, ${r.x === r.y ? '' : `${+r.x.toPrecision(3)} × `}${+r.y.toPrecision(3)} mm a pixel` : '';
		return `Scale of ultrasound region ${r.region}${per}`;
	}
	return `Scale: ${sources[r.source] ?? r.source}`;
}

export const calibrated = (r: Result): boolean => !!r.source;

const shapes: Record<ShapeKind, string> = {
	point: 'point', length: 'length', polyline: 'line', angle: 'angle', bidirectional: 'two diameters', rectangle: 'rectangle', ellipse: 'ellipse', polygon: 'outline by points',
	spline: 'smooth outline', freehand: 'outline by hand', caliper: 'caliper', trace: 'wall',
};
export const shapeWords = (k: ShapeKind): string => shapes[k];

export const roles: readonly { readonly role: TraceRole; readonly short: string; readonly words: string }[] = [
	{ role: 'a4c_ed', short: 'A4C ED', words: 'Four-chamber view, end of diastole' },
	{ role: 'a4c_es', short: 'A4C ES', words: 'Four-chamber view, end of systole' },
	{ role: 'a2c_ed', short: 'A2C ED', words: 'Two-chamber view, end of diastole' },
	{ role: 'a2c_es', short: 'A2C ES', words: 'Two-chamber view, end of systole' },
];

/** Sides of a preference. */
const preferences: Record<string, string> = { a: 'A is better', b: 'B is better', equal: 'Equally good', neither: 'Neither will do' };

/** Where a reading comes from: in comparisons which side is the AI's, in aided readings whether what was shown is. */
const origins: Record<string, string> = { a: 'A is the AI’s', b: 'B is the AI’s', ai: 'It was made by AI', human: 'It was made by a person', unknown: 'I can’t tell' };

export const optionWords = (it: Item, name: string): string => (it.kind === 'preference' ? (preferences[name] ?? name) : it.kind === 'origin' ? (origins[name] ?? name) : name);

/** Options of an item that is answered by choosing. */
export function optionsOf(it: Item, arm = ''): readonly { readonly name: string; readonly label: string; readonly meaning?: string }[] {
	if (it.kind === 'preference') return Object.entries(preferences).map(([name, label]) => ({ name, label }));
	if (it.kind === 'origin') return (arm === 'preference' ? ['a', 'b', 'unknown'] : ['ai', 'human', 'unknown']).map((name) => ({ name, label: origins[name]! }));
	return (it.options ?? []).map((o) => ({ name: o.name, label: o.name, ...(o.code ? { meaning: `${o.code.meaning} (${o.code.scheme} ${o.code.value})` } : {}) }));
}

/** Frames are counted from 1 where people see them. */
export const frameWords = (n: number): string => `frame ${n + 1}`;

/** An answer in a line, for the lock and for what is beside. */
export function answerWords(it: Item, a: Answer): string {
	if (a.cannot_assess) return `Cannot assess: ${a.cannot_assess}`;
	if (a.choice) return a.choice.map((c) => optionWords(it, c)).join(', ');
	if (a.text) return a.text;
	if (it.kind === 'frame' && a.number !== undefined) return `Frame ${a.number + 1}`;
	if (a.mask) return a.value === undefined ? 'Mask' : `Mask, ${valueWords(a.value, a.unit ?? '')}`;
	if (a.value !== undefined) return valueWords(a.value, a.unit ?? it.unit ?? '');
	if (a.number !== undefined) return valueWords(a.number, it.unit ?? '');
	if (a.shapes) {
		const v = a.results?.[0] && counted(a.results[0], it.value);
		return v ? valueWords(v.number, v.unit) : it.kind === 'ejection' ? `${a.shapes.length} of 4 traces` : 'Drawn';
	}
	return '';
}

/** Where an answer lies: "image 2, frame 14"; nothing of the exam. */
export function whereWords(a: Answer): string {
	if (!a.image) return '';
	const s = a.shapes?.[0];
	const frame = a.to ? `frames ${(a.frame ?? 0) + 1}–${a.to + 1}` : a.mask ? frameWords(a.frame ?? 0) : s ? frameWords(s.frame) : a.frame ? frameWords(a.frame) : '';
	return `image ${a.image}${frame ? `, ${frame}` : ''}`;
}

/** How a shape is drawn. */
export function drawingHint(kind: ShapeKind): string {
	const how: Partial<Record<ShapeKind, string>> = {
		point: 'Click the place.',
		length: 'Drag from one end to the other, or click both.',
		caliper: 'Drag along the axis of time.',
		angle: 'Click an arm’s end, the vertex, the other end.',
		bidirectional: 'Drag the long axis, then the short one.',
		rectangle: 'Drag from corner to corner.',
		ellipse: 'Drag one axis, then set the other.',
		freehand: 'Draw round it with the button held.',
	};
	return `${how[kind] ?? 'Click point by point; Enter or a double click ends.'} Keys: arrows move the cross, Space sets a point, Enter ends, Esc gives up.`;
}
