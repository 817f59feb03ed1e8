package learn

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn/fusion"
	"github.com/cineloop/cineloop/nn/video"
	"github.com/cineloop/cineloop/nn/views"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

// toyStudies writes n studies of up to three views: A shows the square, B shows nothing, C the square too. Every study has at least one; a
// study's time is short where it is bright.
func toyStudies(t testing.TB, n int) string {
	t.Helper()
	dir := t.TempDir()
	rng := stats.Seed(12).Stream("toy studies")
	table := [][]string{{"clip", "study", "view", "bright", "level", "age", "grade", "time", "died"}}
	for i := range n {
		level := 0
		if i%2 == 1 {
			level = 60 + rng.IntN(120)
		}
		for v, view := range []string{"A", "B", "C"} {
			if (i/2+v)%3 == 0 {
				continue
			}
			name := fmt.Sprintf("s%02d%s.npy", i, view)
			shown := level
			if view == "B" {
				shown = 0
			}
			if err := os.WriteFile(filepath.Join(dir, name), toyClip(rng, shown), 0o644); err != nil {
				t.Fatal(err)
			}
			table = append(table, []string{name, fmt.Sprintf("s%02d", i), view, strconv.Itoa(i % 2), strconv.Itoa(level), strconv.Itoa(40 + i), []string{"low", "high"}[i%2],
				strconv.Itoa(10 - 5*(i%2) + i%3), strconv.Itoa(min(1, i%4))})
		}
	}
	var b bytes.Buffer
	if err := csv.NewWriter(&b).WriteAll(table); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "table.csv"), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func studyPlan(dir string, kind views.Kind) *Plan {
	p := toyPlan(dir)
	p.Data.Patient = ""
	p.Data.Views = &cohort.ViewsSpec{Study: "study", Column: "view", Names: []string{"A", "B", "C"}, Each: 1}
	p.Model.Views = &ViewsSpec{Kind: string(kind), Hidden: 8, Drop: 0.3}
	return p
}

// TestStudiesResume: a training of studies whose views are left out at random goes on bit for bit, for backbones shared and not.
func TestStudiesResume(t *testing.T) {
	needEngine(t)
	for _, each := range []bool{false, true} {
		p := studyPlan(toyStudies(t, 20), views.Transformer)
		if each {
			p.Model.Views.Kind, p.Model.Views.Backbone = string(views.Late), backboneEach
		}
		p.Train.Epochs, p.Train.CheckpointSteps = 2, 1
		c := loadToy(t, p)
		whole, broken := t.TempDir(), t.TempDir()
		train(t, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: whole})
		ctx, cancel := context.WithCancel(context.Background())
		steps := 0
		_, err := Train(ctx, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: broken, afterStep: func(*trainer) {
			if steps++; steps == 3 {
				cancel()
			}
		}})
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("interrupted: %v", err)
		}
		train(t, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: broken, Resume: true})
		a, b := weightsOf(t, whole), weightsOf(t, broken)
		if len(a) == 0 || len(a) != len(b) {
			t.Fatalf("%d and %d tensors", len(a), len(b))
		}
		for name, x := range a {
			if !bytes.Equal(x, b[name]) {
				t.Errorf("each %v: %s differs after an interruption", each, name)
			}
		}
	}
}

func weightsOf(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	path, err := bestPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, tensors, err := readCheckpoint(path)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for name, a := range tensors {
		out[name] = a.Data
	}
	return out
}

