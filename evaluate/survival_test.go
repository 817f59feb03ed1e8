package evaluate

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// followed are predictions of a time-to-event target: people with hazard exp(x), the true curves as scores.
func followed(n int) *Predictions {
	rng := stats.Seed(3).Stream("followed")
	t := Target{Name: "death", Kind: TimeToEvent, Unit: "years", Cuts: []float64{0, 0.5, 1, 2.5}}
	p := &Predictions{Targets: []Target{t}, Truth: map[string][][]float64{}, Score: map[string][][]float64{}}
	for i := range n {
		h := math.Exp(rng.NormFloat64())
		u, c, event := rng.ExpFloat64()/h, 4*rng.Float64(), 1.0
		if c < u {
			u, event = c, 0
		}
		var s []float64
		for _, v := range t.Cuts {
			s = append(s, math.Exp(-v*h))
		}
		p.Item = append(p.Item, fmt.Sprint("i", i))
		p.Patient = append(p.Patient, fmt.Sprint("p", i/2))
		p.Split = append(p.Split, []string{"train", "test"}[i%2])
		p.Fold = append(p.Fold, 0)
		p.Truth[t.Name] = append(p.Truth[t.Name], []float64{u, event})
		p.Score[t.Name] = append(p.Score[t.Name], s)
	}
	p.Truth[t.Name][1] = []float64{math.NaN(), math.NaN()}
	return p
}

func TestTimeToEvent(t *testing.T) {
	p := followed(400)
	r, err := Evaluate(t.Context(), p, Options{Resamples: 60})
	if err != nil {
		t.Fatal(err)
	}
	d := r.Targets["death"]
	if d.N != 199 || d.MissingTruth != 1 || d.Baseline.Method != "kaplan-meier" || len(d.Baseline.Values) != 4 || d.Baseline.Values[0] != 1 {
		t.Errorf("report %+v", d)
	}
	c := d.Metrics["c_td"]
	if !(c.Value > 0.65 && c.Low < c.Value && c.Value < c.High) || c.Baseline == nil || math.Abs(float64(*c.Baseline)-0.5) > 1e-9 {
		t.Errorf("c_td %+v: one curve for all orders nobody", c)
	}
	for _, m := range []string{"ibs", "brier_median"} {
		if v := d.Metrics[m]; !(v.Value > 0 && v.Baseline != nil && float64(v.Value) < float64(*v.Baseline)) {
			t.Errorf("%s %+v: the truth beats one curve for all", m, v)
		}
	}
	if v := d.Metrics["ibll"]; !(v.Value < 0 && float64(v.Value) > float64(*v.Baseline)) {
		t.Errorf("ibll %+v", v)
	}
}

// The file gives back the same table, also when its targets are guessed from the header.
func TestTimeToEventCSV(t *testing.T) {
	p := followed(20)
	var b bytes.Buffer
	if err := p.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	for _, targets := range [][]Target{nil, p.Targets} {
		q, err := ReadCSV(bytes.NewReader(b.Bytes()), targets)
		if err != nil {
			t.Fatal(err)
		}
		if got := q.Targets[0]; got.Kind != TimeToEvent || !slices.Equal(got.Cuts, p.Targets[0].Cuts) {
			t.Errorf("target %+v", got)
		}
		for i := range p.Item {
			if !slices.Equal(q.Score["death"][i], p.Score["death"][i]) || i != 1 && !slices.Equal(q.Truth["death"][i], p.Truth["death"][i]) {
				t.Fatalf("row %d differs", i)
			}
		}
	}
}

func TestTimeToEventRefuses(t *testing.T) {
	for name, spoil := range map[string]func(p *Predictions){
		"negative time": func(p *Predictions) { p.Truth["death"][0][0] = -1 },
		"half an event": func(p *Predictions) { p.Truth["death"][0][1] = 0.5 },
		"one truth":     func(p *Predictions) { p.Truth["death"][0] = []float64{1} },
		"probability 2": func(p *Predictions) { p.Score["death"][0][1] = 2 },
		"one cut":       func(p *Predictions) { p.Targets[0].Cuts = []float64{0} },
	} {
		p := followed(10)
		spoil(p)
		if err := p.Validate(); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Nobody with an event: undefined, with a reason, not a number.
	p := followed(10)
	for i := range p.Truth["death"] {
		p.Truth["death"][i][1] = 0
	}
	if _, _, err := Metric("c_td", p.Targets[0], p.Truth["death"], p.Score["death"]); err == nil {
		t.Error("no event and yet a concordance")
	}
}
