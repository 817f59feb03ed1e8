// Package deid turns DICOM that names patients into DICOM for research: PS3.15 annex E as a pure function of data set, policy and key.
//
// A [Policy] says what may stay: the Basic Profile, its options, a site's own rules. [Policy.Compile] makes a [Profile] of it, in which every attribute has
// a [Rule] with the row of the table that gives it. A [Key] is a project's secret: pseudonyms, UIDs and shifts of dates are HMAC-SHA-256 under it, so every
// worker and run makes the same of the same without a table. [Profile.Deidentify] makes the new data set; [Profile.Verify] reads what was written and
// looks for what must not be there. A [Masker] judges the pixels (package pixels); package batch does files and folders.
//
// Promises:
//   - Allow-list: what the standard and the policy don't name is removed, at every depth, in sequences inside private sequences too.
//   - Values are checked against their VR: a date that is none, a code with small letters, numbers that read as text are removed, not copied.
//   - Text is decoded by its character set before anything is looked for. The patient's own words go wherever they stand, in any order, case, spelling and
//     alphabet; of the rest, free text keeps words of the standard's vocabulary only.
//   - References stay valid: a UID becomes the same UID wherever it stands, and those that the standard registers stay.
//   - One shift for a patient's dates, whole days; times of day never move.
//   - What can't be judged is withheld with a reason. No error, report or name of a file has anything of the patient.
//
// The tables are generated (go generate) from the standard's own; their gaps are in tables.go, each with its reason.
package deid
