package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/fairness"
)

// model writes 40 sick and 40 healthy of each group; f and m of the sick and fp of the healthy are called sick.
func model(t *testing.T, f, m, fp int) *Table {
	var b strings.Builder
	b.WriteString("item,sex,ill_true,ill_prob\n")
	for g, found := range []int{f, m} {
		for i := range 80 {
			y, score := 0, "0.2"
			if i < 40 {
				y = 1
			}
			if i < found || i >= 40 && i < 40+fp {
				score = "0.8"
			}
			fmt.Fprintf(&b, "%d-%d,%s,%d,%s\n", g, i, []string{"F", "M"}[g], y, score)
		}
	}
	b.WriteString("x,X,1,0.8\n")
	return read(t, b.String(), ReadOptions{Groups: []string{"sex"}})
}

// F 10 and M 30 of 40 found, 4 of 40 healthy called sick: selection 14/80 and 34/80, gap 0.25. Then 28 and 30: gap 2/80.
func TestFrontierByHand(t *testing.T) {
	f, err := Compare(t.Context(), []string{"a", "b"}, []*Table{model(t, 10, 30, 4), model(t, 28, 30, 4)}, "sex", fairness.DemographicParity, Options{Resamples: 300})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "gap", f.Models[0].Gap.Value, 0.25)
	near(t, "gap of b", f.Models[1].Gap.Value, 0.025)
	near(t, "gone", f.Models[1].GapReduction.Value, 0.9)
	near(t, "change", f.Models[1].GapChange.Value, -0.225)
	near(t, "F", f.Models[0].Groups["F"].Value, (0.25+0.9)/2)
	if f.Models[0].Best || !f.Models[1].Best || len(f.Models[1].Harm) != 0 {
		t.Errorf("%+v", f.Models)
	}
	if len(f.Small) != 1 || f.Small[0] != "X" {
		t.Errorf("small groups %v", f.Small)
	}
	// Levelling down is harm: M falls from 30 to 10 found.
	f, err = Compare(t.Context(), []string{"a", "c"}, []*Table{model(t, 10, 30, 4), model(t, 10, 10, 4)}, "sex", fairness.EqualisedOdds, Options{Resamples: 300})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "odds gap", f.Models[0].Gap.Value, 0.5)
	if h := f.Models[1].Harm; len(h) != 1 || !strings.HasPrefix(h[0], "M: balanced accuracy falls by 0.250") {
		t.Errorf("harm %q", h)
	}
}

func TestCompareErrors(t *testing.T) {
	a := model(t, 10, 30, 4)
	other := read(t, "item,sex,ill_true,ill_prob\nz,F,1,0.5\n", ReadOptions{Groups: []string{"sex"}})
	number := read(t, "sex,ef_true,ef_pred\nF,1,0.5\n", ReadOptions{Groups: []string{"sex"}})
	for name, c := range map[string]struct {
		tables []*Table
		group  string
		gap    fairness.Constraint
		o      Options
		code   fault.Code
	}{
		"group":       {[]*Table{a}, "race", fairness.DemographicParity, Options{}, fault.Usage},
		"gap":         {[]*Table{a}, "sex", fairness.ErrorParity, Options{}, fault.Usage},
		"options":     {[]*Table{a}, "sex", fairness.DemographicParity, Options{Level: 3}, fault.Usage},
		"kind":        {[]*Table{number}, "sex", fairness.DemographicParity, Options{}, fault.Usage},
		"other items": {[]*Table{a, other}, "sex", fairness.DemographicParity, Options{}, fault.Input},
		"too few":     {[]*Table{a}, "sex", fairness.DemographicParity, Options{MinGroup: 200}, fault.Input},
		"split":       {[]*Table{a}, "sex", fairness.DemographicParity, Options{Split: "nowhere"}, fault.Input},
	} {
		names := make([]string, len(c.tables))
		if _, err := Compare(t.Context(), names, c.tables, c.group, c.gap, c.o); fault.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Compare(ctx, []string{"a"}, []*Table{a}, "sex", fairness.DemographicParity, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
