// Package audit judges predictions group by group: who is there, how well each group is served, how large the gaps are, and whether
// they are more than chance.
//
// Its nouns: a [Table] is predictions with the columns that an audit needs, read from the predictions.csv that this program writes or from
// anybody's CSV; an [Attribute] is a column of groups or a crossing of two; [Run] makes a [Report].
//
// Its promises: every number has an interval, by resampling patients, or Wilson's where each patient has one row; every gap is set beside
// the gap that chance makes between groups of these sizes (patients' groups shuffled), because a difference of a largest and a smallest
// value is never below 0; comparisons are corrected for their number (Holm); a group of too few patients is listed with "cannot tell" and
// is in no gap; people whose group is unknown are a group of their own; the worst subgroup that a search finds is judged again on patients
// that the search did not see.
package audit
