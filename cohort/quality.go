package cohort

import (
	"fmt"
	"math"
	"slices"

	"github.com/cineloop/cineloop/stats"
)

// Doubt is a reason to look at an item before it is used.
type Doubt struct {
	// unreadable | blank | frozen | too few frames | saturated | uneven frame times | missing slices | uneven slices | tilted gantry |
	// wrong modality | wrong body part | blurred | unlike the others: …
	Rule   string `json:"rule"`
	Reason string `json:"reason"` // with the number that raised it and the limit
}

// Verdict is what the rules say of an item: Reject where it holds no usable picture, else its doubts.
type Verdict struct {
	Facts
	Reject bool    `json:"reject"`
	Doubts []Doubt `json:"doubts,omitempty"`
}

// QualityLimits are the fixed limits; everything else is judged against the cohort itself.
type QualityLimits struct {
	Blank     float64 `yaml:"blank,omitempty" json:"blank"`           // share of frames of one value; default 0.5
	Frozen    float64 `yaml:"frozen,omitempty" json:"frozen"`         // share of frames equal to the one before; default 0.5
	Saturated float64 `yaml:"saturated,omitempty" json:"saturated"`   // share of samples at the largest value; default 0.2
	Irregular float64 `yaml:"irregular,omitempty" json:"irregular"`   // of frame times; default 1 (a gap twice the median)
	MinFrames int     `yaml:"min_frames,omitempty" json:"min_frames"` // default: a tenth of the cohort's median, at least 2 where that has 10
	Outlier   float64 `yaml:"outlier,omitempty" json:"outlier"`       // robust standard deviations; default 6

	Expect *ExpectSpec `yaml:"-" json:"expect,omitempty"` // what the recipe says that items are
}

// Quality judges every item by fixed limits and against the cohort: medians and median absolute deviations of brightness, contrast,
// sharpness, frame size, frame rate, spacing and pixel shape (robust z-scores, Iglewicz and Hoaglin 1993), and the modality and body part that
// almost all have, or that the recipe expects.
func Quality(facts []Facts, limits QualityLimits) []Verdict {
	l := limits.withDefaults(facts)
	out := make([]Verdict, len(facts))
	for i, f := range facts {
		v := &out[i]
		v.Facts = f
		doubt := func(rule, format string, args ...any) {
			v.Doubts = append(v.Doubts, Doubt{rule, fmt.Sprintf(format, args...)})
		}
		if f.Unreadable != "" {
			v.Reject = true
			doubt("unreadable", "%s", f.Unreadable)
			continue
		}
		if f.Blank > l.Blank {
			v.Reject = f.Blank == 1
			doubt("blank", "%.0f %% of frames have one value (limit %.0f %%)", 100*f.Blank, 100*l.Blank)
		}
		if f.Frozen > l.Frozen {
			doubt("frozen", "%.0f %% of frames repeat the one before (limit %.0f %%)", 100*f.Frozen, 100*l.Frozen)
		}
		if f.Saturated > l.Saturated {
			doubt("saturated", "%.0f %% of samples have the largest value (limit %.0f %%)", 100*f.Saturated, 100*l.Saturated)
		}
		if f.Frames < l.MinFrames {
			doubt("too few frames", "%d frames (limit %d)", f.Frames, l.MinFrames)
		}
		if f.Irregular > l.Irregular {
			doubt("uneven frame times", "the largest gap is %.1f times the median", f.Irregular+1)
		}
		stackDoubts(f, doubt)
	}
	kindDoubts(facts, l.Expect, func(i int, rule, reason string) { out[i].Doubts = append(out[i].Doubts, Doubt{rule, reason}) })
	for _, m := range []struct {
		what string
		get  func(Facts) float64
		low  bool // only values that are too low are a reason
	}{
		{"sharpness", func(f Facts) float64 { return math.Log(math.Max(f.Sharpness, 1e-9)) }, true},
		{"brightness", func(f Facts) float64 { return f.Mean }, false},
		{"contrast", func(f Facts) float64 { return f.SD }, false},
		{"height", func(f Facts) float64 { return math.Log(float64(f.Height)) }, false},
		{"width", func(f Facts) float64 { return math.Log(float64(f.Width)) }, false},
		{"frame rate", func(f Facts) float64 { return known(f.RateHz) }, false},
		{"pixel spacing", func(f Facts) float64 { return math.Log(known(f.SpacingMM[1])) }, false},
		{"slice spacing", func(f Facts) float64 { return math.Log(known(f.SpacingMM[0])) }, false},
		{"distance between slices by their thickness", sliceGap, false},
		{"pixel shape", pixelShape, false},
	} {
		z := robustZ(facts, m.get)
		for i, v := range z {
			if v < -l.Outlier || !m.low && v > l.Outlier {
				rule := "unlike the others: " + m.what
				if m.what == "sharpness" {
					rule = "blurred"
				}
				out[i].Doubts = append(out[i].Doubts, Doubt{rule, fmt.Sprintf("%s is %.1f robust standard deviations from the cohort's median (limit %g)", m.what, v, l.Outlier)})
			}
		}
	}
	return out
}

func (l QualityLimits) withDefaults(facts []Facts) QualityLimits {
	set := func(v *float64, d float64) {
		if *v == 0 {
			*v = d
		}
	}
	set(&l.Blank, 0.5)
	set(&l.Frozen, 0.5)
	set(&l.Saturated, 0.2)
	set(&l.Irregular, 1)
	set(&l.Outlier, 6)
	if l.MinFrames == 0 {
		var frames []float64
		for _, f := range facts {
			if f.Unreadable == "" {
				frames = append(frames, float64(f.Frames))
			}
		}
		if m := median(frames); m >= 10 {
			l.MinFrames = max(2, int(m/10))
		}
	}
	return l
}

// known is v, or NaN for 0.
func known(v float64) float64 {
	if v == 0 {
		return math.NaN()
	}
	return v
}

// robustZ is (x − median)/(1.4826·MAD) of readable items; 0 where x is unknown.
func robustZ(facts []Facts, get func(Facts) float64) []float64 {
	x := make([]float64, len(facts))
	var all []float64
	for i, f := range facts {
		if x[i] = math.NaN(); f.Unreadable == "" {
			x[i] = get(f)
		}
		if !math.IsNaN(x[i]) && !math.IsInf(x[i], 0) {
			all = append(all, x[i])
		}
	}
	out := make([]float64, len(facts))
	if len(all) < 10 {
		return out
	}
	m := median(all)
	dev := make([]float64, len(all))
	for i, v := range all {
		dev[i] = math.Abs(v - m)
	}
	scale, least := 1.4826*median(dev), 0.0
	if scale == 0 { // most items are alike to the last digit: the mean deviation takes over, and small differences do not count
		scale, least = 1.2533*mean(dev), 0.2
	}
	for i, v := range x {
		if scale > 0 && !math.IsNaN(v) && math.Abs(v-m) >= least {
			out[i] = (v - m) / scale
		}
	}
	return out
}

func mean(x []float64) (m float64) {
	for _, v := range x {
		m += v / float64(len(x))
	}
	return m
}

// median is NaN for nothing.
func median(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	s := slices.Clone(x)
	slices.Sort(s)
	return stats.Quantile(s, 0.5)
}
