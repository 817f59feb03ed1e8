/** What is to be drawn next: a protocol's measurements in their order, an ejection fraction's traces one by one. */
import type { Image, Item, TraceRole } from '../../api/types';
import type { Board, Placed, ToolName } from '../contract';

/** One thing to draw. */
export interface Step {
	readonly item: string;
	readonly tool: ToolName;
	/** what the board's target is for it */
	readonly target: NonNullable<Board['target']>;
	/** what to draw, in words */
	readonly words: string;
	/** the time of the beat that it belongs to, if that is known */
	readonly phase: 'ED' | 'ES' | undefined;
	readonly required: boolean;
	/** shapes of one's own that are there */
	readonly done: readonly Placed[];
}

export const roles: readonly TraceRole[] = ['a4c_ed', 'a4c_es', 'a2c_ed', 'a2c_es'];

const views = { a4c: 'four-chamber view', a2c: 'two-chamber view' } as const;
const times = { ED: 'end of diastole', ES: 'end of systole' } as const;

/** Linear measurements of the left ventricle in the parasternal long axis (Lang et al., J Am Soc Echocardiogr 2015;28:1). */
const diameters: Readonly<Record<string, string>> = {
	ivs: 'septum, from one edge to the other',
	lvid: 'cavity, from inner edge to inner edge, at right angles to the long axis, at the tips of the mitral valve',
	lvpw: 'posterior wall, from inner edge to the epicardium',
	pw: 'posterior wall, from inner edge to the epicardium',
};

/** ED or ES by a name that ends in d or s, as ivsd, LVIDs and lvef_es do. */
function named(name: string): { what: string; phase: 'ED' | 'ES' } | undefined {
	const m = /^(ivs|lvid|lvpw|pw)_?e?(d|s)$/i.exec(name);
	return m ? { what: diameters[m[1]!.toLowerCase()]!, phase: m[2]!.toLowerCase() === 'd' ? 'ED' : 'ES' } : undefined;
}

/** Steps of a protocol that are drawn, in its order. shapes are those of all images of the case. */
export function steps(items: readonly Item[], shapes: readonly Placed[]): Step[] {
	const mine = shapes.filter((s) => s.layer === 'own');
	return items.flatMap((it): Step[] => {
		const of = mine.filter((s) => s.item === it.name);
		const one = it.scope === 'frame' ? 'frame' : 'image';
		const base = { item: it.name, required: it.required };
		switch (it.kind) {
			case 'measurement': {
				const known = named(it.name), tool = it.shape ?? 'length';
				const words = known ? `${it.label}: ${known.what}, at ${times[known.phase]}` : it.label;
				return [{ ...base, tool, target: { item: it.name, one }, words, phase: known?.phase, done: of }];
			}
			case 'ejection':
				return roles.map((role): Step => {
					const [view, at] = role.split('_') as ['a4c' | 'a2c', 'ed' | 'es'], phase = at === 'ed' ? 'ED' : 'ES';
					const done = of.filter((s) => s.shape.role === role);
					const words = `${it.label}: wall in the ${views[view]} at ${times[phase]}, from one side of the valve round the apex to the other`;
					return { ...base, tool: 'trace', target: { item: it.name, role, one: 'image' }, words, phase, done };
				});
			case 'mask':
				return [{ ...base, tool: 'brush', target: { item: it.name, one }, words: it.label, phase: undefined, done: of }];
		}
		return [];
	});
}

/**
 * The first step that is not done; required ones alone, if asked. One view of an ejection fraction is enough where it is complete: the other
 * one's steps come last, as long as none of it is begun.
 */
export function next(all: readonly Step[], onlyRequired = false): Step | undefined {
	const open = all.filter((s) => !s.done.length && s.tool !== 'brush' && (s.required || !onlyRequired));
	const complete = (s: Step, view: string): boolean =>
		all.filter((o) => o.item === s.item && o.target.role?.startsWith(view)).every((o) => o.done.length > 0);
	const begun = (s: Step): boolean => all.some((o) => o.item === s.item && o.target.role?.slice(0, 3) === s.target.role?.slice(0, 3) && o.done.length > 0);
	const later = (s: Step): boolean => !!s.target.role && !begun(s) && (complete(s, 'a4c') || complete(s, 'a2c'));
	return open.find((s) => !later(s)) ?? (onlyRequired ? undefined : open[0]);
}

/** The frame of an image that a step asks for, if the image says which it is. */
export function frameFor(image: Image, step: Step): number | undefined {
	if (!step.phase) return undefined;
	return image.marks?.find((m) => m.name.toUpperCase() === step.phase)?.frame;
}
