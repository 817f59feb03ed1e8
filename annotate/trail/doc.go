// Package trail is the audit trail of a reading project: who came, asked, looked, changed, was shown names or AI, took results out, and set the study up.
//
// It lies in three chained files (annotate/ledger) in the project's folder: events.log, which is the project, has everything that was done; access.log is
// the server's, about browsers; commands.log has what was done at a command line. An [Entry] is a line of the latter two. [Verify] follows all three
// chains. A [Checkpoint] is a signed note of where they end, to be kept elsewhere: a chain alone does not show that its end was cut off. [Messages] tells
// all of it as DICOM audit messages (PS3.15 A.5).
//
// Promises:
//   - Entries name members, routes, commands and random ids; never a patient, a file, an answer, or what was typed.
//   - What an entry tells of is done after it was written.
//   - In audit messages a case is a UID and a patient a number that were drawn by chance by this project; what a table of cases called them does not get there.
package trail
