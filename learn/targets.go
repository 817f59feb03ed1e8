package learn

import (
	"math"
	"slices"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/uncertainty"
)

// head is a target as the network sees it. It is kept in the checkpoint, because scores mean nothing without it.
type head struct {
	evaluate.Target
	Weight float64 `json:"weight"` // of the loss
	Mean   float64 `json:"mean"`   // of the training rows, regression: the network learns (truth − Mean) / SD
	SD     float64 `json:"sd"`
	// Offset of a time-to-event head: log odds of the training rows' hazard at each cut. The network learns what to add, so that an
	// untrained one predicts about the Kaplan–Meier curve of everybody.
	Offset []float64 `json:"offset,omitempty"`
	// Method of a time-to-event head; empty: logistic hazard. Base is the baseline hazard of Cox and Cox-Time.
	Method string      `json:"method,omitempty"`
	Base   *baseHazard `json:"base,omitempty"`
	// What the outputs are where they are not a score each: see uncertainhead.go.
	Evidence *uncertainty.Evidential `json:"evidence,omitempty"`
	Law      string                  `json:"law,omitempty"`
	Strength float64                 `json:"strength,omitempty"` // beta of heteroscedastic, penalty of evidential
	Levels   []float64               `json:"levels,omitempty"`   // of quantile
}

// newHeads reads the targets of a cohort; mean and SD come from the training rows alone.
func newHeads(targets []cohort.TargetSpec, rows []cohort.Row, train []int) ([]head, error) {
	if len(targets) == 0 {
		return nil, fault.New(fault.Usage, "the plan has no target").WithHint("name one under data.targets")
	}
	var heads []head
	for _, t := range targets {
		h := head{
			Target: evaluate.Target{Name: t.Name, Kind: evaluate.Kind(t.Kind), Classes: t.Classes, Unit: t.Unit, Cuts: t.Cuts},
			Weight: t.Weight, Method: t.Method,
			SD: 1,
		}
		if h.Weight == 0 {
			h.Weight = 1
		}
		var seen []float64
		for _, i := range train {
			for _, v := range rows[i].Truth[t.Name] {
				if !math.IsNaN(v) {
					seen = append(seen, v)
				}
			}
		}
		if len(seen) == 0 {
			return nil, fault.New(fault.Input, "target %q has no value in any training row", t.Name)
		}
		if h.Kind == evaluate.TimeToEvent && (h.Method == "" || h.Method == cohort.LogisticHazard) {
			h.Offset = hazardOffsets(h, rows, train)
		}
		if h.Kind == evaluate.Regression {
			slices.Sort(seen) // so that the sums' last bits do not depend on the table's order
			h.Mean, h.SD = meanSD(seen)
			if h.SD == 0 {
				h.SD = 1
			}
		}
		heads = append(heads, h)
	}
	return heads, nil
}

// meanSD is the mean and the population standard deviation, in two passes.
func meanSD(v []float64) (mean, sd float64) {
	for _, x := range v {
		mean += x
	}
	mean /= float64(len(v))
	for _, x := range v {
		sd += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(sd / float64(len(v)))
}

// truths lays the truth of a batch out for the loss: value[row*width+j], and 1 in present where it is known. Class targets have one
// index a row. Missing values are 0 in value.
func (h head) truths(rows []cohort.Row) (value, present []float32, count int) {
	width := 1
	if h.Kind == evaluate.MultiLabel {
		width = h.Width()
	}
	value, present = make([]float32, len(rows)*width), make([]float32, len(rows)*width)
	for i, r := range rows {
		for j, v := range r.Truth[h.Name] {
			if math.IsNaN(v) {
				continue
			}
			if h.Kind == evaluate.Regression {
				v = (v - h.Mean) / h.SD
			}
			value[i*width+j], present[i*width+j] = float32(v), 1
			count++
		}
	}
	return value, present, count
}

// decode turns a row's raw outputs into scores: probabilities, or the value in the target's unit. raw is overwritten.
func (h head) decode(raw []float64) []float64 {
	if h.belief() {
		return h.scoreOf(raw)
	}
	switch h.Kind {
	case evaluate.Regression:
		raw[0] = raw[0]*h.SD + h.Mean
	case evaluate.TimeToEvent:
		return h.survivalScores(raw)
	case evaluate.Class:
		top := math.Inf(-1)
		for _, v := range raw {
			top = math.Max(top, v)
		}
		var sum float64
		for i, v := range raw {
			raw[i] = math.Exp(v - top)
			sum += raw[i]
		}
		for i := range raw {
			raw[i] /= sum
		}
	default:
		for i, v := range raw {
			raw[i] = 1 / (1 + math.Exp(-v))
		}
	}
	return raw
}
