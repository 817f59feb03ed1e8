// Package bench runs the mitigation methods of package fairness on the field's public tables, beside what fairlearn 0.9.0 reached on the
// same rows, with an interval on every gap.
//
// A [Dataset] says which column is the label, which is sensitive, and which are features. [Run] divides it as the reference did (three
// quarters of a Mersenne Twister's permutation train, the rest is the test), fits every [Method] with logistic regression as base
// learner, and judges the expected answers of what may be a randomised classifier. Each method runs twice: without the sensitive column
// among the inputs, and with it, so that the price of leaving it out is seen.
//
// The tables describe people. They serve to check metrics and methods, never as a model of anybody's risk.
package bench
