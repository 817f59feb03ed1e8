/** Words for a list of what is drawn: what an image with role img says to those who do not see it. */
import type { Placed, PlacedMask, Scene } from '../contract';
import { looks } from './layers';

const views: Readonly<Record<string, string>> = {
	a4c_ed: 'four-chamber view, end of diastole',
	a4c_es: 'four-chamber view, end of systole',
	a2c_ed: 'two-chamber view, end of diastole',
	a2c_es: 'two-chamber view, end of systole',
};

const names: Readonly<Record<string, string>> = { trace: 'ventricle traced', bidirectional: 'two axes' };

export function describe({ shape, item, layer, label }: Placed): string {
	const what = names[shape.kind] ?? shape.kind;
	return [item ? `${item}: ${what}` : what, shape.role && views[shape.role], `frame ${shape.frame + 1}`, label, looks[layer].name].filter(Boolean).join(', ');
}

export function describeMask({ item, frame, layer, mask }: PlacedMask): string {
	let n = 0;
	for (let i = 1; i < mask.runs.length; i += 2) n += mask.runs[i]!;
	return `${item ? `${item}: ` : ''}mask, frame ${frame + 1}, ${n} pixels, ${looks[layer].name}`;
}

/** Everything in a frame, own things first. */
export function describeScene(s: Scene, frame: number): string[] {
	const first = (a: { layer: string }, b: { layer: string }): number => Number(a.layer !== 'own') - Number(b.layer !== 'own');
	return [
		...s.shapes.filter((p) => p.shape.frame === frame).sort(first).map(describe),
		...s.masks.filter((m) => m.frame === frame && m.mask.runs.length > 1).sort(first).map(describeMask),
	];
}
