package cohort

import (
	"maps"

	"github.com/cineloop/cineloop/stats"
)

// ShuffledTruth is the cohort with the truths of rows dealt out among these rows, all targets of a row together: what is left to learn is
// nothing but the items by heart. Its digest tells it from the cohort itself.
func (c *Cohort) ShuffledTruth(rows []int, seed stats.Seed) *Cohort {
	out := *c
	out.Rows = append([]Row(nil), c.Rows...)
	for i, k := range seed.Stream("shuffled labels").Perm(len(rows)) {
		out.Rows[rows[i]].Truth = maps.Clone(c.Rows[rows[k]].Truth)
	}
	out.Digest = c.Digest + "-shuffled"
	return &out
}
