// Package review lets a person look at what would be masked before anything goes out.
//
// [Survey] sorts the files of a folder into [Group]s, one for each kind of picture that a device rule can tell apart, and examines some
// [Sample]s of each. [Server] shows them on one page, the doubtful first: masks are drawn on contact sheets, rectangles are dragged, and each
// group is accepted, fixed, passed or held back. Decisions are device rules ([Server.Rules]) in the form that policies hold.
//
// The pictures are those of patients, so the page is for the side of the house that may see them: it is served on a loopback address only, to
// whoever has the token that the command prints, which moves into a cookie at the first visit. Scripts, styles and pictures come from the
// program alone, and the page's content security policy allows nothing else. Nothing is written but the rules.
package review
