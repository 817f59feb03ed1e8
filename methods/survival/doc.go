// Package survival predicts when something happens, from people of whom many are only known to have been free of it so far.
//
// # Nouns
//
// [Labels] are what is known about people: a time, and whether something happened then (which cause) or the watching ended. A [Loss]
// is a value with its gradient by a network's output; losses are plain functions on slices, one file a published method, and package graph
// makes any of them part of an engine's graph. A [Step] is a right-continuous step function of time; [Curves] are survival (or
// cumulative incidence) of many people on one grid of times. [Cuts] divide time into intervals.
//
// # Promises
//
//   - Metrics and losses work on slices and need no engine.
//   - True risk sets at tied times (Breslow, Efron), equal to R's; the order-dependent form of others is an option with its name.
//   - A batch without an event has loss 0 and gradient 0, and says that it saw no event. It is never NaN.
//   - Weighting by the inverse probability of censoring says which times are out of its reach, and why, instead of dividing by zero.
//   - Newton fits halve their steps, and say when they did not converge.
//   - Wrong labels (negative times, no event at all, lengths that differ) are errors that say so.
//
// A larger risk means an earlier event everywhere. Times have whatever unit the labels have.
package survival
