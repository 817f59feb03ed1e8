/** Designs that are ready to be picked: each is a protocol that can be published as it stands, and changed before. */
export interface Design {
	readonly name: string;
	readonly label: string;
	/** what it is for, in a line */
	readonly help: string;
	/** lines of design and adjudication */
	readonly design: string;
	readonly adjudication: string;
	readonly items: string;
}

const function_ = `  - name: function
    label: Left ventricular function
    kind: ordinal
    options: [{name: normal}, {name: mildly reduced}, {name: reduced}]
    positive: [reduced]
    required: true
    confidence: true
    cannot_assess: [image quality, view missing]
    disagreement: {metric: steps, limit: 1}
`;
const lvef = `  - name: lvef
    label: Ejection fraction from traces
    kind: ejection
    disagreement: {metric: difference, limit: 10}
`;

export const designs: readonly Design[] = [
	{
		name: 'double', label: 'Independent double read', help: 'Every case by two readers who know nothing of each other; a third decides where they differ.',
		design: 'design: {kind: independent, readers: 2, repeat: 0}', adjudication: 'adjudication: {method: third, see_reads: true}', items: function_ + lvef,
	},
	{
		name: 'sequential', label: 'Unaided, locked, then aided', help: 'Each case is read without AI and locked; then the model’s reading is shown and the case is read again.',
		design: 'design: {kind: sequential, ai: MODEL}', adjudication: 'adjudication: {method: third, see_reads: true}', items: function_,
	},
	{
		name: 'crossed', label: 'Crossed, with a washout', help: 'Multi-reader, multi-case: every reader reads every case with and without AI, four weeks apart, in an order by chance.',
		design: 'design: {kind: crossed, ai: MODEL, washout_days: 28}', adjudication: 'adjudication: {method: panel, see_reads: true}', items: function_,
	},
	{
		name: 'preference', label: 'Pairwise preference', help: 'Which of two readings of a case is better: a model’s and a person’s, sides by chance, nobody is named.',
		design: 'design: {kind: preference, ai: MODEL}', adjudication: 'adjudication: {method: majority}',
		items: `  - name: better
    label: Which reading is better?
    kind: preference
    required: true
`,
	},
	{
		name: 'panel', label: 'AI against a panel', help: 'Every case by every reader and by the model, which nobody is shown; the panel’s decisions are the truth.',
		design: 'design: {kind: panel}', adjudication: 'adjudication: {method: panel, see_reads: true}', items: function_ + lvef,
	},
];

/** The protocol of a design: its title is YAML in quotes, whatever it holds. MODEL becomes the model's member name. */
export function protocolOf(d: Design, revision: number, title: string, model: string): string {
	const design = d.design.replace('MODEL', model || 'MODEL');
	return `version: 1\nrevision: ${revision}\ntitle: ${JSON.stringify(title || 'Untitled study')}\n${design}\n${d.adjudication}\nitems:\n${d.items}`;
}

/** The protocol with another revision: the number of the line `revision:` alone is changed. */
export const withRevision = (yaml: string, revision: number): string => yaml.replace(/^revision:[ \t]*\d+/m, `revision: ${revision}`);

/** Offset of the beginning of a line, from 1, in a text; its end where there are fewer. */
export function offsetOf(text: string, line: number): readonly [from: number, to: number] {
	let from = 0;
	for (let n = 1; n < line; n++) {
		const at = text.indexOf('\n', from);
		if (at < 0) return [text.length, text.length];
		from = at + 1;
	}
	const end = text.indexOf('\n', from);
	return [from, end < 0 ? text.length : end];
}
