// Package fairness measures differences between groups of people and supplies losses and weights that reduce them.
//
// Everything works on plain slices: y and pred hold 0 or 1, group holds whole numbers from 0, one element a row. A difference is the
// largest minus the smallest value over the groups, a ratio the smallest over the largest.
package fairness
