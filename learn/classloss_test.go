package learn

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/torch"
)

func lossOf(t *testing.T, e *torch.Engine, h head, spec TrainSpec, out []float32, truth ...[]float64) float64 {
	t.Helper()
	h.Name, h.Weight, h.SD = "y", 1, 1
	l, err := newLosses(e, []head{h}, spec)
	if err != nil {
		t.Fatal(err)
	}
	var rows []cohort.Row
	for _, v := range truth {
		rows = append(rows, cohort.Row{Truth: map[string][]float64{"y": v}})
	}
	x := e.FromFloat32(out, int64(len(rows)), int64(len(out)/len(rows))).SetRequiresGrad(true)
	loss := l.total([]*torch.Tensor{x}, rows)
	e.Backward(loss)
	for _, g := range x.Grad().Float32s() {
		if g != g {
			t.Errorf("a gradient is no number")
		}
	}
	return loss.Item()
}

func classHead(k int, weights ...float64) head {
	h := head{ClassWeights: weights}
	h.Kind = evaluate.Class
	h.Classes = make([]string, k)
	return h
}

// TestClassLossesByHand: three classes with p = (½, ¼, ¼) from logits (ln 2, 0, 0).
func TestClassLossesByHand(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		ln2 := float32(math.Ln2)
		p := []float32{ln2, 0, 0}
		binary := head{}
		binary.Kind = evaluate.Binary
		weighted := binary
		weighted.ClassWeights = []float64{0.5, 4}
		nan := math.NaN()
		for name, c := range map[string]struct{ got, want float64 }{
			"focal, γ 2":         {lossOf(t, e, classHead(3), TrainSpec{ClassLoss: "focal"}, p, []float64{0}), 0.25 * math.Ln2},
			"focal, γ 1":         {lossOf(t, e, classHead(3), TrainSpec{ClassLoss: "focal", FocalGamma: 1}, p, []float64{1}), 0.75 * math.Log(4)},
			"weights":            {lossOf(t, e, classHead(3, 3, 1, 1), TrainSpec{}, p, []float64{0}), 3 * math.Ln2},
			"weights, smoothed":  {lossOf(t, e, classHead(3, 1, 1, 1), TrainSpec{LabelSmoothing: 0.3}, p, []float64{0}), 0.8*math.Ln2 + 0.2*math.Log(4)},
			"plain, smoothed":    {lossOf(t, e, classHead(3), TrainSpec{LabelSmoothing: 0.3}, p, []float64{0}), 0.8*math.Ln2 + 0.2*math.Log(4)},
			"ordinal, beside":    {lossOf(t, e, classHead(3), TrainSpec{ClassLoss: "ordinal"}, p, []float64{1}), 0.25 + 1.0/16},
			"ordinal, far":       {lossOf(t, e, classHead(3), TrainSpec{ClassLoss: "ordinal"}, p, []float64{2}), 0.25 + 9.0/16},
			"missing":            {lossOf(t, e, classHead(3), TrainSpec{ClassLoss: "focal"}, append(p, 9, 9, 9), []float64{0}, []float64{nan}), 0.25 * math.Ln2},
			"binary focal":       {lossOf(t, e, binary, TrainSpec{ClassLoss: "focal"}, []float32{float32(math.Log(3))}, []float64{1}), -math.Log(0.75) / 16},
			"binary focal, no":   {lossOf(t, e, binary, TrainSpec{ClassLoss: "focal"}, []float32{float32(math.Log(3))}, []float64{0}), -math.Log(0.25) * 9 / 16},
			"binary, weights":    {lossOf(t, e, weighted, TrainSpec{}, []float32{0, 0}, []float64{1}, []float64{0}), (4*math.Ln2 + 0.5*math.Ln2) / 2},
			"binary, huge logit": {lossOf(t, e, binary, TrainSpec{ClassLoss: "focal"}, []float32{200}, []float64{1}), 0},
		} {
			if math.Abs(c.got-c.want) > 1e-5 {
				t.Errorf("%s: %.6f, want %.6f", name, c.got, c.want)
			}
		}
	})
}

// TestWeighClasses: 6, 2 and 0 rows of three classes: 8/(2·6), 8/(2·2) and 0, whose mean over the rows is 1.
func TestWeighClasses(t *testing.T) {
	h := classHead(3)
	h.Name = "y"
	var rows []cohort.Row
	for _, v := range []float64{0, 0, 0, 0, 0, 0, 1, 1, math.NaN(), 2} {
		rows = append(rows, cohort.Row{Truth: map[string][]float64{"y": {v}}})
	}
	heads := []head{h, {}}
	heads[1].Kind = evaluate.Regression
	weighClasses(heads, rows, []int{0, 1, 2, 3, 4, 5, 6, 7, 8})
	if d := cmp.Diff([]float64{2.0 / 3, 2, 0}, heads[0].ClassWeights); d != "" || heads[1].ClassWeights != nil {
		t.Errorf("%s %v", d, heads[1].ClassWeights)
	}
}

func TestClassLossErrors(t *testing.T) {
	for _, s := range []TrainSpec{{ClassLoss: "hinge"}, {FocalGamma: -1}, {Mixup: -1}, {RegressionLoss: "cauchy"}} {
		if _, err := newLosses(nil, nil, s); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%+v: %v", s, err)
		}
	}
}

// TestTrainsWithEveryLoss: a short training with mixing, class weights and the losses of this file ends, and predicts.
func TestTrainsWithEveryLoss(t *testing.T) {
	needEngine(t)
	dir := toyClips(t, 16)
	p := toyPlan(dir)
	p.Train.Epochs, p.Train.ClassLoss, p.Train.ClassWeights, p.Train.Mixup, p.Train.Cutmix = 1, "focal", true, 0.4, 1
	p.Train.PerPatient = 2
	p.Input.Working = true
	c := loadToy(t, p)
	out := t.TempDir()
	if r := train(t, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: out}); r.Stopped != "finished" || r.Steps != 4 {
		t.Errorf("%+v", r)
	}
}