// TestStudiesLearn: every kind learns classes, numbers and times of studies, with the table beside them; predictions come a study, with
// what each clip alone says.
func TestStudiesLearn(t *testing.T) {
	needEngine(t)
	dir := toyStudies(t, 24)
	for k, kind := range views.Kinds {
		p := studyPlan(dir, kind)
		p.Train.Epochs, p.Train.Monitor = 4, "loss"
		p.Data.Targets = append(p.Data.Targets, cohort.TargetSpec{Name: "grade", Kind: cohort.Class, Weight: 0.5},
			cohort.TargetSpec{Name: "death", Kind: cohort.TimeToEvent, Column: "time", Event: "died", Weight: 0.5, Method: []string{"", cohort.Cox}[k%2]})
		if k == 0 {
			p.Data.Tabular = []cohort.TabularSpec{{Column: "age"}}
			p.Model.Fusion = &FusionSpec{Kind: string(fusion.Late), Hidden: 4}
		}
		c := loadToy(t, p)
		out := t.TempDir()
		res := train(t, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: out})
		if res.Stopped != "finished" {
			t.Errorf("%s: %+v", kind, res)
		}
		p.Input.EvalClips = 2
		v := &ViewScores{}
		opts := PredictOptions{CheckpointDirs: []string{out, out}, Plan: p, Cohort: c, Rows: c.All(), Views: v}
		got, err := Predict(context.Background(), opts)
		if err != nil {
			t.Fatal(err)
		}
		if got.Len() != 24 || got.Item[3] != "s03" || len(v.Of) != 24 {
			t.Fatalf("%s: %d rows, %d with views", kind, got.Len(), len(v.Of))
		}
		opts.Views = nil
		same, err := Predict(context.Background(), opts)
		if err != nil {
			t.Fatal(err)
		}
		for row, s := range v.Of {
			sum := 0.0
			for slot, w := range s.Weight {
				sum += w
				there := c.Rows[row].Clips[slot].Path != ""
				if (w > 0) != there {
					t.Errorf("%s, row %d: weights %v, has %v", kind, row, s.Weight, c.Present(row))
				}
				for name, of := range s.Score {
					if (of[slot] != nil) != there {
						t.Errorf("%s, row %d: %s of slot %d is %v", kind, row, name, slot, of[slot])
					}
				}
			}
			if math.Abs(sum-1) > 1e-5 {
				t.Errorf("%s, row %d: weights sum to %v", kind, row, sum)
			}
			if a, b := got.Score["level"][row][0], same.Score["level"][row][0]; math.Abs(a-b) > 1e-4 {
				t.Errorf("%s, row %d: %v with the views looked at, %v without", kind, row, a, b)
			}
			if n := len(c.Present(row)); n == 1 { // the study is its one clip
				for _, of := range s.Score["level"] {
					if of != nil && math.Abs(of[0]-got.Score["level"][row][0]) > 1e-3 {
						t.Errorf("%s, row %d: the only clip says %v, the study %v", kind, row, of, got.Score["level"][row])
					}
				}
			}
		}
	}
}

// TestStudiesAndUncertainty: repeated passes keep working.
func TestStudiesAndUncertainty(t *testing.T) {
	needEngine(t)
	p := studyPlan(toyStudies(t, 16), views.Gated)
	p.Train.Epochs, p.Model.Dropout = 1, 0.2
	p.Uncertainty = &UncertaintySpec{DropoutPasses: 3, Views: 1}
	c := loadToy(t, p)
	dir := t.TempDir()
	train(t, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: dir})
	s, err := PredictSampled(context.Background(), PredictOptions{CheckpointDirs: []string{dir}, Plan: p, Cohort: c, Rows: c.All()})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Rows) != 16 || len(s.Of["level"].Score[0]) != 6 || s.Layers != nil || len(s.Feature[0]) != 8 {
		t.Errorf("%d rows, %d samples, layers %v", len(s.Rows), len(s.Of["level"].Score[0]), s.Layers != nil)
	}
}

