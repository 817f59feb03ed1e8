package learn

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/uncertainty"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

func TestUncertaintySpecIsChecked(t *testing.T) {
	for name, c := range map[string]struct {
		u    UncertaintySpec
		want string
	}{
		"nothing":                {UncertaintySpec{}, ""},
		"ensemble":               {UncertaintySpec{Members: 5}, ""},
		"dropout without any":    {UncertaintySpec{DropoutPasses: 5}, "nothing to drop"},
		"one SWAG epoch":         {UncertaintySpec{SWAGEpochs: 1}, "swag_epochs"},
		"SWAG from the start":    {UncertaintySpec{SWAGEpochs: 3}, "swag_epochs"},
		"unknown law":            {UncertaintySpec{Regression: "cauchy"}, "regression"},
		"unknown loss":           {UncertaintySpec{Evidential: &EvidentialSpec{Loss: "hinge"}}, "evidential.loss"},
		"unknown evidence":       {UncertaintySpec{Evidential: &EvidentialSpec{Evidence: "square"}}, "evidential.evidence"},
		"alpha of one":           {UncertaintySpec{Alpha: 1}, "alpha"},
		"unknown score":          {UncertaintySpec{OOD: []string{"magic"}}, "magic"},
		"two rules":              {UncertaintySpec{Abstain: &AbstainSpec{Wrong: 5, Risk: 0.1}}, "one of them"},
		"wrong costs less":       {UncertaintySpec{Abstain: &AbstainSpec{Wrong: 0.5}}, "abstain.wrong"},
		"unknown calibration":    {UncertaintySpec{Calibrate: "magic"}, "calibrate"},
		"unknown subgroup":       {UncertaintySpec{Mondrian: "ward"}, "ward"},
		"unknown conformal kind": {UncertaintySpec{Conformal: "magic"}, "conformal"},
	} {
		p := &Plan{Train: TrainSpec{Epochs: 3}, Uncertainty: &c.u}
		err := c.u.check(p)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || fault.CodeOf(err) != fault.Usage) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	var none *UncertaintySpec
	if none.check(&Plan{}) != nil || none.Copies() != 1 || none.Draws() != 0 || none.Repeats() || none.Miscoverage() != 0.1 {
		t.Error("a plan without the section is one network, scored once")
	}
}

func TestMarkedHeads(t *testing.T) {
	u := &UncertaintySpec{Evidential: &EvidentialSpec{Loss: "digamma", Evidence: "softplus", Annealing: -1, Weight: 0.1}, Regression: lawQuantile, Alpha: 0.2}
	heads := []head{
		{Target: evaluate.Target{Name: "b", Kind: evaluate.Binary}},
		{Target: evaluate.Target{Name: "c", Kind: evaluate.Class, Classes: []string{"x", "y", "z"}}},
		{Target: evaluate.Target{Name: "r", Kind: evaluate.Regression}, Mean: 10, SD: 2},
		{Target: evaluate.Target{Name: "m", Kind: evaluate.MultiLabel, Classes: []string{"x", "y"}}},
	}
	u.mark(heads)
	want := uncertainty.Evidential{Term: uncertainty.CrossEntropy, Evidence: uncertainty.Softplus, Weight: 0.1}
	if *heads[0].Evidence != want || *heads[1].Evidence != want || heads[3].belief() {
		t.Errorf("evidence %+v", heads[0].Evidence)
	}
	for i, n := range []int{2, 3, 3, 2} {
		if heads[i].outputs() != n {
			t.Errorf("head %d has %d outputs, want %d", i, heads[i].outputs(), n)
		}
	}
	if !slices.Equal(heads[2].Levels, []float64{0.1, 0.5, 0.9}) {
		t.Errorf("levels %v", heads[2].Levels)
	}
	// Median of a quantile head, in the target's unit: 10 + 2·0.5.
	if got := heads[2].decode([]float64{-1, 0.5, 1}); len(got) != 1 || got[0] != 11 {
		t.Errorf("decoded %v", got)
	}
	// Evidence: softplus(0) = log 2 twice, so both at a half.
	if got := heads[0].decode([]float64{0, 0}); len(got) != 1 || got[0] != 0.5 {
		t.Errorf("no evidence decodes to %v", got)
	}
	// α = (1 + log 2)(1, 1, 1): thirds.
	if got := heads[1].decode([]float64{0, 0, 0}); len(got) != 3 || math.Abs(got[0]-1.0/3) > 1e-15 {
		t.Errorf("%v", got)
	}
	if heads[0].output(0) != 1 || heads[2].output(0) != 1 || heads[1].output(2) != 2 {
		t.Error("the output that a score is explained by")
	}
}

