// Package annotate is expert reading: projects in which teams measure, segment and label images under a protocol, blinded by the server.
//
// Nouns: a [Project] is a folder with a protocol, members, cases and a log of everything that happened. An [Assignment] gives a case to a
// reader, in an arm and a session, in an order that comes from a recorded seed. A [Reading] is what one reader says of one case: a draft
// until it is locked, then unchangeable. An [Answer] is one label, number, measurement, mask or preference in it. An [Op] is what somebody
// asks for; an [Event] is what the server made of it.
//
// Promises:
//   - The log is the project: all state is replayed from it. What was acknowledged survives kill -9 and loss of power (package ledger).
//   - Ops are taken in one order. One that builds on an object that has changed meanwhile is refused (code conflict) and says which version
//     there is; one that comes twice, as from a queue that was offline, is taken once.
//   - Every number is computed here from points and calibration (package measure), whatever the browser showed.
//   - Who sees what is decided by package policy alone. What somebody may not see is as if it were not there: the same error, no gap in
//     their numbering of events, no count. Readers are masked, and AI is one of them.
//   - AI is in no answer to a reader before their unaided reading is locked; what was revealed, and when, is in the log.
//   - A locked reading never changes. A result of adjudication is a new reading that names what it comes from, the method and the reason.
package annotate
