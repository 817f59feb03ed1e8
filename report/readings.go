package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/methods/uncertainty"
)

// readingsTable shows examples of what a reader sees: targets as they come, answers first, then what is not answered by its reason.
func readingsTable(all []uncertainty.Reading) *table {
	if len(all) == 0 {
		return nil
	}
	var order []string
	for _, r := range all {
		if !slices.Contains(order, r.Target) {
			order = append(order, r.Target)
		}
	}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b uncertainty.Reading) int {
		return cmp.Or(slices.Index(order, a.Target)-slices.Index(order, b.Target), strings.Compare(kindOfReason(a.Reason), kindOfReason(b.Reason)))
	})
	t := &table{Caption: "Examples of held-out items", Head: []string{"target", "answer", "interval, or also plausible", "like it in training", "why there is none"}}
	for _, r := range all {
		answer, beside, like := strings.TrimSpace(r.Answer), "", fmt.Sprint(r.Like)
		if r.Reason != "" {
			answer = "no answer"
		} else if also := r.Others(); len(also) > 0 {
			beside = strings.Join(also, ", ")
		}
		if r.Low == r.Low && r.High == r.High {
			beside = fmt.Sprintf("%.4g to %.4g", r.Low, r.High)
		}
		if r.Like == 0 {
			like = "nothing"
		}
		t.Rows = append(t.Rows, []string{r.Target, answer, beside, like, r.Reason})
	}
	return t
}

// kindOfReason is a reason without its numbers; empty, and so first, for an answer.
func kindOfReason(reason string) string {
	return strings.TrimRight(reason[:min(len(reason), 12)], "0123456789. ")
}