func TestSpread(t *testing.T) {
	h := head{Law: lawHeteroscedastic, SD: 3}
	if data, model := h.spread([]float64{7, math.Log(4)}); math.Abs(data-36) > 1e-12 || !math.IsNaN(model) {
		t.Errorf("variance 4 in units of 3² is 36: %v, %v", data, model)
	}
	h.Law = lawEvidential
	// softplus⁻¹: ν = 2, α = 3 (softplus 2), β = 4: β/(α−1) = 2, over ν 1.
	inv := func(v float64) float64 { return math.Log(math.Expm1(v)) }
	if data, model := h.spread([]float64{0, inv(2), inv(2), inv(4)}); math.Abs(data-18) > 1e-6 || math.Abs(model-9) > 1e-6 {
		t.Errorf("%v, %v", data, model)
	}
	if data, _ := (head{}).spread(nil); !math.IsNaN(data) {
		t.Error("a plain head says nothing")
	}
}

// TestBeliefLossThroughTheEngine: the value and gradient of each law reach the network's outputs, summed over rows with a truth.
func TestBeliefLossThroughTheEngine(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		rows := []cohort.Row{{Truth: map[string][]float64{"x": {1}}}, {Truth: map[string][]float64{"x": {nan}}}, {Truth: map[string][]float64{"x": {0}}}}
		for _, h := range []head{
			{Target: evaluate.Target{Name: "x", Kind: evaluate.Binary}, Evidence: (&EvidentialSpec{}).loss(), SD: 1},
			{Target: evaluate.Target{Name: "x", Kind: evaluate.Regression}, Law: lawHeteroscedastic, SD: 1, Strength: 0.5},
			{Target: evaluate.Target{Name: "x", Kind: evaluate.Regression}, Law: lawEvidential, SD: 1, Strength: 0.01},
			{Target: evaluate.Target{Name: "x", Kind: evaluate.Regression}, Law: lawQuantile, SD: 1, Levels: []float64{0.1, 0.5, 0.9}},
		} {
			s := e.Scope()
			k := h.outputs()
			raw := make([]float32, 3*k)
			for i := range raw {
				raw[i] = float32(i%5)*0.3 - 0.4
			}
			l := &losses{e: e, heads: []head{h}}
			l.belief.begin(3)
			x := e.FromFloat32(raw, 3, int64(k)).SetRequiresGrad(true)
			sum, n := l.sum(h, x, rows)
			wide := make([]float64, 0, 2*k)
			for _, i := range []int{0, 2} {
				for _, v := range raw[i*k : (i+1)*k] {
					wide = append(wide, float64(v))
				}
			}
			value, grad := h.loss(wide, []float64{1, 0}, []int{1, 0}, 3)
			if n != 2 || math.Abs(sum.Item()-2*value) > 1e-5 {
				t.Errorf("%s: %v over %d, want %v over 2", h.Law, sum.Item(), n, 2*value)
			}
			g := e.Grad([]*torch.Tensor{sum}, []*torch.Tensor{x}, torch.GradOptions{})[0].Float64s()
			for j := range k {
				if math.Abs(g[j]-2*grad[j]) > 1e-5 || g[k+j] != 0 || math.Abs(g[2*k+j]-2*grad[k+j]) > 1e-5 {
					t.Errorf("%s: gradient %v, want %v", h.Law, g, grad)
				}
			}
			s.Close()
		}
	})
}

