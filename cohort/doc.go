// Package cohort turns a table and a folder of files, or what an archive's catalogue answers, into the rows that a study is made of,
// divides them, and feeds them to a network.
//
// Nouns: a [Spec] says which table, files, columns and targets; [Load] gives a [Cohort] of [Row]s, one an item (a clip, a stack, an
// image, or with [ViewsSpec] a study of several clips), with the truth of each target and what was left out and why. A [Split] assigns rows to train, val and test, in one or more
// [Fold]s. A [Fingerprint] sums up what the data are; planning reads it. A [Loader] decodes, caches, transforms and batches rows on all
// cores.
//
// Promises:
//   - A patient never crosses the parts of a fold, except in splits by item, which say so in their warnings.
//   - Equal (rows, spec, seed) give equal splits whatever the order of the rows in the table; equal (rows, seed, epoch) give equal
//     batches whatever the number of workers.
//   - A file that is absent or broken is quarantined with its reason and never stops a run; no usable row at all does.
//   - Of an archive, files are read where it keeps them; a cohort loaded with [Spec.Pinned] has the instances of that answer alone, however
//     the archive has grown.
//   - A missing value stays missing (NaN, or an empty text); nothing is imputed.
//   - Errors and reasons name row numbers and columns, never a value of the table.
package cohort
