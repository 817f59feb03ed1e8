// Package stats holds the statistics that all rooms share.
//
// Its nouns: a [Seed] starts every random choice and gives named streams; an [Interval] is what is known about a number, with the
// method that found it; a [Bootstrap] resamples clusters (patients), never rows; an [AUC] is an area under the ROC curve with its
// DeLong variance.
//
// Of readers: [Kappa] (Cohen, weighted, Fleiss), [KrippendorffAlpha], [ICC] and [Agreement] (Bland–Altman) say how well they agree;
// [CompareModalities], [CompareWithPanel] and [NonInferior] how well they read; [EstimateTruth] (STAPLE) what they saw.
//
// Its promises: equal input and seed give equal bytes on any number of cores; ties are averaged, not broken; an undefined
// statistic is NaN, never zero and never a panic (lengths that differ do panic: that is the caller's mistake). It knows no files,
// no tensors and no names of patients.
package stats
