import { expect, test } from 'vitest';
import { keyOf } from './hand';

test('keys that draw', () => {
	const of = (key: string, how: { ctrlKey?: boolean; metaKey?: boolean; shiftKey?: boolean } = {}) => keyOf({ key, ctrlKey: false, metaKey: false, shiftKey: false, ...how });
	expect([of(' '), of('Enter'), of('ArrowLeft', { shiftKey: true }), of('z', { ctrlKey: true }), of('Z', { metaKey: true, shiftKey: true })]).toEqual(['Space', 'Enter', 'ArrowLeft', 'undo', 'redo']);
	expect([of('a'), of('z'), of('Enter', { ctrlKey: true })]).toEqual([undefined, undefined, undefined]);
});
