import { describe, expect, it } from 'vitest';
import { designs, offsetOf, protocolOf, withRevision } from './designs';

describe('ready designs', () => {
	it('are protocols with the revision that is next and a title that is quoted', () => {
		for (const d of designs) {
			const y = protocolOf(d, 3, 'EF: "ours" & theirs', 'net');
			expect(y).toMatch(/^version: 1\nrevision: 3\ntitle: "EF: \\"ours\\" & theirs"\ndesign: \{kind: /);
			expect(y).not.toContain('MODEL');
			expect(y.endsWith('\n')).toBe(true);
		}
		expect(new Set(designs.map((d) => d.name)).size).toBe(5);
	});
	it('say where the model is missing', () => expect(protocolOf(designs[1]!, 1, '', '')).toContain('ai: MODEL'));
});

describe('revisions', () => {
	it('are changed in their own line alone', () => {
		expect(withRevision('version: 1\nrevision: 1\ntitle: "revision: 1"\n', 2)).toBe('version: 1\nrevision: 2\ntitle: "revision: 1"\n');
		expect(withRevision('title: x\n', 2)).toBe('title: x\n');
	});
});

describe('lines', () => {
	it('have their places', () => {
		const text = 'a\nbcd\n\nef';
		expect([1, 2, 3, 4, 9].map((n) => offsetOf(text, n))).toEqual([[0, 1], [2, 5], [6, 6], [7, 9], [9, 9]]);
	});
});
