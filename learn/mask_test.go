package learn

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/clip/volume"
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

func TestWindowStarts(t *testing.T) {
	for _, c := range []struct {
		n, patch int
		overlap  float64
		want     []int
	}{
		{10, 10, 0.5, []int{0}},
		{7, 10, 0.5, []int{-1}},
		{20, 10, 0.5, []int{0, 5, 10}},
		{12, 10, 0.5, []int{0, 2}},
		{23, 8, 0, []int{0, 8, 15}},
	} {
		if got := starts(c.n, c.patch, c.overlap); !slices.Equal(got, c.want) {
			t.Errorf("%d positions, windows of %d, overlap %v: %v, want %v", c.n, c.patch, c.overlap, got, c.want)
		}
	}
}

func TestGaussian(t *testing.T) {
	g := gaussian([3]int{1, 9, 9})
	if g[40] != 1 || g[0] != 1e-3 || g[36] != g[44] || g[41] <= g[42] {
		t.Errorf("middle %v, corner %v, ends %v %v", g[40], g[0], g[36], g[44])
	}
}

// TestSlideIsSeamless: windows that answer with what they see, scaled, give the image back at every position, larger or smaller than
// a window.
func TestSlideIsSeamless(t *testing.T) {
	for _, size := range [][3]int{{5, 13, 9}, {1, 4, 20}, {3, 3, 3}} {
		v := &volume.Volume{C: 1, D: size[0], H: size[1], W: size[2], Image: make([]float32, size[0]*size[1]*size[2])}
		rng := stats.Seed(1).Stream("slide")
		for i := range v.Image {
			v.Image[i] = rng.Float32()
		}
		got, err := slide(context.Background(), v, [3]int{4, 8, 8}, 2, 0.5, func(x []float32) ([]float32, error) {
			out := make([]float32, 2*len(x))
			for i, a := range x {
				out[i], out[len(x)+i] = a, 1-a
			}
			return out, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for i, a := range v.Image {
			if math.Abs(float64(got[i]-a)) > 1e-5 || math.Abs(float64(got[len(v.Image)+i]-1+a)) > 1e-5 {
				t.Fatalf("size %v, position %d: %v, want %v", size, i, got[i], a)
			}
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	v := &volume.Volume{C: 1, D: 1, H: 4, W: 4, Image: make([]float32, 16)}
	if _, err := slide(ctx, v, [3]int{1, 4, 4}, 2, 0.5, nil); err == nil {
		t.Error("cancelled, and it went on")
	}
}

// maskToy is twelve noisy pictures of 24×24 with a bright disc and its mask, and a plan that learns to find it.
func maskToy(t *testing.T) (*Plan, *cohort.Cohort, cohort.Fold) {
	t.Helper()
	dir := t.TempDir()
	table := "name\n"
	rng := stats.Seed(2).Stream("toy")
	for n := range 12 {
		image, mask := clip.New(clip.Uint8, 1, 24, 24, 1), clip.New(clip.Uint8, 1, 24, 24, 1)
		mask.Photometric = clip.Mask
		y0, x0, r := 7+rng.IntN(10), 7+rng.IntN(10), 3+rng.IntN(3)
		for i := range image.Data {
			dy, dx := i/24-y0, i%24-x0
			image.Data[i] = byte(40 + rng.IntN(40))
			if dy*dy+dx*dx <= r*r {
				image.Data[i] += 110
				mask.Data[i] = 1
			}
		}
		for name, c := range map[string]*clip.Clip{"image": image, "mask": mask} {
			if err := clip.Save(filepath.Join(dir, fmt.Sprintf("%s%d.png", name, n)), c); err != nil {
				t.Fatal(err)
			}
		}
		table += fmt.Sprintln(n)
	}
	if err := os.WriteFile(filepath.Join(dir, "index.csv"), []byte(table), 0o644); err != nil {
		t.Fatal(err)
	}
	p := &Plan{Name: "discs", Kind: KindSegment, Seed: 3,
		Data: cohort.Spec{Root: dir, Table: "index.csv", File: "image{name}.png",
			Targets: []cohort.TargetSpec{{Name: "disc", Kind: cohort.Mask, File: "mask{name}.png", Classes: []string{"disc"}}}},
		Model:   ModelSpec{Name: "unet", Width: 4},
		Segment: SegmentSpec{Patch: []int{1, 24, 24}, Iterations: 20, Augment: volume.Augment{Mirror: []bool{false, true, true}, Noise: 0.1, RotateDeg: []float64{20}}},
		Train:   TrainSpec{Epochs: 4, BatchSize: 3, LR: 0.01, EMA: 0.8, Threads: 1, Device: "cpu"}}
	c := loadToy(t, p)
	fp, err := c.Fingerprint(context.Background(), cohort.FingerprintOptions{})
	if err != nil {
		t.Fatal(err)
	}
	p, err = FillMaskPlan(p, fp, PlanSizes{Train: 8, Val: 4})
	if err != nil {
		t.Fatal(err)
	}
	return p, c, cohort.Fold{Train: []int{0, 1, 2, 3, 4, 5, 6, 7}, Val: []int{8, 9, 10, 11}}
}

// TestMasksAreLearntAndResumed: the toy is learnt; a training that is stopped between two checkpoints and goes on has the curve and the
// weights, bit for bit, of one that never stopped; predicted masks lie where the discs are.
func TestMasksAreLearntAndResumed(t *testing.T) {
	needEngine(t)
	p, c, fold := maskToy(t)
	whole, halves := t.TempDir(), t.TempDir()
	r, err := TrainMasks(context.Background(), TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: whole, Progress: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	if r.Steps != 80 || r.Stopped != "finished" || !(r.Best.Value > 0.75) {
		t.Errorf("%+v: Dice should be above 0.75", r)
	}
	ctx, cancel := context.WithCancel(context.Background())
	stop := func(t *trainer) {
		if t.state.Step == 28 {
			cancel()
		}
	}
	_, err = TrainMasks(ctx, TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: halves, Progress: t.Output(), afterStep: stop})
	if fault.CodeOf(err) != fault.Interrupted {
		t.Fatalf("stopped: %v", err)
	}
	if _, err = TrainMasks(context.Background(), TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: halves, Resume: true, Progress: t.Output()}); err != nil {
		t.Fatal(err)
	}
	if a, b := curve(t, whole), curve(t, halves); a != b {
		t.Errorf("the curves differ:\n%s\n%s", a, b)
	}
	_, a := values(t, whole, lastFile)
	_, b := values(t, halves, lastFile)
	if tensorDigest(a) != tensorDigest(b) {
		t.Error("the weights differ")
	}
	other := p.Clone()
	other.Train.LR = 0.02
	if _, err := TrainMasks(context.Background(), TrainOptions{Plan: other, Cohort: c, Fold: fold, Dir: halves, Resume: true}); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("another plan's checkpoint: %v", err)
	}
	p.Segment.Mirror, p.Segment.LargestComponent = []bool{false, true, true}, true
	seen := 0
	err = PredictMasks(context.Background(), PredictOptions{Plan: p, Cohort: c, Rows: fold.Val, CheckpointDirs: []string{whole, halves}},
		func(row int, mc *cohort.MaskCase, label []uint8) error {
			seen++
			var both, either float64
			for i, l := range label {
				either += float64(l) + float64(mc.Label[i])
				both += float64(l & mc.Label[i])
			}
			if 2*both/either < 0.7 {
				t.Errorf("row %d: Dice %v", row, 2*both/either)
			}
			return nil
		})
	if err != nil || seen != 4 {
		t.Errorf("%d rows, %v", seen, err)
	}
}

func TestMaskPlanRefusals(t *testing.T) {
	p, c, _ := maskToy(t)
	for name, change := range map[string]func(*Plan){
		"a loss that is not there":     func(p *Plan) { p.Segment.Loss = "hinge" },
		"an overlap of all":            func(p *Plan) { p.Segment.Overlap = 1 },
		"two mirrors":                  func(p *Plan) { p.Segment.Mirror = []bool{true, false} },
		"float16":                      func(p *Plan) { p.Train.Autocast = "fp16" },
		"groups of batches":            func(p *Plan) { p.Train.Accumulate = 2 },
		"a network of scores":          func(p *Plan) { p.Model.Name = "r3d_18" },
		"a patch that does not divide": func(p *Plan) { p.Segment.Patch = []int{1, 23, 24} },
		"a target that is not there":   func(p *Plan) { p.Segment.Target = "liver" },
	} {
		q := p.Clone()
		change(q)
		_, err := TrainMasks(context.Background(), TrainOptions{Plan: q, Cohort: c, Fold: cohort.Fold{Train: []int{0}}, Dir: t.TempDir()})
		if code := fault.CodeOf(err); err == nil || code != fault.Usage && code != fault.Missing {
			t.Errorf("%s: %v", name, err)
		}
	}
}
