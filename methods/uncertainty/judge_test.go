package uncertainty

import (
	"math"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// TestJudgeNumbersByHand: nine calibration errors 1…9 at alpha 0.2 ask for the ⌈10·0.8⌉ = 8th, so intervals are ± 8.
func TestJudgeNumbersByHand(t *testing.T) {
	it := Numbers{}
	for k := 1; k <= 9; k++ {
		it.Value, it.Truth, it.Calibration = append(it.Value, 0), append(it.Truth, float64(k)), append(it.Calibration, true)
	}
	for _, y := range []float64{-8, 0, 8, 9} {
		it.Value, it.Truth, it.Calibration = append(it.Value, 0), append(it.Truth, y), append(it.Calibration, false)
	}
	j, err := JudgeNumbers(it, JudgeOptions{Alpha: 0.2})
	if err != nil {
		t.Fatal(err)
	}
	l := j.Intervals[0]
	// One of four outside by 1: interval score 16 + 2/0.2·1/4 = 18.5.
	if j.Quantile != 8 || l.Coverage != 0.75 || l.Width != 16 || math.Abs(l.Score-18.5) > 1e-12 {
		t.Errorf("quantile %v, %+v", j.Quantile, l)
	}
	if j.MAE != 6.25 || j.Bias != -2.25 || math.Abs(j.RMSE-math.Sqrt((64+64+81)/4.0)) > 1e-12 {
		t.Errorf("errors %v %v %v", j.MAE, j.Bias, j.RMSE)
	}
	if j.NLL != nil || len(j.Notes) != 1 || len(j.Selective) != 0 {
		t.Errorf("a model that says nothing of itself: %v", j.Notes)
	}
}

// TestJudgeNumbersWithDeviations: scores |y|/σ of calibration are 1…9 again, so intervals are ± 8σ, each item its own.
func TestJudgeNumbersWithDeviations(t *testing.T) {
	it := Numbers{Out: make([]bool, 15)}
	for k := 1; k <= 9; k++ {
		std := float64(k%3 + 1)
		it.Value, it.Truth, it.Std, it.Calibration = append(it.Value, 0), append(it.Truth, float64(k)*std), append(it.Std, std), append(it.Calibration, true)
	}
	for k, std := range []float64{1, 2, 1, 2, 50, 60} {
		y := 8 * std
		if k == 3 {
			y = 8.5 * std
		}
		it.Value, it.Truth, it.Std, it.Calibration = append(it.Value, 0), append(it.Truth, y), append(it.Std, std), append(it.Calibration, false)
		it.Out[9+k] = k >= 4
	}
	j, err := JudgeNumbers(it, JudgeOptions{Alpha: 0.2})
	if err != nil {
		t.Fatal(err)
	}
	l := j.Intervals[0]
	if j.N != 4 || l.Coverage != 0.75 || l.Width != 24 || *j.Sharpness != 1.5 {
		t.Errorf("%+v", l)
	}
	if len(j.Detection) != 1 || j.Detection[0].AUROC != 1 {
		t.Errorf("wide items are the strange ones: %v", j.Detection)
	}
	// PIT of +8σ and more is 1: all in the last bin of ten, distance (9·0.1 + 0.9)/10.
	if j.PIT[9] != 4 || math.Abs(*j.PITMiss-0.18) > 1e-12 {
		t.Errorf("PIT %v, %v", j.PIT, *j.PITMiss)
	}
	// The surest half are the two with σ = 1: mean error 8.
	if s := j.Selective[len(j.Selective)-1]; s.Coverage != 0.5 || s.Risk != 8 || s.Confidence != -1 {
		t.Errorf("%+v", s)
	}
}

// TestJudgeNumbersOfQuantiles: conformalised quantile regression takes in or lets out predicted intervals.
func TestJudgeNumbersOfQuantiles(t *testing.T) {
	it := Numbers{}
	for k := 1; k <= 9; k++ { // the truth is k above the interval's end
		it.Value, it.Truth, it.Calibration = append(it.Value, 0), append(it.Truth, 1+float64(k)), append(it.Calibration, true)
		it.Low, it.High = append(it.Low, -1), append(it.High, 1)
	}
	it.Value, it.Truth, it.Calibration = append(it.Value, 0, 0), append(it.Truth, 0, 10), append(it.Calibration, false, false)
	it.Low, it.High = append(it.Low, -1, -2), append(it.High, 1, 3)
	j, err := JudgeNumbers(it, JudgeOptions{Alpha: 0.2})
	if err != nil {
		t.Fatal(err)
	}
	if j.Promised.Coverage != 0.5 || j.Promised.Width != 3.5 || j.Intervals[0].Coverage != 1 || j.Intervals[0].Width != 19.5 {
		t.Errorf("%+v, %+v", j.Promised, j.Intervals[0])
	}
}

func TestJudgeNumbersRefuses(t *testing.T) {
	for name, it := range map[string]Numbers{
		"nothing":            {},
		"no deviation":       {Value: []float64{1, 2}, Truth: []float64{1, 2}, Std: []float64{1, 0}},
		"an interval turned": {Value: []float64{1, 2}, Truth: []float64{1, 2}, Low: []float64{0, 3}, High: []float64{1, 2}},
		"one alone":          {Value: []float64{1}, Truth: []float64{1}},
	} {
		if _, err := JudgeNumbers(it, JudgeOptions{}); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := JudgeNumbers(Numbers{Value: []float64{1}, Truth: []float64{1}}, JudgeOptions{Alpha: 2}); fault.CodeOf(err) != fault.Usage {
		t.Error(err)
	}
	j, err := JudgeNumbers(Numbers{Value: []float64{1, 2}, Truth: []float64{1, 2}, Calibration: []bool{true, false}}, JudgeOptions{})
	if err != nil || len(j.Intervals) != 0 || len(j.Notes) == 0 {
		t.Errorf("one calibration item promises nothing: %v, %v", j, err)
	}
}

func TestTimeQuantile(t *testing.T) {
	times, curve := []float64{2, 4, 8}, []float64{0.8, 0.4, 0.4}
	// Down to 0.9 at 1, to 0.6 at 3, to 0.5 at 3.5; never to 0.3.
	for p, want := range map[float64]float64{0.1: 1, 0.4: 3, 0.5: 3.5, 0.7: 8, 0: 0} {
		if got := TimeQuantile(times, curve, p); math.Abs(got-want) > 1e-12 {
			t.Errorf("quantile %v at %v, want %v", p, got, want)
		}
	}
	for at, want := range map[float64]float64{0: 1, 1: 0.9, 3: 0.6, 6: 0.4, 100: 0.4} {
		if got := curveAt(times, curve, at); math.Abs(got-want) > 1e-12 {
			t.Errorf("survival %v at %v, want %v", got, at, want)
		}
	}
}

// TestSurvivalBoundWithoutCensoring is the split conformal bound: scores 1…9, alpha 0.2, the 8th.
func TestSurvivalBoundWithoutCensoring(t *testing.T) {
	var predicted, time []float64
	var event []int
	for k := 1; k <= 9; k++ {
		predicted, time, event = append(predicted, 20), append(time, 20-float64(k)), append(event, 1)
	}
	c, kept := SurvivalBoundIPCW(predicted, time, event, 100, 0.2)
	if kept != 9 || c.Quantile != 8 {
		t.Errorf("%v of %d", c.Quantile, kept)
	}
	// At a cutoff of 15, times above it count as 15, the predictions too: scores max(0, 15 − t) are 0,0,0,0,0,1,2,3,4, the 8th is 3.
	if c, _ := SurvivalBoundIPCW(predicted, time, event, 15, 0.2); c.Quantile != 3 {
		t.Errorf("with a cutoff: %v", c.Quantile)
	}
}

// TestSurvivalBoundsHold simulates exponential times, with half censored, under a model that is three times too hopeful: the promise
// holds after calibration and not before.
func TestSurvivalBoundsHold(t *testing.T) {
	rng := stats.Seed(8).Stream("times")
	it := Curves{Cuts: []float64{0.1, 0.3, 0.6, 1, 1.5, 2, 3}, Groups: map[string][]string{"side": nil}}
	for i := range 3000 {
		x := 0.5 + rng.Float64()
		event, censoring := rng.ExpFloat64()/x, rng.ExpFloat64()/x*1.5
		var curve []float64
		for _, c := range it.Cuts {
			curve = append(curve, math.Exp(-c*x/3))
		}
		it.Survival = append(it.Survival, curve)
		it.Time = append(it.Time, math.Min(event, censoring))
		it.Event = append(it.Event, 0)
		if event <= censoring {
			it.Event[i] = 1
		}
		it.Groups["side"] = append(it.Groups["side"], []string{"left", "right"}[i%2])
	}
	j, err := JudgeTimes(it, JudgeOptions{Alpha: 0.2, Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	if j.Raw.High > 0.78 {
		t.Errorf("hopeful bounds are passed by %v only: %+v", j.Raw.Coverage, j.Raw)
	}
	for _, b := range j.Bounds {
		if b.High < 0.8 || b.Low > 0.8+0.04 {
			t.Errorf("promised 0.8: %+v", b)
		}
	}
	if len(j.Bounds) != 3 || *j.DCalP > 1e-6 || len(j.Horizons) != 3 {
		t.Errorf("%d bounds, D-calibration p %v", len(j.Bounds), *j.DCalP)
	}
	for _, h := range j.Horizons {
		if h.Observed < h.Predicted || h.Low > h.Observed || h.High < h.Observed {
			t.Errorf("a hopeful model predicts fewer events than there are: %+v", h)
		}
	}
}

func TestJudgeTimesRefuses(t *testing.T) {
	one := Curves{Cuts: []float64{1}, Survival: [][]float64{{0.5}, {0.5}}, Time: []float64{1, 2}, Event: []int{0, 0}, Calibration: []bool{true, false}}
	for name, it := range map[string]Curves{"nothing": {}, "no event": one} {
		if _, err := JudgeTimes(it, JudgeOptions{}); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := JudgeTimes(one, JudgeOptions{Alpha: 1}); fault.CodeOf(err) != fault.Usage {
		t.Error(err)
	}
}

func TestEvidenceWatch(t *testing.T) {
	var w EvidenceWatch
	for range 6 {
		w.Add([]float64{1, 0, 0}, 0)
		w.Add([]float64{2, 0, 3}, 1) // evidence for others, none for its own
	}
	for range 4 {
		w.Add([]float64{0, 0, 0}, 2) // too few to tell
	}
	if got := w.Dead(0); !slices.Equal(got, []int{1}) {
		t.Errorf("dead %v", got)
	}
	w.Add([]float64{0, 1, 0}, 1) // one of seven is more than 1 %
	if got := w.Dead(0); len(got) != 0 {
		t.Errorf("dead %v", got)
	}
	if got := w.Dead(0.5); !slices.Equal(got, []int{1}) {
		t.Errorf("dead at a half %v", got)
	}
	w.Reset()
	if len(w.Dead(0)) != 0 {
		t.Error("an empty watch says something")
	}
}

// twoClouds are features about (−10, 5, 5) and (10, 5, 5), with logits that say so.
func twoClouds(n int) Seen {
	rng := stats.Seed(4).Stream("clouds")
	s := Seen{}
	for i := range n {
		y := i % 2
		x := float64(20*y-10) + rng.NormFloat64()
		s.Feature = append(s.Feature, []float64{x, 5 + rng.NormFloat64(), 5 + rng.NormFloat64()})
		s.Logits = append(s.Logits, []float64{-x, x})
		s.Label = append(s.Label, y)
		s.Members = append(s.Members, [][]float64{Softmax(s.Logits[i], 1), Softmax(s.Logits[i], 2)})
		s.Vacuity = append(s.Vacuity, 0.1)
		s.Layers = append(s.Layers, [][]float64{{rng.NormFloat64()}, {rng.NormFloat64(), rng.NormFloat64()}})
	}
	return s
}

func TestDetectors(t *testing.T) {
	train := twoClouds(200)
	d, err := FitDetectors(train, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Names) != 11 {
		t.Fatalf("scores %v", d.Names)
	}
	// Far along a direction that says nothing about the class: distances see it, the softmax does not.
	far := Seen{Feature: [][]float64{{-10, -30, 30}, {-10, 5, 5}}, Logits: [][]float64{{5, -5}, {5, -5}},
		Members: [][][]float64{{{1, 0}, {0, 1}}, {{1, 0}, {1, 0}}}, Vacuity: []float64{0.9, 0.1}, Layers: [][][]float64{{{5}, {0, 0}}, {{0}, {0, 0}}}}
	a, b := d.Scores(far, 0), d.Scores(far, 1)
	for k, n := range d.Names {
		strange := a[k] > b[k]
		switch n {
		case "softmax", "entropy": // of members, who disagree
			if !strange {
				t.Errorf("%s: %v and %v", n, a[k], b[k])
			}
		case "energy":
			if a[k] != b[k] {
				t.Errorf("energy %v and %v of the same logits", a[k], b[k])
			}
		case "relative": // both distances grow
		default:
			if !strange {
				t.Errorf("%s: %v and %v", n, a[k], b[k])
			}
		}
	}
	if d.Like(far.Feature[1]) == 0 || d.Like(far.Feature[0]) != 0 {
		t.Error("how many are alike")
	}
	plain, err := FitDetectors(Seen{Feature: train.Feature}, nil)
	if err != nil || !slices.Equal(plain.Names, []string{"mahalanobis", "knn", "density"}) {
		t.Errorf("features alone: %v, %v", plain, err)
	}
	if _, err := FitDetectors(Seen{Feature: train.Feature}, []string{"vacuity"}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("a score that cannot be had: %v", err)
	}
	if _, err := FitDetectors(Seen{}, nil); fault.CodeOf(err) != fault.Input {
		t.Errorf("nothing to learn from: %v", err)
	}
}

func TestStranger(t *testing.T) {
	usual := []float64{1, 2, 3, 4}
	for score, want := range map[float64]float64{0: 0, 1: 0.125, 2.5: 0.5, 9: 1} {
		if got := Stranger(usual, score); got != want {
			t.Errorf("%v is stranger than %v, want %v", score, got, want)
		}
	}
	if Stranger(nil, 1) != 0 {
		t.Error("nothing usual")
	}
}

func TestOthersOfASet(t *testing.T) {
	r := Reading{Class: "A4C", Set: []string{"A2C", "A4C", "A3C"}}
	if got := r.Others(); !slices.Equal(got, []string{"A2C", "A3C"}) {
		t.Errorf("%v", got)
	}
	if got := (Reading{Class: "A4C", Set: []string{"A4C"}}).Others(); got != nil {
		t.Errorf("%v", got)
	}
}

func TestSWAGStateGoesOn(t *testing.T) {
	var a, b SWAG
	for k := range 6 {
		w := []float64{float64(k), float64(k * k)}
		a.Collect(w)
		if k == 2 {
			if err := b.Restore(a.State()); err != nil {
				t.Fatal(err)
			}
			b.mean, b.square = slices.Clone(b.mean), slices.Clone(b.square)
			b.deviations = slices.Clone(b.deviations)
		} else if k > 2 {
			b.Collect(w)
		}
	}
	x, y := a.Sample(stats.Seed(1).Stream("draw"), 1), b.Sample(stats.Seed(1).Stream("draw"), 1)
	if !slices.Equal(x, y) || a.Mean()[0] != 2.5 {
		t.Errorf("%v and %v, mean %v", x, y, a.Mean())
	}
	for _, bad := range []func(s *SWAG) error{
		func(s *SWAG) error { return s.Restore(0, nil, nil, nil) },
		func(s *SWAG) error { return s.Restore(2, []float64{1}, []float64{1, 2}, nil) },
		func(s *SWAG) error { return s.Restore(2, []float64{1}, []float64{1}, [][]float64{{1, 2}}) },
	} {
		if err := bad(&SWAG{}); fault.CodeOf(err) != fault.Input {
			t.Errorf("%v", err)
		}
	}
}
