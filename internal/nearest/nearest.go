// Package nearest finds the known word that a mistyped one most likely meant, for error messages.
package nearest

import "strings"

// Word returns the candidate at the smallest edit distance from word, ignoring case; the first of equals. ok is false when there
// are no candidates or when none shares enough letters to be a plausible typing error: at most one edit for every two letters.
func Word(word string, candidates []string) (best string, ok bool) {
	lowest := -1
	for _, c := range candidates {
		d := Distance(strings.ToLower(word), strings.ToLower(c))
		if lowest < 0 || d < lowest {
			best, lowest = c, d
		}
	}
	if lowest < 0 || 2*lowest > max(len([]rune(word)), len([]rune(best))) {
		return "", false
	}
	return best, true
}

// Hint words the result of [Word] for an error message: `did you mean "x"?`, or the candidates where none is near.
func Hint(word string, candidates []string) string {
	if w, ok := Word(word, candidates); ok {
		return `did you mean "` + w + `"?`
	}
	if len(candidates) == 0 {
		return "none are known here"
	}
	return "known: " + strings.Join(candidates, ", ")
}

// Distance is the optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours each cost 1.
func Distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	before := make([]int, len(y)+1) // row i-2
	prev := make([]int, len(y)+1)   // row i-1
	row := make([]int, len(y)+1)    // row i
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev, row = prev, row, before
	}
	return prev[len(y)]
}
