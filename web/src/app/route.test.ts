import { expect, test } from 'vitest';
import { routeOf } from './route';

test('paths lead to pages', () => {
	expect(routeOf('/')).toEqual({ page: 'worklist' });
	expect(routeOf('/cases/0a1b')).toEqual({ page: 'case', assignment: '0a1b' });
	expect(routeOf('/cases/')).toEqual({ page: 'worklist' });
	expect(routeOf('/study')).toEqual({ page: 'study', part: 'overview' });
	expect(routeOf('/study/members')).toEqual({ page: 'study', part: 'members' });
	expect(routeOf('/decide/ff')).toEqual({ page: 'decide', assignment: 'ff' });
	expect(routeOf('/elsewhere')).toEqual({ page: 'nothing' });
});
