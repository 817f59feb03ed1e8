package learn

import (
	"context"
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/fairness"
	"github.com/cineloop/cineloop/torch"
)

// fairToy is the toy with a column of groups, some unknown, and a time-to-event target.
func fairToy(t testing.TB, n int, spec FairnessSpec) *Plan {
	t.Helper()
	dir := toyClips(t, n)
	path := filepath.Join(dir, "table.csv")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(b))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range rows {
		if i == 0 {
			rows[i] = append(row, "sex", "days", "died")
			continue
		}
		sex := "F"
		if i%3 == 0 {
			sex = "M"
		}
		if i%11 == 0 {
			sex = ""
		}
		rows[i] = append(row, sex, strconv.Itoa(1+i%5), strconv.Itoa(i%2))
	}
	var out strings.Builder
	if err := csv.NewWriter(&out).WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(out.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	p := toyPlan(dir)
	p.Data.Subgroups = []string{"sex"}
	p.Data.Targets = append(p.Data.Targets, cohort.TargetSpec{Name: "death", Kind: "time-to-event", Column: "days", Event: "died", Cuts: []float64{0, 2, 4}})
	p.Train.Fairness = &spec
	p.Train.Epochs = 2
	return p
}

// Every method trains, with every kind of target that it takes, leaves finite weights, and resumes to the same bits.
func TestFairMethodsTrain(t *testing.T) {
	needEngine(t)
	for _, spec := range []FairnessSpec{
		{Method: "penalty", Group: "sex", Constraint: "eo"},
		{Method: "penalty", Group: "sex", Target: "level"},
		{Method: "lagrangian", Group: "sex", Target: "death", Strength: 2},
		{Method: "group_dro", Group: "sex", Target: "death", Adjust: 0.1},
		{Method: "bounded_loss", Group: "sex", Target: "level", Eps: 0.2},
		{Method: "reweigh", Group: "sex"},
		{Method: "resample", Group: "sex"},
		{Method: "adversarial", Group: "sex", Target: "death"},
		{Method: "irm", Group: "sex", Target: "level"},
		{Method: "mmd", Group: "sex"},
		{Method: "hsic", Group: "sex"},
		{Method: "jtt", Group: "sex", Warmup: 1, Strength: 3},
	} {
		t.Run(spec.Method+" "+spec.Target, func(t *testing.T) {
			p := fairToy(t, 24, spec)
			c := loadToy(t, p)
			whole := t.TempDir()
			r := train(t, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: whole})
			if r.Stopped != "finished" || math.IsNaN(r.Best.Loss) {
				t.Fatalf("result %+v", r)
			}
			broken := t.TempDir()
			ctx, cancel := context.WithCancel(t.Context())
			_, err := Train(ctx, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: broken, afterStep: func(tr *trainer) {
				if tr.state.Step == 4 {
					cancel()
				}
			}})
			cancel()
			if fault.CodeOf(err) != fault.Interrupted {
				t.Fatalf("not interrupted: %v", err)
			}
			train(t, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: broken, Resume: true})
			a, first, err := readCheckpoint(filepath.Join(whole, checkpointDir, lastFile))
			if err != nil {
				t.Fatal(err)
			}
			b, _, err := readCheckpoint(filepath.Join(broken, checkpointDir, lastFile))
			if err != nil {
				t.Fatal(err)
			}
			if a.Digest != b.Digest {
				t.Error("a resumed training gives other weights")
			}
			if len(first) == 0 || a.Fair == nil {
				t.Errorf("checkpoint %+v", a.Fair)
			}
			if spec.Method == "jtt" && !a.Fair.Second {
				t.Error("it was not trained twice")
			}
		})
	}
}

