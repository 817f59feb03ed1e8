/** Where the app is. Paths hold random ids only. */
export type Route =
	| { readonly page: 'worklist' }
	| { readonly page: 'case'; readonly assignment: string }
	| { readonly page: 'study'; readonly part: string }
	| { readonly page: 'decide'; readonly assignment: string }
	| { readonly page: 'nothing' };

/** The route of a path; the server has the same table (web/reading/page.go). */
export function routeOf(path: string): Route {
	const [, first = '', second = ''] = path.split('/');
	switch (first) {
		case '':
			return { page: 'worklist' };
		case 'cases':
			return second ? { page: 'case', assignment: second } : { page: 'worklist' };
		case 'study':
			return { page: 'study', part: second || 'overview' };
		case 'decide':
			return second ? { page: 'decide', assignment: second } : { page: 'study', part: 'adjudication' };
	}
	return { page: 'nothing' };
}

/** Goes to a page of the app without asking the server for a new one. */
export function goto(path: string) {
	history.pushState(null, '', path);
	dispatchEvent(new PopStateEvent('popstate'));
}
