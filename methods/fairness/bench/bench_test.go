package bench

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/testdata"
)

// NumPy: RandomState(0).permutation(10); the first number of the generator is that of the authors' reference for seed 0.
func TestPermutationIsNumPys(t *testing.T) {
	if got := newTwister(0).next(); got != 2357136044 {
		t.Errorf("first number %d", got)
	}
	if got, want := permutation(0, 10), []int{2, 8, 4, 9, 1, 6, 7, 3, 0, 5}; !slices.Equal(got, want) {
		t.Errorf("permutation %v, want %v", got, want)
	}
	train, test := divide(10)
	if len(train) != 7 || len(test) != 3 || test[2] != 5 {
		t.Errorf("train %v, test %v", train, test)
	}
}

// COMPAS: every anchor within 0.005 in error and both gaps, whatever is random about intervals.
func TestCompasReproduces(t *testing.T) {
	anchored(t, "compas", 9, nil)
}

// Adult: all but the demographic-parity thresholds, whose equalised odds gap is 0.337 against 0.330. Several pairs of thresholds lie within one
// row of 36,631 of the best accuracy there, and the reference's numbers are those of one of them: docs/decisions/0164-thresholds-that-tie.md.
func TestAdultReproduces(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: fitting Adult takes half a minute")
	}
	anchored(t, "adult", 7, []string{"threshold_dp"})
}

func anchored(t *testing.T, name string, want int, but []string) {
	t.Helper()
	tables, err := Run(t.Context(), testdata.Shared(t, "data", "fairness"), Options{Datasets: []string{name}, Resamples: 50, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, r := range tables[0].Results {
		for _, m := range []Measure{r.Error, r.DPGap, r.EOGap} {
			if !(m.Low <= m.High) || m.High < m.Value-0.05 || m.Low > m.Value+0.05 {
				t.Errorf("%s: interval %+v", r.Method, m)
			}
		}
		if r.Within == nil {
			continue
		}
		seen++
		if slices.Contains(but, r.Method) {
			if *r.Within {
				t.Errorf("%s is within the tolerance now: say so", r.Method)
			}
			if r.WithinTies == nil || !*r.WithinTies {
				t.Errorf("%s: none of the equally accurate rules reaches the reference's %+v: %+v", r.Method, *r.Anchor, r.Ties)
			}
			t.Logf("%s: %.4f %.4f %.4f; equally accurate: %+v", r.Method, r.Error.Value, r.DPGap.Value, r.EOGap.Value, r.Ties)
			continue
		}
		if !*r.Within {
			t.Errorf("%s (sensitive input: %t): error %.4f, gaps %.4f and %.4f; the reference reached %+v", r.Method, r.SensitiveInput, r.Error.Value, r.DPGap.Value, r.EOGap.Value, *r.Anchor)
		}
		if r.Train != nil && r.Train.Iterations > 0 && r.Train.Violation > 2*(0.01+r.Train.Gap) {
			t.Errorf("%s: the training rows' violation is %v, gap %v", r.Method, r.Train.Violation, r.Train.Gap)
		}
	}
	if seen != want {
		t.Errorf("%d anchors, want %d", seen, want)
	}
}

// small is a table in which everybody of group B is 0 and two of three of group A are 1, and x tells the label.
func small(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var b strings.Builder
	b.WriteString("decile1b,decile3,lsat,ugpa,zfygpa,zgpa,fulltime,fam_inc,male,tier,race,pass_bar\n")
	for i := range 120 {
		race, y := "A", "0"
		if i%3 == 0 {
			race = "B"
		}
		if i%3 == 1 || i%15 == 0 {
			y = "1"
		}
		b.WriteString("1,2," + y + ",3,0.5,0.5,1,4,0,3," + race + "," + y + ".0\n")
	}
	if err := os.WriteFile(filepath.Join(dir, "law_school.csv"), []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestUnpackedTableAndGroups(t *testing.T) {
	tables, err := Run(t.Context(), small(t), Options{Methods: []string{"unmitigated", "threshold_dp"}, Resamples: 30})
	if err != nil {
		t.Fatal(err)
	}
	if len(tables) != 1 || tables[0].Name != "law_school" || tables[0].N != 120 || tables[0].Train != 90 {
		t.Fatalf("tables %+v", tables)
	}
	r := tables[0].Results[0]
	if r.Error.Value != 0 || r.AUC != 1 {
		t.Errorf("a label that is an input: error %v, AUC %v", r.Error.Value, r.AUC)
	}
	if want := math.Abs(r.Groups[0].Prevalence - r.Groups[1].Prevalence); math.Abs(r.DPGap.Value-want) > 1e-12 {
		t.Errorf("gap %v, prevalences differ by %v", r.DPGap.Value, want)
	}
	if len(tables[0].Results) != 4 || !tables[0].Results[3].SensitiveInput {
		t.Errorf("results %+v", tables[0].Results)
	}
}

func TestRunErrors(t *testing.T) {
	dir := small(t)
	for name, c := range map[string]struct {
		dir  string
		o    Options
		code fault.Code
	}{
		"no data":         {t.TempDir(), Options{}, fault.NotFound},
		"a named one":     {dir, Options{Datasets: []string{"adult"}}, fault.NotFound},
		"unknown dataset": {dir, Options{Datasets: []string{"iris"}}, fault.Usage},
		"unknown method":  {dir, Options{Methods: []string{"hope"}}, fault.Usage},
	} {
		if _, err := Run(t.Context(), c.dir, c.o); fault.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, dir, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	path := filepath.Join(dir, "law_school.csv")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string][2]string{"label": {"1.0\n", "yes\n"}, "column": {"pass_bar", "passed"}} {
		if err := os.WriteFile(path, []byte(strings.Replace(string(b), change[0], change[1], 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Run(t.Context(), dir, Options{}); fault.CodeOf(err) != fault.Input {
			t.Errorf("a bad %s: %v", what, err)
		}
	}
}
