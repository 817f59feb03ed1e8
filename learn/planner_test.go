package learn

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/testdata"
	"github.com/cineloop/cineloop/stats"
	"github.com/google/go-cmp/cmp"
)

func dist(v float64) cohort.Distribution {
	return cohort.Distribution{N: 10, Min: v, Median: v, Max: v, Mean: v}
}

// cine is a fingerprint of grey 8-bit echo loops, stack one of two-valued 28³ shapes, still one of colour pictures.
func cine(rows int) *cohort.Fingerprint {
	rate := dist(50)
	return &cohort.Fingerprint{Rows: rows, Sampled: 10, DTypes: map[string]int{"uint8": 10}, Photometric: map[string]int{"grey": 10}, Channels: map[int]int{1: 10},
		Frames: dist(32), Height: dist(300), Width: dist(400), FrameRate: &rate, Bytes: dist(32 * 300 * 400),
		Intensity: cohort.Intensity{Distribution: cohort.Distribution{Mean: 51, SD: 51}, CaseMean: cohort.Distribution{SD: 5}},
		Targets:   []cohort.TargetSummary{{Name: "y", Kind: "binary", Known: rows, Classes: []cohort.Count{{Name: "0", Rows: rows * 3 / 4}, {Name: "1", Rows: rows / 4}}}}}
}

func stack(rows int) *cohort.Fingerprint {
	f := cine(rows)
	f.FrameRate = nil
	f.Frames, f.Height, f.Width, f.Bytes = dist(28), dist(28), dist(28), dist(28*28*28)
	f.Intensity.TwoValued = true
	return f
}

func still(rows int) *cohort.Fingerprint {
	f := cine(rows)
	f.FrameRate, f.Frames, f.Channels = nil, dist(1), map[int]int{3: 10}
	f.Height, f.Width = dist(90), dist(256)
	f.Intensity.CaseMean.SD = 40
	return f
}

func recipe(kind string) *Plan {
	return &Plan{Name: "x", Seed: 1, Data: cohort.Spec{Targets: []cohort.TargetSpec{{Name: "y", Kind: kind}}}}
}

