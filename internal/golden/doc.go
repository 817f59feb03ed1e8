// Package golden compares code with reference values that others made.
//
// A [Case] is one entry of a golden file: inputs, parameters, the expected values, who made them and the tolerance. Its family is its
// name up to "#". [Run] checks every case of every family that the caller's registry names; [Owners] says which package answers for
// which family, so that no case can pass by being overlooked: a family that nobody owns is a failure, and one whose package is still
// to come is reported by name in a skipped test.
//
// Files come from $CINELOOP_GOLDEN, or from the folder that the caller names. Other cases of the same families may lie there.
package golden