func TestFairSpecErrors(t *testing.T) {
	p := fairToy(t, 12, FairnessSpec{})
	c := loadToy(t, p)
	heads, err := newHeads(c.Spec.Targets, c.Rows, toyFold(c).Train)
	if err != nil {
		t.Fatal(err)
	}
	all := toyFold(c).Train
	for name, s := range map[string]FairnessSpec{
		"no method":         {Group: "sex"},
		"unknown method":    {Method: "kindness", Group: "sex"},
		"unknown group":     {Method: "penalty", Group: "size"},
		"unknown target":    {Method: "penalty", Group: "sex", Target: "colour"},
		"unknown constrain": {Method: "penalty", Group: "sex", Constraint: "all"},
		"error rates":       {Method: "penalty", Group: "sex", Constraint: "err"},
		"odds of a number":  {Method: "penalty", Group: "sex", Constraint: "eo", Target: "level"},
		"reweigh a number":  {Method: "reweigh", Group: "sex", Target: "level"},
		"irm of survival":   {Method: "irm", Group: "sex", Target: "death"},
		"negative":          {Method: "penalty", Group: "sex", Strength: -1},
		"memory":            {Method: "penalty", Group: "sex", Memory: 1},
	} {
		if _, err := newFair(&s, c, heads, all); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
	if f, err := newFair(nil, c, heads, all); f != nil || err != nil {
		t.Errorf("none asked for: %v, %v", f, err)
	}
	ok := FairnessSpec{Method: "penalty", Group: "sex"}
	if _, err := newFair(&ok, c, heads, all[:1]); fault.CodeOf(err) != fault.Usage {
		t.Errorf("one group: %v", err)
	}
}

// The score's slope is that of differences, for each kind of head.
func TestScoreSlopes(t *testing.T) {
	for _, h := range []head{
		{Target: evaluate.Target{Kind: evaluate.Binary}},
		{Target: evaluate.Target{Kind: evaluate.Regression}},
		{Target: evaluate.Target{Kind: evaluate.TimeToEvent, Cuts: []float64{0, 1, 2}}, Offset: []float64{-2, -1, 0.5}},
	} {
		w := h.Width()
		out := make([]float64, 2*w)
		for i := range out {
			out[i] = 0.3*float64(i) - 0.7
		}
		_, slope := scoresOf(h, out, 2)
		for i := range 2 {
			for k, s := range slope(i) {
				const e = 1e-6
				up, down := append([]float64(nil), out...), append([]float64(nil), out...)
				up[i*w+k] += e
				down[i*w+k] -= e
				a, _ := scoresOf(h, up, 2)
				b, _ := scoresOf(h, down, 2)
				if want := (a[i] - b[i]) / (2 * e); math.Abs(s-want) > 1e-8 {
					t.Errorf("%s: slope %v, differences %v", h.Kind, s, want)
				}
			}
		}
	}
}

// Weighted rows: two rows with losses a and b and weights 3 and 0 have the mean loss 3a/2: what is added to (a + b)/2 is a − b/2.
func TestWeightedByHand(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		h := head{Target: evaluate.Target{Name: "x", Kind: evaluate.Regression}, Weight: 1, SD: 1}
		l := &losses{e: e, heads: []head{h}}
		rows := []cohort.Row{{Truth: map[string][]float64{"x": {0}}}, {Truth: map[string][]float64{"x": {0}}}, {Truth: map[string][]float64{"x": {math.NaN()}}}}
		out := e.FromFloat32([]float32{2, 3, 9}, 3, 1)
		extra := (&fair{}).weighted(l, h, out, rows, []float64{3, 0, 5})
		if got := extra.Item(); math.Abs(got-(4-4.5)) > 1e-6 {
			t.Errorf("added %v, want −0.5", got)
		}
		if (&fair{}).weighted(l, h, out, rows, []float64{1, 1, 1}) != nil {
			t.Error("weights of 1 change something")
		}
	})
}

func TestReweighWeightsOfACohort(t *testing.T) {
	p := fairToy(t, 40, FairnessSpec{Method: "reweigh", Group: "sex"})
	c := loadToy(t, p)
	var all []int
	for i := range c.Rows {
		all = append(all, i)
	}
	heads, err := newHeads(c.Spec.Targets, c.Rows, all)
	if err != nil {
		t.Fatal(err)
	}
	f, err := newFair(p.Train.Fairness, c, heads, all)
	if err != nil {
		t.Fatal(err)
	}
	var y, group []int
	var rows []cohort.Row
	for _, r := range c.Rows {
		if g := f.group(r); g >= 0 {
			y, group, rows = append(y, int(r.Truth["bright"][0])), append(group, g), append(rows, r)
		}
	}
	got := f.fixedWeights(heads[0], rows)
	for i, want := range fairness.Reweigh(y, group, 2) {
		if math.Abs(got[i]-want) > 1e-12 {
			t.Errorf("row %d: %v, want %v", i, got[i], want)
		}
	}
}

// The groups are part of a fair training and of no other: only then do they change the plan's digest.
func TestDigestKnowsTheGroups(t *testing.T) {
	p := toyPlan("x")
	q := p.Clone()
	q.Data.Subgroups = []string{"sex"}
	if p.Digest() != q.Digest() {
		t.Error("audited columns change the training")
	}
	q.Train.Fairness = &FairnessSpec{Method: "penalty", Group: "sex"}
	r := q.Clone()
	r.Data.Subgroups = []string{"sex", "site"}
	if q.Digest() == r.Digest() || q.Digest() == p.Digest() {
		t.Error("a fair training's digest does not know its groups")
	}
}

func TestFairnessDecodesStrictly(t *testing.T) {
	p, err := DecodePlan("r.yaml", []byte("train:\n  fairness: {method: lagrangian, group: sex, constraint: eo, eps: 0.02, warmup: 2}\n"))
	if err != nil || p.Train.Fairness.Eps != 0.02 || p.Train.Fairness.Warmup != 2 {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := DecodePlan("r.yaml", []byte("train:\n  fairness: {methd: penalty}\n")); fault.CodeOf(err) != fault.Usage || !strings.Contains(err.Error(), "method") {
		t.Errorf("a misspelt key: %v", err)
	}
}
