// Package ledger is an append-only file of entries, each bound to all before it.
//
// An entry is one line: the chain's digest in hexadecimal, a blank, and a payload without line breaks, JSON by convention. The digest is the
// SHA-256 of the digest before it and the payload, so that sha256sum can follow it. Entries are numbered from 1.
//
// Promises:
//   - [Ledger.Sync] returns when an entry is on the disk: neither the end of the process nor that of the power takes it away. Entries that
//     wait at the same time share one sync.
//   - Entries are in one order, which is that of the file.
//   - A last line that was cut while it was written, which nobody was told of, is taken away when the file is opened for writing. Anything
//     else that does not fit the chain is an error: it was changed afterwards.
//   - One process writes; others may read meanwhile and see whole entries.
//   - When the disk refuses, nothing more is taken: what was told stays true.
package ledger