// TestOneClipOfAStudy: scores and activations of a clip are those of the study of this clip alone.
func TestOneClipOfAStudy(t *testing.T) {
	for _, backbone := range []string{"", backboneEach} {
		p := studyPlan(toyStudies(t, 16), views.Attention)
		p.Train.Epochs, p.Model.Views.Backbone = 1, backbone
		c := loadToy(t, p)
		dir := t.TempDir()
		needEngine(t)
		train(t, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: dir})
		v := &ViewScores{}
		if _, err := Predict(context.Background(), PredictOptions{CheckpointDirs: []string{dir}, Plan: p, Cohort: c, Rows: c.All(), Views: v}); err != nil {
			t.Fatal(err)
		}
		row := slices.IndexFunc(c.Rows, func(r cohort.Row) bool { return r.FirstSlot() == 1 })
		withEngine(t, func(e *torch.Engine) {
			m, err := LoadModel(e, dir)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			m.About(c, row)
			l, err := cohort.NewLoader(c, []int{row}, cohort.LoaderConfig{Input: p.Input, BatchSize: 1})
			if err != nil {
				t.Fatal(err)
			}
			for b, err := range l.Epoch(context.Background(), 0, 0) {
				if err != nil {
					t.Fatal(err)
				}
				x := b.X[len(b.X)/3 : 2*len(b.X)/3]
				got, err := m.Score(append(slices.Clone(x), x...), 2, "level")
				if want := v.Of[row].Score["level"][1][0]; err != nil || math.Abs(got[0][0]-want) > 1e-3 || math.Abs(got[1][0]-want) > 1e-3 {
					t.Errorf("%v, want %v twice (%v)", got, want, err)
				}
				if a, err := m.Activation(x, "", "bright", 0); err != nil || a.Channels != 32 {
					t.Errorf("%+v %v", a, err)
				}
				b.Release()
			}
		})
	}
}

func TestViewsThatCannotBePlanned(t *testing.T) {
	for name, change := range map[string]func(*Plan){
		"no data.views": func(p *Plan) { p.Data.Views = nil },
		"kind":          func(p *Plan) { p.Model.Views.Kind = "mil" },
		"backbone":      func(p *Plan) { p.Model.Views.Backbone = "both" },
		"drop":          func(p *Plan) { p.Model.Views.Drop = 1 },
		"mixup":         func(p *Plan) { p.Train.Mixup = 0.2 },
		"anonymous":     func(p *Plan) { p.Model.Views.Kind, p.Model.Views.Anonymous = "late", true },
	} {
		p := studyPlan("x", views.Mean)
		change(p)
		if err := checkFilled(p); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := checkFilled(studyPlan("x", views.Mean)); err != nil {
		t.Error(err)
	}
}

// TestPlanOfStudies: names, kind and what is left out are filled from the data; three slots cost three clips.
func TestPlanOfStudies(t *testing.T) {
	p := studyPlan(toyStudies(t, 16), views.Mean)
	p.Model.Views = nil
	p.Data.Views.Names, p.Data.Views.Each = nil, 0
	c := loadToy(t, p)
	f, err := c.Fingerprint(context.Background(), cohort.FingerprintOptions{})
	if err != nil {
		t.Fatal(err)
	}
	full, err := FillPlan(p, f, PlanSizes{Train: 10, Val: 3})
	if err != nil {
		t.Fatal(err)
	}
	if m := full.Model.Views; m.Kind != "attention" || m.Drop != 0.2 || !slices.Equal(full.Data.Views.Names, []string{"A", "B", "C"}) || full.Data.Views.Each != 1 {
		t.Errorf("%+v %+v", m, full.Data.Views)
	}
	single := p.Clone()
	single.Data.Views, single.Train = nil, full.Train
	single.Model.Width = full.Model.Width
	f.Views = nil
	one, err := FillPlan(single, f, PlanSizes{Train: 10, Val: 3})
	if err != nil {
		t.Fatal(err)
	}
	if r := full.Planned.StepGFLOP / one.Planned.StepGFLOP; r < 2.9 || r > 3.2 {
		t.Errorf("a step of studies takes %.2f times that of clips", r)
	}
	if full.Planned.EstimateMiB <= one.Planned.EstimateMiB {
		t.Errorf("memory %v and %v", full.Planned.EstimateMiB, one.Planned.EstimateMiB)
	}
}

// TestOtherStudiesAreRefused: a model of studies takes no single clips, nor other views, and the reverse.
func TestOtherStudiesAreRefused(t *testing.T) {
	p := studyPlan(toyStudies(t, 8), views.Mean)
	c := loadToy(t, p)
	m := &Model{Net: &video.Net{Spec: video.Spec{Views: viewsSpec(p)}}}
	if err := m.fitsViews(c); err != nil {
		t.Error(err)
	}
	p.Data.Views.Names = []string{"A", "C"}
	if err := m.fitsViews(loadToy(t, p)); fault.CodeOf(err) != fault.Input {
		t.Errorf("other views: %v", err)
	}
	p.Data.Views = nil
	if err := m.fitsViews(loadToy(t, p)); fault.CodeOf(err) != fault.Input {
		t.Errorf("single clips: %v", err)
	}
	m.Net.Spec.Views = nil
	if err := m.fitsViews(c); fault.CodeOf(err) != fault.Input {
		t.Errorf("studies for a model of clips: %v", err)
	}
}

func TestEachViewStartsFromTheWeights(t *testing.T) {
	p := studyPlan("x", views.Late)
	p.Model.Views.Backbone = backboneEach
	n, err := video.New(networkSpec(p, []head{{Target: evaluate.Target{Name: "y", Kind: evaluate.Regression}}}))
	if err != nil {
		t.Fatal(err)
	}
	got := eachView(map[string]torch.Array{"stem.0.weight": {}, "other": {}}, n)
	var names []string
	for k := range got {
		names = append(names, k)
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"other", "view.0.stem.0.weight", "view.1.stem.0.weight", "view.2.stem.0.weight"}) {
		t.Errorf("%v", names)
	}
}

