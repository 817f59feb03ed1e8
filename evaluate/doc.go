// Package evaluate is the one protocol by which every model is judged.
//
// It reads and writes [Predictions], and turns them into metrics with intervals: discrimination, calibration, error, agreement by
// subgroup. Resampling is by patient, never by clip. Its functions work on slices; it knows no files but predictions.csv and no network.
package evaluate
