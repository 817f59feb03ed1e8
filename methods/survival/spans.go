package survival

import (
	"math"
	"slices"
)

// Spans say where on a grid of cuts each person's event lies when it is not seen exactly: in one of the intervals From to To, both counted
// in, of which interval k ends at cut k and number K lies beyond the last cut. An event seen is From = To, right censoring From to K,
// interval censoring anything between. Entry is the last cut that a person is known to have survived before being watched (left
// truncation), −1 for people watched from the start: the likelihood is conditional on it.
type Spans struct {
	From, To, Entry []int
	K               int
}

// Spans maps labels with Upper and Entry to cuts, as [Cuts.Discrete] maps those without: an end of an interval, like an event, to the first
// cut at or after it; a start, like a censoring, to the last cut at or before it.
func (c Cuts) Spans(l Labels) Spans {
	k := len(c)
	s := Spans{K: k}
	index, event := c.Discrete(l)
	last := func(t float64) int {
		at, exact := slices.BinarySearch(c, t)
		if !exact {
			at--
		}
		return max(at, 0)
	}
	for i, t := range l.Time {
		from, to := index[i]+1, k
		if event[i] != 0 {
			from, to = index[i], index[i]
		}
		if l.Upper != nil && l.Upper[i] > t {
			from, to = last(t)+1, k
			if l.Upper[i] <= c[k-1] {
				to, _ = slices.BinarySearch(c, l.Upper[i])
				from = min(from, to) // both ends between the same cuts
			}
		} else if l.Upper != nil && t <= c[k-1] { // seen exactly
			from, _ = slices.BinarySearch(c, t)
			to = from
		}
		entry := -1
		if l.Entry != nil && l.Entry[i] > 0 {
			entry = min(last(l.Entry[i]), from-1)
		}
		s.From, s.To, s.Entry = append(s.From, from), append(s.To, to), append(s.Entry, entry)
	}
	return s
}

// LogisticHazardSpanLoss is [LogisticHazardLoss] for events that lie in spans: −log of (S(From−1) − S(To)) / S(Entry), phi [N, K]. With events
// seen or right censored and nobody entering late it is the same loss.
func LogisticHazardSpanLoss(phi []float64, s Spans) Loss {
	n, k := len(s.From), s.K
	out := meanLoss(len(phi), n, float64(n))
	for i := range n {
		row, grad := phi[i*k:(i+1)*k], out.Grad[i*k:(i+1)*k]
		loss := 0.0
		for j := s.Entry[i] + 1; j < s.From[i]; j++ { // survived: −log(1 − hazard)
			v, slope := softplus(row[j])
			loss += v
			grad[j] = slope / float64(n)
		}
		if s.To[i] < k {
			out.Events++
			h := 0.0 // −log of surviving the span
			for j := s.From[i]; j <= s.To[i]; j++ {
				v, _ := softplus(row[j])
				h += v
			}
			if s.From[i] == s.To[i] { // exactly log σ(φ), also where h underflows
				v, slope := softplus(-row[s.From[i]])
				loss += v
				grad[s.From[i]] = -slope / float64(n)
			} else {
				h = math.Max(h, 1e-300)
				loss -= math.Log(-math.Expm1(-h))
				for j := s.From[i]; j <= s.To[i]; j++ {
					_, slope := softplus(row[j])
					grad[j] = -slope / math.Expm1(h) / float64(n)
				}
			}
		}
		out.Each[i] = loss
	}
	return out.mean()
}

// PMFSpanLoss is [PMFLoss] for events that lie in spans, without the ε of that loss: −log of the mass of From to To over that after Entry,
// phi [N, K] and a zero for what lies beyond.
func PMFSpanLoss(phi []float64, s Spans) Loss {
	n, k := len(s.From), s.K
	out := meanLoss(len(phi), n, float64(n))
	padded, mass := make([]float64, k+1), make([]float64, k+1)
	for i := range n {
		copy(padded, phi[i*k:(i+1)*k])
		padded[k] = 0
		grad := out.Grad[i*k : (i+1)*k]
		add := func(lo, hi int, sign float64) { // sign × log Σ e^φ over [lo, hi]
			top := slices.Max(padded[lo : hi+1])
			sum := 0.0
			for j := lo; j <= hi; j++ {
				mass[j] = math.Exp(padded[j] - top)
				sum += mass[j]
			}
			out.Each[i] += sign * (top + math.Log(sum))
			for j := lo; j <= min(hi, k-1); j++ {
				grad[j] += sign * mass[j] / sum / float64(n)
			}
		}
		add(s.Entry[i]+1, k, 1)
		add(s.From[i], s.To[i], -1)
		if s.To[i] < k {
			out.Events++
		}
	}
	return out.mean()
}

// MTLRSpanLoss is [PMFSpanLoss] of phi summed from the right.
func MTLRSpanLoss(phi []float64, s Spans) Loss {
	out := PMFSpanLoss(reverseCumsum(phi, s.K), s)
	for lo := 0; lo < len(phi); lo += s.K {
		for j := lo + 1; j < lo+s.K; j++ {
			out.Grad[j] += out.Grad[j-1]
		}
	}
	return out
}

// PCHazardSpanLoss is [PCHazardLoss] for labels with Upper and Entry, in their own time: the hazard softplus(phi) an interval's length is
// constant between cuts, so that the likelihoods of interval censoring, S(Time) − S(Upper), and of late entry, over S(Entry), need no
// grid. phi [N, K−1] for K cuts. A person censored at or before the first cut has a loss of 0.
func PCHazardSpanLoss(phi []float64, cuts Cuts, l Labels) Loss {
	n, k := l.Len(), len(cuts)-1
	out := meanLoss(len(phi), n, float64(n))
	for i := range n {
		row, grad := phi[i*k:(i+1)*k], out.Grad[i*k:(i+1)*k]
		scale := 1 / float64(n)
		// hazard is the cumulative hazard from a to b; with by, by times its gradient is added.
		hazard := func(a, b, by float64) float64 {
			sum := 0.0
			for j := range k {
				part := (math.Min(b, cuts[j+1]) - math.Max(a, cuts[j])) / (cuts[j+1] - cuts[j])
				if part <= 0 {
					continue
				}
				v, slope := softplus(row[j])
				sum += part * v
				grad[j] += by * part * slope
			}
			return sum
		}
		entry := 0.0
		if l.Entry != nil {
			entry = l.Entry[i]
		}
		out.Each[i] = hazard(entry, l.Time[i], scale)
		upper := math.Inf(1)
		exact := l.Event[i] != 0
		if l.Upper != nil {
			upper = l.Upper[i]
			exact = upper == l.Time[i]
		}
		switch last := cuts[k]; {
		case exact && l.Time[i] <= last && l.Time[i] > 0:
			out.Events++
			at, _ := slices.BinarySearch(cuts, l.Time[i])
			v, slope := softplus(row[at-1])
			if v > 1e-300 {
				out.Each[i] -= math.Log(v)
				grad[at-1] -= scale * slope / v
			} else { // log softplus(x) → x far to the left
				out.Each[i] -= row[at-1]
				grad[at-1] -= scale
			}
		case !exact && upper <= last:
			out.Events++
			h := math.Max(hazard(l.Time[i], upper, 0), 1e-300)
			out.Each[i] -= math.Log(-math.Expm1(-h))
			hazard(l.Time[i], upper, -scale/math.Expm1(h))
		}
	}
	return out.mean()
}
