package cohort

import (
	"cmp"
	"math"
	"slices"
)

// add fills everything that the looks tell. They come in the order of the rows' keys, so sums are the same every time.
func (f *Fingerprint) add(looks []look) {
	f.Sampled = len(looks)
	var frames, height, width, bytes, rate, duration, slice, row, column []float64
	known := func(list *[]float64, v float64) {
		if v > 0 {
			*list = append(*list, v)
		}
	}
	for _, l := range looks {
		c := l.clip
		f.Formats[c.Source.Format]++
		f.DTypes[c.DType.String()]++
		f.Photometric[string(c.Photometric)]++
		f.Channels[c.C]++
		frames = append(frames, float64(c.T))
		height = append(height, float64(c.H))
		width = append(width, float64(c.W))
		bytes = append(bytes, float64(l.size))
		known(&rate, c.FrameRate())
		if n := len(c.TimesMS); n > 1 {
			known(&duration, c.TimesMS[n-1]-c.TimesMS[0])
		}
		known(&slice, c.Spacing.Slice)
		known(&row, c.Spacing.Row)
		known(&column, c.Spacing.Column)
	}
	f.Frames, f.Height, f.Width, f.Bytes = distribution(frames), distribution(height), distribution(width), distribution(bytes)
	f.FrameRate, f.DurationMS = maybe(rate), maybe(duration)
	f.SliceMM, f.RowMM, f.ColumnMM = maybe(slice), maybe(row), maybe(column)
	f.Intensity = intensity(looks)
}

func intensity(looks []look) Intensity {
	var all, means, sds []float64
	out := Intensity{TwoValued: true}
	for _, l := range looks {
		if len(l.vals) == 0 {
			continue
		}
		d := distribution(l.vals)
		means, sds = append(means, d.Mean), append(sds, d.SD)
		least, _ := slices.BinarySearchFunc(l.vals, l.vals[0], func(v, t float64) int {
			if v > t {
				return 1
			}
			return -1
		})
		out.Background += float64(least) / float64(len(l.vals))
		if len(slices.Compact(slices.Clone(l.vals))) > 2 {
			out.TwoValued = false
		}
		all = append(all, l.vals...)
	}
	if len(all) == 0 {
		return Intensity{}
	}
	out.Distribution = distribution(all)
	slices.Sort(all)
	out.Low, out.High = rankValue(all, 0.005), rankValue(all, 0.995)
	out.Background /= float64(len(means))
	out.CaseMean, out.CaseSD = distribution(means), distribution(sds)
	return out
}

// distribution describes v, which it does not change.
func distribution(v []float64) Distribution {
	if len(v) == 0 {
		return Distribution{}
	}
	s := slices.Clone(v)
	slices.Sort(s)
	sum := 0.0
	for _, x := range s {
		sum += x / float64(len(s))
	}
	square := 0.0
	for _, x := range s {
		square += (x - sum) * (x - sum) / float64(len(s))
	}
	return Distribution{N: len(s), Min: s[0], P5: rankValue(s, 0.05), Median: rankValue(s, 0.5), P95: rankValue(s, 0.95), Max: s[len(s)-1],
		Mean: sum, SD: math.Sqrt(min(square, math.MaxFloat64))}
}

func maybe(v []float64) *Distribution {
	if len(v) == 0 {
		return nil
	}
	d := distribution(v)
	return &d
}

// rankValue is the p-quantile of ascending values by the nearest rank: the smallest value that at least a share p does not exceed.
func rankValue(sorted []float64, p float64) float64 {
	i := int(math.Ceil(p*float64(len(sorted)))) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}

// summarise counts a target's truth among rows.
func (c *Cohort) summarise(t TargetSpec, rows []int) TargetSummary {
	s := TargetSummary{Name: t.Name, Kind: t.Kind, Unit: t.Unit}
	var values []float64
	for _, i := range rows {
		r := c.Rows[i]
		if slices.ContainsFunc(r.Truth[t.Name], math.IsNaN) {
			s.Missing++
			continue
		}
		s.Known++
		values = append(values, r.Truth[t.Name][0])
	}
	at := func(k int) func(i int) (string, bool) {
		return func(i int) (string, bool) {
			v := c.Rows[i].Truth[t.Name][k]
			if math.IsNaN(v) {
				return "", false
			}
			if t.Kind == Class {
				return t.Classes[int(v)], true
			}
			return []string{"0", "1"}[int(v)], true
		}
	}
	switch t.Kind {
	case Regression:
		s.Values = maybe(values)
	case TimeToEvent:
		s.Values, s.Cuts = maybe(values), t.Cuts
		s.Classes = c.count(rows, at(1), []string{"0", "1"})
	case Binary:
		s.Classes = c.count(rows, at(0), []string{"0", "1"})
	case Class:
		s.Classes = c.count(rows, at(0), t.Classes)
	case MultiLabel:
		for k, name := range t.Classes {
			positive := c.count(rows, at(k), []string{"0", "1"})[1]
			positive.Name = name
			s.Classes = append(s.Classes, positive)
		}
	}
	return s
}

// count counts rows and their patients by the name that of gives; those without one are left out. Names come in the order given, else
// sorted with the empty one last.
func (c *Cohort) count(rows []int, of func(row int) (name string, ok bool), names []string) []Count {
	named := map[string][]int{}
	for _, i := range rows {
		if name, ok := of(i); ok {
			named[name] = append(named[name], i)
		}
	}
	if names == nil {
		for name := range named {
			names = append(names, name)
		}
		slices.SortFunc(names, func(a, b string) int {
			if (a == "") != (b == "") {
				return len(b) - len(a)
			}
			return cmp.Compare(a, b)
		})
	}
	var out []Count
	for _, name := range names {
		out = append(out, Count{name, len(named[name]), c.Patients(named[name])})
	}
	return out
}