func TestFillPlanChoices(t *testing.T) {
	fill := func(r *Plan, fp *cohort.Fingerprint, s PlanSizes) *Plan {
		t.Helper()
		s.Cores = 2
		p, err := FillPlan(r, fp, s)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	type choice struct {
		In      [4]int // C, T, H, W
		Norm    string
		Model   string
		Width   int
		Stem    []int
		Batch   int
		Monitor string
	}
	of := func(p *Plan) choice {
		in := p.Input
		return choice{[4]int{in.Channels, in.Frames, in.Height, in.Width}, in.Normalise, p.Model.Name, p.Model.Width, p.Model.StemStride, p.Train.BatchSize, p.Train.Monitor}
	}
	p := fill(recipe("binary"), cine(2000), PlanSizes{Train: 1400, Val: 300})
	want := choice{[4]int{1, 16, 112, 112}, "fixed", "r3d_18", 32, []int{1, 2, 2}, 32, "y.auroc"}
	if d := cmp.Diff(want, of(p)); d != "" {
		t.Errorf("cine: %s", d)
	}
	if !p.Augment.TemporalJitter || p.Input.Mean[0] != 0.2 || p.Train.Balance || p.Train.EMA == 0 {
		t.Errorf("cine: %+v %+v %+v", p.Augment, p.Input, p.Train)
	}
	p = fill(recipe("binary"), stack(1500), PlanSizes{Train: 1188, Val: 98})
	want = choice{[4]int{1, 28, 28, 28}, "unit", "r3d_18", 32, []int{1, 1, 1}, 32, "y.auroc"}
	if d := cmp.Diff(want, of(p)); d != "" {
		t.Errorf("stack: %s", d)
	}
	p = fill(recipe("regression"), still(200), PlanSizes{Train: 150, Val: 20})
	want = choice{[4]int{3, 1, 90, 112}, "case", "resnet18_mean", 16, []int{1, 2, 2}, 8, "y.mae"}
	if d := cmp.Diff(want, of(p)); d != "" {
		t.Errorf("still: %s", d)
	}
	if p = fill(recipe("binary"), cine(100), PlanSizes{Train: 80, Val: 13}); p.Train.Monitor != "loss" {
		t.Errorf("13 validation rows, monitor %s", p.Train.Monitor)
	}
	if p = fill(recipe("binary"), cine(100), PlanSizes{Train: 3}); p.Train.BatchSize != 3 || p.Train.Monitor != "loss" {
		t.Errorf("three rows: %+v", p.Train)
	}
	rare := cine(1000)
	rare.Targets[0].Classes = []cohort.Count{{Name: "0", Rows: 950}, {Name: "1", Rows: 50}}
	if p = fill(recipe("binary"), rare, PlanSizes{Train: 700, Val: 150}); !p.Train.Balance {
		t.Error("5 % of a class and no balance")
	}
}

// TestBudget: the estimate stays within the minutes, more minutes never make a smaller network, and what little time cannot buy is said.
func TestBudget(t *testing.T) {
	width, pixels := 0, 0
	for _, minutes := range []float64{0.2, 1, 3, 10, 30, 100, 1000} {
		r := recipe("binary")
		r.Train.MaxMinutes = minutes
		p, err := FillPlan(r, cine(2000), PlanSizes{Train: 1400, Val: 300, Fits: 2, Cores: 2})
		if err != nil {
			t.Fatal(err)
		}
		if p.Planned.EstimateMinutes > minutes && p.Train.Epochs > 1 {
			t.Errorf("%v minutes: estimated %v, %d epochs", minutes, p.Planned.EstimateMinutes, p.Train.Epochs)
		}
		size := p.Input.Frames * p.Input.Height * p.Input.Width
		if p.Model.Width < width || size < pixels {
			t.Errorf("%v minutes: width %d and %d samples, less than with less time (%d, %d)", minutes, p.Model.Width, size, width, pixels)
		}
		width, pixels = p.Model.Width, size
		if p.Train.Epochs < 1 || p.Planned.EstimateMiB < 200 || p.Planned.Parameters < 1000 {
			t.Errorf("%v minutes: %+v", minutes, p.Planned)
		}
	}
	if width != 32 {
		t.Errorf("1000 minutes: width %d for 1400 rows", width)
	}
}

// TestMeasuredSteps: a machine ten times slower than the model says gets a smaller job, and every candidate is measured once.
func TestMeasuredSteps(t *testing.T) {
	r := recipe("binary")
	r.Train.MaxMinutes = 30
	believed, err := FillPlan(r, cine(2000), PlanSizes{Train: 1400, Val: 300, Cores: 2})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	slow := func(p *Plan) (float64, error) {
		seen[fmt.Sprint(p.Model.Width, p.Input.Frames, p.Input.Height, p.Input.Width)]++
		c, err := planCost(p, p.Data.Targets)
		return 10 * stepSeconds(p, c, 2), err
	}
	p, err := FillPlan(r, cine(2000), PlanSizes{Train: 1400, Val: 300, Cores: 2, Measure: slow})
	if err != nil {
		t.Fatal(err)
	}
	if p.Planned.EstimateMinutes > 30 || p.Model.Width > believed.Model.Width || p.Planned.StepGFLOP >= believed.Planned.StepGFLOP {
		t.Errorf("slow machine: width %d, %d epochs, %v min; fast: width %d, %d epochs", p.Model.Width, p.Train.Epochs, p.Planned.EstimateMinutes,
			believed.Model.Width, believed.Train.Epochs)
	}
	for k, n := range seen {
		if n > 1 {
			t.Errorf("%q was measured %d times", k, n)
		}
	}
	broken := errors.New("no engine")
	if _, err := FillPlan(r, cine(2000), PlanSizes{Train: 1400, Measure: func(*Plan) (float64, error) { return 0, broken }}); !errors.Is(err, broken) {
		t.Errorf("a failed measurement: %v", err)
	}
}

// TestWhatIsSetStays fills random recipes: nothing that a person wrote changes, the recipe itself neither, every gap is filled, and the
// filled plan survives its own encoding and filling again.
func TestWhatIsSetStays(t *testing.T) {
	rng := stats.Seed(4).Stream("recipes")
	coin := func() bool { return rng.IntN(2) == 0 }
	for i := range 300 {
		r := recipe([]string{"binary", "regression"}[rng.IntN(2)])
		if coin() {
			r.Input.Frames = 1 + rng.IntN(40)
		}
		if coin() {
			r.Input.Height, r.Input.Width = 8+rng.IntN(200), 8+rng.IntN(200)
		}
		if coin() {
			r.Input.Normalise = "percentile"
		}
		if coin() {
			r.Model.Width = 4 + rng.IntN(60)
		}
		if coin() {
			r.Model.StemStride = []int{1, 2, 1}
		}
		if coin() {
			r.Train.Epochs = 1 + rng.IntN(100)
		}
		if coin() {
			r.Train.MaxMinutes = rng.ExpFloat64() * 10
		}
		if coin() {
			r.Train.Optimizer = "sgd"
		}
		if coin() {
			r.Train.ClipNorm, r.Train.EMA = -1, -1
		}
		if coin() {
			r.Augment.Scale = []float64{1, 1}
		}
		fp := []func(int) *cohort.Fingerprint{cine, stack, still}[rng.IntN(3)](1 + rng.IntN(5000))
		before, _ := EncodePlan(r)
		sizes := PlanSizes{Train: 1 + rng.IntN(fp.Rows), Val: rng.IntN(200), Cores: 2}
		p, err := FillPlan(r, fp, sizes)
		if err != nil {
			t.Fatalf("recipe %d: %v\n%s", i, err, before)
		}
		after, _ := EncodePlan(r)
		if string(before) != string(after) {
			t.Fatalf("the recipe was changed:\n%s", after)
		}
		if err := checkFilled(p); err != nil {
			t.Fatalf("recipe %d: %v", i, err)
		}
		kept := []struct{ set, got any }{
			{r.Input.Frames, p.Input.Frames}, {r.Input.Height, p.Input.Height}, {r.Input.Width, p.Input.Width},
			{r.Input.Normalise, p.Input.Normalise}, {r.Model.Width, p.Model.Width}, {r.Train.Epochs, p.Train.Epochs},
			{r.Train.MaxMinutes, p.Train.MaxMinutes}, {r.Train.Optimizer, p.Train.Optimizer}, {r.Train.ClipNorm, p.Train.ClipNorm}, {r.Train.EMA, p.Train.EMA},
		}
		for _, k := range kept {
			if k.set != 0 && k.set != 0.0 && k.set != "" && k.set != k.got {
				t.Fatalf("recipe %d: %v became %v", i, k.set, k.got)
			}
		}
		if len(r.Augment.Scale) > 0 && p.Augment.RotateDeg != 0 {
			t.Fatal("augmentation was added to a recipe's own")
		}
		text, err := EncodePlan(p)
		if err != nil {
			t.Fatal(err)
		}
		back, err := DecodePlan("plan.yaml", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if d := cmp.Diff(p, back); d != "" {
			t.Fatal(d)
		}
		again, err := FillPlan(p, fp, sizes)
		if err != nil {
			t.Fatal(err)
		}
		if again.Digest() != p.Digest() {
			t.Fatalf("filling a filled plan changed it: %v", again.Planned.Reasons)
		}
	}
}

func TestDigest(t *testing.T) {
	base := toyPlan("/data").Digest()
	for name, c := range map[string]struct {
		change func(*Plan)
		same   bool
	}{
		"seed":        {func(p *Plan) { p.Seed++ }, false},
		"lr":          {func(p *Plan) { p.Train.LR *= 2 }, false},
		"target":      {func(p *Plan) { p.Data.Targets[1].Weight = 7 }, false},
		"augment":     {func(p *Plan) { p.Augment.FlipLR = true }, false},
		"width":       {func(p *Plan) { p.Model.Width++ }, false},
		"root":        {func(p *Plan) { p.Data.Root = "/elsewhere" }, true},
		"minutes":     {func(p *Plan) { p.Train.MaxMinutes, p.Train.Threads, p.Train.CheckpointSteps = 3, 5, 9 }, true},
		"description": {func(p *Plan) { p.Description, p.Planned = "x", &Planned{} }, true},
		"evaluation":  {func(p *Plan) { p.Input.EvalClips, p.Evaluate.Bootstrap = 5, 7 }, true},
	} {
		p := toyPlan("/data")
		c.change(p)
		if (p.Digest() == base) != c.same {
			t.Errorf("%s: the digest is the same: %v, want %v", name, !c.same, c.same)
		}
	}
}

func TestPlanFaults(t *testing.T) {
	for name, err := range map[string]error{
		"no rows":     second(FillPlan(recipe("binary"), cine(10), PlanSizes{})),
		"no clip":     second(FillPlan(recipe("binary"), &cohort.Fingerprint{}, PlanSizes{Train: 1})),
		"no network":  second(FillPlan(&Plan{Model: ModelSpec{Name: "r4d"}, Data: recipe("binary").Data}, cine(10), PlanSizes{Train: 1})),
		"unknown key": second(DecodePlan("r.yaml", []byte("trian: {epochs: 3}\n"))),
		"no file":     second(ReadPlan(filepath.Join(t.TempDir(), "plan.yaml"))),
	} {
		if err == nil || fault.CodeOf(err) == fault.Internal {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := DecodePlan("r.yaml", []byte("train: {epoch: 3}\n")); err == nil || !strings.Contains(err.Error(), "epochs") {
		t.Errorf("nearest key: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// TestMeasureStep: what is measured is a time, and near what the same training's own log says.
func TestMeasureStep(t *testing.T) {
	needEngine(t)
	p := toyPlan("")
	s, err := MeasureStep(context.Background(), p)
	if err != nil || s <= 0 || s > 10 {
		t.Errorf("a step takes %v s, %v", s, err)
	}
	if _, err := MeasureStep(context.Background(), &Plan{}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("a plan with gaps: %v", err)
	}
}

// TestExampleRecipes fills every recipe that the repository ships, from fingerprints of the kind that they meet.
func TestExampleRecipes(t *testing.T) {
	dir := filepath.Join(testdata.Root(t), "examples")
	names, _ := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if len(names) == 0 {
		t.Skip("the repository ships no recipes")
	}
	for _, name := range names {
		p, err := ReadPlan(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if p.Kind == "catalog" {
			continue
		}
		fill := FillPlan
		if p.Kind == KindSegment {
			fill = FillMaskPlan
		}
		fp := cine(500)
		if p.Data.Views != nil {
			fp.Views = &cohort.ViewsSummary{Names: []string{"A2C", "A4C"}, Clips: 900}
		}
		q, err := fill(p, fp, PlanSizes{Train: 300, Val: 60, Fits: 1, Cores: 2})
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(name), err)
			continue
		}
		t.Logf("%s: %s w%d, %+v, %d epochs of %d, %.1f min, %.0f MiB", filepath.Base(name), q.Model.Name, q.Model.Width,
			[]int{q.Input.Channels, q.Input.Frames, q.Input.Height, q.Input.Width}, q.Train.Epochs, q.Train.BatchSize, q.Planned.EstimateMinutes, q.Planned.EstimateMiB)
	}
}

// TestNormalisationChoices: what becomes of stored values depends on what they are.
func TestNormalisationChoices(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Plan, *cohort.Fingerprint)
		want   string
		window []float64
	}{
		{"shapes", func(_ *Plan, f *cohort.Fingerprint) { f.Intensity.TwoValued = true }, "unit", nil},
		{"8-bit, alike", func(*Plan, *cohort.Fingerprint) {}, "fixed", nil},
		{"8-bit, unlike", func(_ *Plan, f *cohort.Fingerprint) { f.Intensity.CaseMean.SD = 60 }, "case", nil},
		{"16-bit", func(_ *Plan, f *cohort.Fingerprint) { f.DTypes = map[string]int{"uint16": 10} }, "case", nil},
		{"CT", func(_ *Plan, f *cohort.Fingerprint) {
			f.DTypes, f.Photometric = map[string]int{"int16": 10}, map[string]int{"hounsfield": 10}
			f.Intensity.Low, f.Intensity.High = -1000, 600
		}, "unit", []float64{-200, 1600}},
		{"CT with a window of its own", func(p *Plan, f *cohort.Fingerprint) {
			f.Photometric = map[string]int{"hounsfield": 10}
			f.DTypes = map[string]int{"int16": 10}
			p.Input.Window = []float64{40, 400}
		}, "unit", []float64{40, 400}},
		{"Kinetics weights", func(p *Plan, _ *cohort.Fingerprint) { p.Model.Weights = "r3d_18.pth" }, "kinetics", nil},
		{"ImageNet weights", func(p *Plan, _ *cohort.Fingerprint) { p.Model.Name, p.Model.Weights = "resnet18_mean", "resnet18.pth" }, "imagenet", nil},
	} {
		r, fp := recipe("binary"), cine(100)
		c.change(r, fp)
		p, err := FillPlan(r, fp, PlanSizes{Train: 70, Val: 15, Cores: 2})
		if err != nil {
			t.Fatal(err)
		}
		if p.Input.Normalise != c.want || !cmp.Equal(p.Input.Window, c.window) {
			t.Errorf("%s: %s, window %v; want %s, %v", c.name, p.Input.Normalise, p.Input.Window, c.want, c.window)
		}
	}
}

// TestReasons: every choice has a reason that names its key, and what was set has none.
func TestReasons(t *testing.T) {
	r := recipe("binary")
	r.Train.LR, r.Input.Frames = 0.5, 9
	p, err := FillPlan(r, cine(2000), PlanSizes{Train: 1400, Val: 300, Cores: 2})
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(p.Planned.Reasons, "\n")
	for _, key := range []string{"input.channels = 1", "input.height = 112", "input.normalise = fixed", "model.name = r3d_18", "model.width = 32",
		"model.stem_stride = [1 2 2]", "train.batch_size = 32", "train.optimizer = adamw", "train.epochs = ", "train.monitor = y.auroc", "augment: "} {
		if !strings.Contains(all, key) {
			t.Errorf("no reason for %q in\n%s", key, all)
		}
	}
	for _, key := range []string{"train.lr", "input.frames"} {
		if strings.Contains(all, key+" = ") {
			t.Errorf("a reason for %s, which the recipe had set", key)
		}
	}
	if len(p.Planned.Fingerprint) != 64 || p.Planned.Version == "" || p.Planned.StepGFLOP <= 0 || p.Planned.EstimateMinutes <= 0 {
		t.Errorf("planned %+v", p.Planned)
	}
}

// TestLittleTime: with next to none, the input shrinks first, then the network, and the plan says that it is not enough.
func TestLittleTime(t *testing.T) {
	r := recipe("binary")
	r.Train.MaxMinutes = 0.05
	p, err := FillPlan(r, cine(4000), PlanSizes{Train: 3000, Val: 500, Cores: 2})
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(p.Planned.Reasons, "\n")
	if p.Input.Height != 48 || p.Input.Frames != 8 || p.Model.Width != 8 || p.Train.Epochs != 1 || !strings.Contains(all, "after all") || !strings.Contains(all, "still only") {
		t.Errorf("%+v, width %d, %d epochs:\n%s", p.Input, p.Model.Width, p.Train.Epochs, all)
	}
	// What a person has set is not shrunk.
	r.Input.Height, r.Input.Width, r.Input.Frames = 112, 112, 16
	if p, err = FillPlan(r, cine(4000), PlanSizes{Train: 3000, Val: 500, Cores: 2}); err != nil || p.Input.Height != 112 || p.Input.Frames != 16 {
		t.Errorf("%+v %v", p.Input, err)
	}
	// Epochs that do not fit are kept, and said.
	r.Train.Epochs = 77
	if p, err = FillPlan(r, cine(4000), PlanSizes{Train: 3000, Val: 500, Cores: 2}); err != nil || p.Train.Epochs != 77 ||
		!strings.Contains(strings.Join(p.Planned.Reasons, "\n"), "was asked for") {
		t.Errorf("%d epochs, %v\n%v", p.Train.Epochs, err, p.Planned.Reasons)
	}
}
