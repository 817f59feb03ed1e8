package cohort

import (
	"slices"
	"testing"
)

func TestShuffledTruth(t *testing.T) {
	c := &Cohort{Digest: "d"}
	var rows []int
	for i := range 40 {
		c.Rows = append(c.Rows, Row{Truth: map[string][]float64{"a": {float64(i)}, "b": {float64(-i)}}})
		if i < 30 {
			rows = append(rows, i)
		}
	}
	s := c.ShuffledTruth(rows, 1)
	if s.Digest == c.Digest {
		t.Error("the digest is the cohort's own")
	}
	var seen []float64
	moved := 0
	for i, r := range s.Rows {
		if c.Rows[i].Truth["a"][0] != float64(i) {
			t.Fatal("the cohort itself changed")
		}
		if r.Truth["a"][0] != -r.Truth["b"][0] {
			t.Error("targets of a row were torn apart")
		}
		if i >= 30 && r.Truth["a"][0] != float64(i) {
			t.Error("a row that was not named changed")
		}
		if r.Truth["a"][0] != float64(i) {
			moved++
		}
		seen = append(seen, r.Truth["a"][0])
	}
	slices.Sort(seen)
	for i, v := range seen {
		if v != float64(i) {
			t.Fatal("truths were lost or doubled")
		}
	}
	if moved < 20 {
		t.Errorf("%d of 30 moved", moved)
	}
}
