package run

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/learn"
	"github.com/cineloop/cineloop/methods/explain"
	"github.com/cineloop/cineloop/stats"
)

func TestHuntAsksAYesNoQuestion(t *testing.T) {
	of := func(kind evaluate.Kind, truth ...float64) *hunt {
		var all []example
		for _, v := range truth {
			all = append(all, example{Example: Example{Target: "x", Truth: v}, kind: kind})
		}
		return newHunt(all)
	}
	if h := of(evaluate.Binary, 0, 1); !h.yes(1) || h.yes(0) {
		t.Error("binary")
	}
	if h := of(evaluate.Regression, 30, 50, 60); h.yes(50) || !h.yes(60) || h.question != "x above 50" {
		t.Errorf("regression: %s", h.question)
	}
	if h := of(evaluate.Class, 2, 0, 2, 1); !h.yes(2) || h.yes(0) || !strings.Contains(h.question, "class 2") {
		t.Errorf("class: %s", h.question)
	}
}

// A network that reads one corner pixel, which agrees with the target: the hunt names the corner and its user. Too few items say so.
func TestHuntNamesTheCornerAndItsUser(t *testing.T) {
	r := &Run{Plan: &learn.Plan{Seed: 1}, Cohort: &cohort.Cohort{}}
	for _, n := range []int{12, 80} {
		h := newHunt([]example{{Example: Example{Target: "x"}, kind: evaluate.Binary}})
		for i := range n {
			rng := stats.Seed(5).Stream("item", i)
			in := explain.Input{C: 1, T: 2, H: 20, W: 20, X: make([]float32, 800)}
			for p := range in.X {
				in.X[p] = float32(rng.NormFloat64())
			}
			truth := float64(i % 2)
			if truth == 1 {
				in.X[21], in.X[421] = 9, 9
			}
			score := func(x []float32, k int) ([]float64, error) {
				out := make([]float64, k)
				for j := range out {
					out[j] = float64(x[j*800+21])
				}
				return out, nil
			}
			whole, _ := score(in.X, 1)
			ex := example{Example: Example{Target: "x", Truth: truth}, kind: evaluate.Binary}
			if err := h.add(in, ex, fmt.Sprint(i), whole[0], explain.FillIn, score); err != nil {
				t.Fatal(err)
			}
		}
		out, err := h.finish(context.Background(), r)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case n == 12 && (len(out.Probes) > 0 || !strings.HasPrefix(out.Words, "No hunt")):
			t.Errorf("12 items: %s", out.Words)
		case n == 80 && (len(out.Named) == 0 || !strings.Contains(out.Named[0], "the corners alone tell x") || !strings.Contains(out.Named[0], "the network uses it")):
			t.Errorf("80 items: %s", out.Words)
		}
	}
}