// TestDeadEvidenceIsSaid: an output that starts below zero everywhere never finds evidence with ReLU, and the log, progress and the
// epoch's line name its class.
func TestDeadEvidenceIsSaid(t *testing.T) {
	needEngine(t)
	p := toyPlan(toyClips(t, 32))
	p.Train.Epochs, p.Train.Monitor = 2, "loss"
	p.Uncertainty = &UncertaintySpec{Evidential: &EvidentialSpec{Loss: "mse", Evidence: "relu"}}
	c := loadToy(t, p)
	// After the first step the output "yes" is far below zero for everyone.
	sink := func(tr *trainer) {
		tr.net.Visit("", func(name string, q *nn.Param) {
			if strings.HasSuffix(name, "bright.bias") {
				tr.e.NoGrad(func() { q.T.Detach().Copy_(tr.e.FromFloat32([]float32{1, -50}, 2)) })
			}
		})
	}
	var said strings.Builder
	dir := t.TempDir()
	train(t, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: dir, Progress: &said, afterStep: sink})
	lines, err := ReadLog(filepath.Join(dir, "log.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, l := range lines {
		if l.Event == "epoch" && slices.Equal(l.Dead, []string{"bright: yes"}) {
			found++
		}
	}
	if found == 0 || !strings.Contains(said.String(), "no evidence for bright: yes") {
		t.Errorf("%d epochs say so; said:\n%s", found, said.String())
	}
	p.Uncertainty.Evidential.Evidence = "exp" // always some evidence
	dir = t.TempDir()
	train(t, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: dir})
	lines, _ = ReadLog(filepath.Join(dir, "log.jsonl"))
	for _, l := range lines {
		if len(l.Dead) > 0 {
			t.Errorf("exp is never without evidence: %v", l.Dead)
		}
	}
}

