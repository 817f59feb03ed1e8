// Package reading serves an annotate project to browsers: sessions, worklist, pictures, ops, events.
//
// A route is a method, a path and what the policy is asked; routes.go has all of them, and whatever is not in that table does not exist. A
// session is a browser that somebody has logged in with. A visitor is a member in a session. The stream is what the project has given a
// member to see, numbered, over a WebSocket or, where a proxy does not let one through, as server-sent events with ops by POST: both
// run through the same two functions. A coordinator lays the study out and an auditor watches it: they know readers by mask and cases by number.
// A source is a folder that cases may come from. An export is a zip that a session asked for. The access log is a chained file beside the project's: who logged in, asked, looked, changed.
//
// Promises:
//   - Every route but login and the assets needs a session; what a member may see and do is asked of the project, which asks annotate/policy.
//   - No UID, file name or digest, no text of any header, and no segment of a JPEG that could hold text, leaves this package but in an
//     export, which those whom the policy allows ask for with a fresh proof. Overlays that old files keep in unused bits of the pixels are cleared.
//   - Cases are known by the assignment's random id and pictures by their number. What may not be seen answers like what is not there.
//   - Pictures are served at their own resolution and depth; window, inversion and colour are told as numbers. Numbers of record are made by
//     annotate/measure alone.
//   - What was acknowledged is on the disk. Nothing is answered that could not be written into the access log.
//   - Nothing of an export stays on the disk longer than the session that asked for it, 15 minutes, or the server's next start.
//   - Unblinding, exporting and signing need a fresh proof of who asks; which actions these are is annotate/policy's.
//   - A session ends after a time without use and after a time in any case, with logout, and when the password, or what the
//     organisation's identity provider says of them, changes or is taken away.
package reading
