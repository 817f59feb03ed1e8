package evaluate

import (
	"context"
	"fmt"
	"math"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// MaskTable is what became of masks, a row an item and class: the content of masks.csv.
type MaskTable struct {
	Target  string
	Classes []string // of the values 1, 2, …
	Unit    string   // of distances: mm, or px where spacing is unknown
	Item    []string
	Patient []string
	Split   []string
	Score   [][]MaskScore // item -> class (the first is value 1); nil where the item has no true mask
}

// MaskReport is how well a mask target is predicted: for each class the mean over items of each measure, with intervals by resampling
// patients.
type MaskReport struct {
	Unit      string                  `json:"unit"`      // of hd95
	Tolerance float64                 `json:"tolerance"` // of nsd, same unit
	N         int                     `json:"n"`         // items with a true mask
	Patients  int                     `json:"patients"`
	PerClass  map[string]*ClassReport `json:"per_class"`
	Metrics   map[string]Measure      `json:"metrics"` // dice: the mean over classes
}

// maskMeasures are the measures of a class, in the order of reports.
var maskMeasures = []struct {
	name  string
	lower bool
	of    func(MaskScore) float64
}{
	{"dice", false, func(s MaskScore) float64 { return s.Dice }},
	{"hd95", true, func(s MaskScore) float64 { return s.HD95 }},
	{"nsd", false, func(s MaskScore) float64 { return s.NSD }},
	{"volume_error_percent", true, func(s MaskScore) float64 { return math.Abs(s.VolumeError) }},
}

// EvaluateMasks judges the items of o.Split. Besides each measure's mean over items there is dice_patient: the Dice coefficient of all voxels of a
// patient's items together, mean over patients, which does not hang on slices with a few pixels.
func EvaluateMasks(ctx context.Context, t *MaskTable, tolerance float64, o Options) (*MaskReport, error) {
	o, err := o.filled()
	if err != nil {
		return nil, err
	}
	var rows []int
	var keys []string
	for i := range t.Item {
		if t.Split[i] == o.Split && t.Score[i] != nil {
			rows, keys = append(rows, i), append(keys, t.Patient[i])
		}
	}
	r := &MaskReport{Unit: t.Unit, Tolerance: tolerance, N: len(rows), PerClass: map[string]*ClassReport{}, Metrics: map[string]Measure{}}
	if len(rows) == 0 {
		return r, nil
	}
	clusters := stats.Clusters(keys)
	r.Patients = len(clusters)
	per := len(maskMeasures) + 1
	k := per*len(t.Classes) + 1
	pooled := make([][]float64, len(t.Classes)) // of each cluster
	for c := range t.Classes {
		for _, members := range clusters {
			var both, either float64
			for _, j := range members {
				s := t.Score[rows[j]][c]
				both, either = both+s.Both, either+s.True+s.Predicted
			}
			pooled[c] = append(pooled[c], 2*both/either) // NaN where the class is in neither mask
		}
	}
	stat := func(w, out []float64) {
		var sum, count float64
		for c := range t.Classes {
			for m, measure := range maskMeasures {
				out[c*per+m] = weighted(len(rows), func(j int) (float64, float64) { return measure.of(t.Score[rows[j]][c]), w[j] })
			}
			out[c*per+per-1] = weighted(len(clusters), func(j int) (float64, float64) { return pooled[c][j], w[clusters[j][0]] })
			if d := out[c*per]; !math.IsNaN(d) {
				sum, count = sum+d, count+1
			}
		}
		out[k-1] = sum / count
	}
	b := stats.Bootstrap{Resamples: o.Resamples, Level: o.Level, Seed: o.Seed, Name: "masks/" + t.Target, BCa: len(clusters) <= bcaPatients}
	d, err := b.Run(ctx, clusters, len(rows), k, stat)
	if err != nil {
		return nil, fmt.Errorf("intervals of masks: %w", err)
	}
	measured := func(j int, lower bool) Measure {
		v := d.Interval(j)
		m := Measure{Value: Number(d.Point[j]), Low: Number(v.Low), High: Number(v.High), Level: o.Level, Better: "higher"}
		if lower {
			m.Better = "lower"
		}
		switch {
		case !m.Value.Defined():
			m.Reason = "undefined: no item has the class in both masks"
		case !v.Defined():
			m.Reason = "no interval: every resample gives the same value, or too few define one"
		default:
			m.Method = v.Method
		}
		return m
	}
	for c, name := range t.Classes {
		cr := &ClassReport{Metrics: map[string]Measure{}}
		for _, i := range rows {
			if t.Score[i][c].True > 0 {
				cr.N++
			}
		}
		for m, measure := range maskMeasures {
			cr.Metrics[measure.name] = measured(c*per+m, measure.lower)
		}
		cr.Metrics["dice_patient"] = measured(c*per+per-1, false)
		r.PerClass[name] = cr
	}
	r.Metrics["dice"] = measured(k-1, false)
	return r, nil
}

// weighted is the mean of the defined values.
func weighted(n int, at func(int) (value, weight float64)) float64 {
	var sum, total float64
	for j := range n {
		if v, w := at(j); w > 0 && !math.IsNaN(v) {
			sum, total = sum+w*v, total+w
		}
	}
	return sum / total
}

// Append joins two tables of one target.
func (t *MaskTable) Append(o *MaskTable) error {
	if t.Target != o.Target || len(t.Classes) != len(o.Classes) {
		return fault.New(fault.Internal, "masks of two targets in one table")
	}
	if t.Unit == "" {
		t.Unit = o.Unit
	}
	t.Item, t.Patient, t.Split, t.Score = append(t.Item, o.Item...), append(t.Patient, o.Patient...), append(t.Split, o.Split...), append(t.Score, o.Score...)
	return nil
}
