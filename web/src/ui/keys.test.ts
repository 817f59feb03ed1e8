import { expect, test, vi } from 'vitest';
import { combination, holdOf, Keys, words, type Pressed } from './keys';

const press = (key: string, mods: Partial<Pressed> = {}): Pressed => ({ key, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...mods });

test('combinations', () => {
	expect(combination(press('z', { ctrlKey: true }))).toBe('Mod+z');
	expect(combination(press('Z', { metaKey: true, shiftKey: true }))).toBe('Mod+Shift+z');
	expect(combination(press('?', { shiftKey: true }))).toBe('?');
	expect(combination(press('L'))).toBe('l'); // caps lock
	expect(combination(press(' '))).toBe('Space');
	expect(combination(press('ArrowLeft', { shiftKey: true }))).toBe('Shift+ArrowLeft');
	expect(combination(press('ArrowUp', { altKey: true }))).toBe('Alt+ArrowUp');
});

test('a control with the focus keeps its own keys', () => {
	const keys = new Keys();
	const run = vi.fn();
	keys.add(
		{ keys: ['ArrowLeft'], group: 'a', label: 'back', run },
		{ keys: ['l'], group: 'a', label: 'length', run },
		{ keys: ['Space'], group: 'a', label: 'play', run },
		{ keys: ['Mod+Enter'], group: 'a', label: 'lock', run, everywhere: true },
	);
	const left = press('ArrowLeft');
	expect(keys.find(left, 'none')?.label).toBe('back');
	expect(keys.find(left, 'button')?.label).toBe('back');
	expect(keys.find(left, 'range')).toBeUndefined();
	expect(keys.find(left, 'radio')).toBeUndefined();
	expect(keys.find(press(' '), 'button')).toBeUndefined();
	expect(keys.find(press('l'), 'radio')?.label).toBe('length');
	expect(keys.find(press('l'), 'text')).toBeUndefined();
	expect(keys.find(press('Enter', { ctrlKey: true }), 'text')?.label).toBe('lock');
});

test('what holds keys', () => {
	expect(holdOf('INPUT', 'range', false)).toBe('range');
	expect(holdOf('INPUT', 'number', false)).toBe('text');
	expect(holdOf('INPUT', 'checkbox', false)).toBe('button');
	expect(holdOf('DIV', '', true)).toBe('text');
	expect(holdOf('DIV', '', false)).toBe('none');
	expect(holdOf('A', '', false)).toBe('button');
});

test('the later entry wins while it wants the key, and goes when it is taken away', () => {
	const keys = new Keys();
	let pen = true;
	keys.add({ keys: ['ArrowLeft'], group: 'Frames', label: 'back', run: () => undefined });
	const off = keys.add({ keys: ['ArrowLeft'], group: 'Pen', label: 'move', run: () => undefined, when: () => pen });
	expect(keys.find(press('ArrowLeft'), 'none')?.label).toBe('move');
	pen = false;
	expect(keys.find(press('ArrowLeft'), 'none')?.label).toBe('back');
	expect(keys.groups().map((g) => g.name)).toEqual(['Frames', 'Pen']);
	off();
	expect(keys.groups().map((g) => g.name)).toEqual(['Frames']);
	expect(keys.hint('back')).toBe('←');
	expect(keys.hint('nothing')).toBeUndefined();
});

test('the help lists the same words once', () => {
	const keys = new Keys();
	const one = { group: 'g', label: 'same', run: () => undefined };
	keys.add({ ...one, keys: ['a'] }, { ...one, keys: ['b'] });
	expect(keys.groups()[0]?.entries.length).toBe(1);
});

test('in words', () => {
	expect(words('Mod+Shift+z')).toBe('Ctrl Shift z');
	expect(words('+')).toBe('+');
	expect(words('Mod++')).toBe('Ctrl +');
});