// TestParallelStudies: two processes whose batches hold different numbers of clips make the curve of one with both batches.
func TestParallelStudies(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: trains twice")
	}
	several := func(p *Plan) {
		s := studyPlan("", views.Attention)
		p.Data.Views, p.Data.Patient, p.Model.Views, p.Train.Epochs = s.Data.Views, "", s.Model.Views, 2
	}
	dir, out, one := toyStudies(t, 56), t.TempDir(), t.TempDir()
	outputs, errs := asRanks(t, 2, dir, out, several, 0)
	for r := range errs {
		if errs[r] != nil {
			t.Fatalf("rank %d: %v\n%s", r, errs[r], outputs[r])
		}
	}
	p := parallelPlan(dir, 8)
	several(p)
	c := loadToy(t, p)
	train(t, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: one})
	got, gotVal := logCurve(t, out)
	want, wantVal := logCurve(t, one)
	if len(got) != len(want) || len(gotVal) != 2 || len(wantVal) != 2 {
		t.Fatalf("%d and %d values, %d epochs", len(got), len(want), len(gotVal))
	}
	for i := range got {
		if math.Abs(got[i]-want[i]) > 1e-3*math.Abs(want[i]) {
			t.Errorf("value %d of the curve is %.6f, want %.6f", i, got[i], want[i])
		}
	}
	p.Model.Views.Backbone = backboneEach
	if err := (&Parallel{Size: 2}).check(p); fault.CodeOf(err) != fault.Usage {
		t.Errorf("backbones of their own: %v", err)
	}
}

// TestOwnersOf: pieces of a batch of studies belong to clips that are there, to slots, or to studies.
func TestOwnersOf(t *testing.T) {
	b := &cohort.Batch{Rows: []int{7, 9}, Slots: 3, Present: []bool{true, true, false, false, false, true}}
	for n, want := range map[int][]int{3: {7, 7, 9}, 12: {7, 7, 9}, 6: {7, 7, 7, 9, 9, 9}, 2: {7, 9}, 5: nil, 0: nil} {
		if got := ownersOf(b, n); !slices.Equal(got, want) {
			t.Errorf("%d: %v, want %v", n, got, want)
		}
	}
	b.Present[2] = true // four clips; eight pieces are two of each
	if got := ownersOf(b, 8); !slices.Equal(got, []int{7, 7, 7, 9}) {
		t.Errorf("%v", got)
	}
	if got := ownersOf(&cohort.Batch{Rows: []int{1, 2}}, 4); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("without studies: %v", got)
	}
}
