// Package linear fits weighted logistic regression to tables with many categories: the base learner of the fairness benchmarks, and a
// learner for the reductions of package fairness where a network is not needed.
//
// A [Design] is a table as sparse rows of features; [Fit] finds the optimum of the penalised likelihood by Newton's method, which is
// unique, so that results do not depend on a solver's settings.
package linear
