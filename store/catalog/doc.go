// Package catalog records what an archive holds: studies, series and instances, where each came from, and by which rule a value of
// record was chosen.
//
// It lives in SQLite or PostgreSQL, with one schema and one set of statements. It knows no file format: callers hand in an
// [Instance] with the values they read. Promises:
//
//   - [Catalog.Add] returns after the transaction is on the disk; callers that wait together share one (group commit).
//   - The first instance under a SOPInstanceUID is the one that queries give. Another content under the same UID is kept beside it as
//     a conflict, listed by [Catalog.Conflicts], and changes places only when a person says so ([Catalog.Prefer]).
//   - Attributes of a patient, study or series are those of the first instance that had them ([RuleFirst]); a later instance that
//     says otherwise leaves a [Disagreement].
//   - What could not be described is in quarantine with a reason, never dropped.
//
// Values of records are patient data: they go to callers, never into errors.
package catalog