// TestSampledScores trains with SWAG, dropout and views, and looks at the samples.
func TestSampledScores(t *testing.T) {
	needEngine(t)
	p := toyPlan(toyClips(t, 32))
	p.Train.Epochs, p.Model.Dropout = 4, 0.3
	p.Augment.Noise = 0.1
	p.Uncertainty = &UncertaintySpec{DropoutPasses: 3, Views: 1, SWAGEpochs: 2, SWAGSamples: 2, Regression: lawHeteroscedastic}
	c := loadToy(t, p)
	dir := t.TempDir()
	fold := toyFold(c)
	train(t, TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: dir})
	dirs := p.Uncertainty.Folders(dir)
	if len(dirs) != 2 {
		t.Fatalf("folders %v", dirs)
	}
	o := PredictOptions{CheckpointDirs: dirs, Plan: p, Cohort: c, Rows: fold.Test}
	s, err := PredictSampled(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.Rows, fold.Test) || len(s.Feature) != len(s.Rows) {
		t.Fatalf("rows %v", s.Rows)
	}
	for at, x := range s.Texture { // the picture of one channel, and two stages; seven numbers a channel
		if len(x) != 3 || len(x[0]) != 7 || len(x[1])%7 != 0 || len(x[2]) != len(x[1]) {
			t.Fatalf("texture of row %d: %d stages", at, len(x))
		}
	}
	b := s.Of["bright"]
	if len(b.Score[0]) != 2*2*3 {
		t.Fatalf("%d samples: want 2 draws × 2 views × 3 passes", len(b.Score[0]))
	}
	differ := func(i, j int) bool {
		return slices.ContainsFunc(b.Score, func(x [][]float64) bool { return x[i][0] != x[j][0] })
	}
	if !differ(0, 1) || !differ(0, 3) || !differ(0, 6) {
		t.Error("passes, views and draws are to differ")
	}
	for at := range s.Rows {
		if v := s.Of["level"].Data[at][0]; !(v > 0) {
			t.Errorf("variance %v", v)
		}
	}
	again, err := PredictSampled(context.Background(), o)
	if err != nil || again.Of["bright"].Score[0][5][0] != b.Score[0][5][0] {
		t.Errorf("the same again: %v", err)
	}
	preds := s.Predictions(o)
	if err := preds.Validate(); err != nil {
		t.Fatal(err)
	}
	if m := b.Mean(0); math.Abs(preds.Score["bright"][0][0]-m[0]) > 1e-15 {
		t.Error("predictions are the mean of samples")
	}
	// Without repeats the one sample is what Predict says.
	plain := p.Clone()
	plain.Uncertainty = &UncertaintySpec{Regression: lawHeteroscedastic}
	o.Plan, o.CheckpointDirs = plain, []string{dir}
	one, err := PredictSampled(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Predict(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want.Item {
		if math.Abs(one.Of["bright"].Score[i][0][0]-want.Score["bright"][i][0]) > 1e-6 || math.Abs(one.Of["level"].Score[i][0][0]-want.Score["level"][i][0]) > 1e-3 {
			t.Errorf("row %d: %v and %v", i, one.Of["bright"].Score[i][0], want.Score["bright"][i])
		}
	}
}

// TestSWAGResumes: a training that is killed between the epochs that are collected draws the same weights.
func TestSWAGResumes(t *testing.T) {
	needEngine(t)
	p := toyPlan(toyClips(t, 24))
	p.Train.Epochs = 5
	p.Uncertainty = &UncertaintySpec{SWAGEpochs: 3, SWAGSamples: 1}
	c := loadToy(t, p)
	fold := toyFold(c)
	whole, parts := t.TempDir(), t.TempDir()
	train(t, TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: whole})
	ctx, cancel := context.WithCancel(context.Background())
	_, err := Train(ctx, TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: parts, afterStep: func(tr *trainer) {
		if tr.state.Epoch == 3 {
			cancel()
		}
	}})
	if fault.CodeOf(err) != fault.Interrupted {
		t.Fatalf("interrupted: %v", err)
	}
	train(t, TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: parts, Resume: true})
	a, err := os.ReadFile(filepath.Join(whole, swagDir, "0", bestFile))
	if err != nil {
		t.Fatal(err)
	}
	_, x, err := readCheckpoint(filepath.Join(whole, swagDir, "0", bestFile))
	if err != nil {
		t.Fatal(err)
	}
	_, y, err := readCheckpoint(filepath.Join(parts, swagDir, "0", bestFile))
	if err != nil {
		t.Fatal(err)
	}
	if tensorDigest(x) != tensorDigest(y) || len(a) == 0 {
		t.Error("the draws differ")
	}
	// Over, and asked for again: what is there is kept, what is missing is drawn again, the same.
	if err := os.RemoveAll(filepath.Join(whole, swagDir)); err != nil {
		t.Fatal(err)
	}
	train(t, TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: whole, Resume: true})
	if _, x, err = readCheckpoint(filepath.Join(whole, swagDir, "0", bestFile)); err != nil || tensorDigest(x) != tensorDigest(y) {
		t.Errorf("drawn again: %v", err)
	}
}

func TestMembersHaveTheirOwnSeeds(t *testing.T) {
	p := &Plan{Seed: 4, Uncertainty: &UncertaintySpec{Members: 3}}
	if p.Member(0) != p || p.Member(1).Seed == p.Seed || p.Member(1).Seed == p.Member(2).Seed {
		t.Error("seeds of members")
	}
	if got := p.Uncertainty.Folders("d"); !slices.Equal(got, []string{"d", "d/members/1", "d/members/2"}) {
		t.Errorf("%v", got)
	}
}
