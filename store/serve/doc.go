// Package serve puts an archive behind the handlers of package dimse: C-STORE straight into it, C-FIND on its catalog, C-MOVE and C-GET
// from its contents, storage commitment from both.
//
// Promises:
//   - Success is answered when content and record are durable, never before. Objects that come in together share their syncs: with an
//     asynchronous window, and among associations.
//   - What comes is kept as it came, byte for byte, compressed as it was. What cannot be described, or is not the instance that its
//     command names, goes to quarantine and is answered with a failure.
//   - Nothing in an answer, a status or an error comes from a patient's data, but for what a query asks for.
package serve
