// Package export writes a cohort's items in formats that researchers load directly, at native resolution and with every frame.
//
// Nouns: a [Format] is a way to store items; [Write] makes a folder with the items, an index ([IndexFile], Parquet: one row an item with
// its truth, its parts in every split, geometry and table columns) and a manifest ([ManifestFile], JSON: every file with size and
// SHA-256).
//
// Promises:
//   - Samples are those that the source holds, unscaled and in its own type: no resampling, no windowing, no loss.
//   - Files are named by the item's number in the index, never by a key or name of the source; the keys stand in the index alone.
//   - Equal cohorts, splits and options give equal bytes, whatever the number of workers.
//   - An item that cannot be read is left out with its reason and stops nothing. A run that was cut short goes on where it stopped, and
//     the manifest is there only when everything is.
package export
