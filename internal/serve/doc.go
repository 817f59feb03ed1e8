// Package serve runs an HTTP handler the way a hospital's network needs it: whoever is slow, rude or too many is dealt with before the
// handler is asked.
//
// It logs the template of the route and the status, never a path, a query or a header: those can name patients. It cuts off clients that
// send or take less than a minimum rate, bounds how many requests are under way and how many one address may send, refuses what a
// browser sends on behalf of another site, allows named origins (CORS), and ends gracefully: when the context is cancelled no new
// request is taken, and those under way have time to finish.
package serve
