package survival

import (
	"math"
	"slices"
)

// Ties says how events at one time share their risk set.
type Ties int

const (
	// Efron averages over the orders in which tied events may have happened (Efron 1977), R's default.
	Efron Ties = iota
	// Breslow gives every tied event the full risk set (Breslow 1974).
	Breslow
)

func (t Ties) String() string {
	if t == Breslow {
		return "breslow"
	}
	return "efron"
}

// CoxLoss is the negative log partial likelihood of log hazard ratios logH [N], divided by the number of events (Cox 1972; DeepSurv of
// Katzman et al. 2018). Risk sets are true ones: everybody with a time at least the event's, within the stratum, who had entered.
// Strata are any codes; nil is one stratum. Without an event the loss and its gradient are zero.
func CoxLoss(logH []float64, l Labels, ties Ties, strata []int) Loss {
	n := len(logH)
	out := noLoss(n)
	if strata == nil {
		out.add(logH, l, ties, allRows(n))
	} else {
		groups := map[int][]int{}
		var codes []int
		for i, s := range strata {
			if groups[s] == nil {
				codes = append(codes, s)
			}
			groups[s] = append(groups[s], i)
		}
		slices.Sort(codes)
		for _, s := range codes {
			out.add(logH, l, ties, groups[s])
		}
	}
	return out.perEvent()
}

func (o Loss) perEvent() Loss {
	if o.Events == 0 {
		return noLoss(len(o.Grad))
	}
	o.Value /= float64(o.Events)
	for i := range o.Grad {
		o.Grad[i] /= float64(o.Events)
	}
	return o
}

func allRows(n int) []int {
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	return rows
}

// add accumulates one stratum's sum over events, from the last time to the first. Hazards are kept relative to a running maximum, so
// that no logH can overflow.
func (o *Loss) add(logH []float64, l Labels, ties Ties, rows []int) {
	order := slices.Clone(rows)
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case l.Time[a] > l.Time[b]:
			return -1
		case l.Time[a] < l.Time[b]:
			return 1
		}
		return 0
	})
	var entries []int // by entry, latest first: they leave the risk set as time goes back
	if l.Entry != nil {
		entries = slices.Clone(rows)
		slices.SortStableFunc(entries, func(a, b int) int {
			switch {
			case l.Entry[a] > l.Entry[b]:
				return -1
			case l.Entry[a] < l.Entry[b]:
				return 1
			}
			return 0
		})
	}
	top := math.Inf(-1)
	for _, i := range rows {
		top = math.Max(top, logH[i])
	}
	// Gradient of row j: h_j × Σ over event times at which j is at risk of Σ_l w, less what tied events' own share takes back.
	type eventTime struct {
		start, end int     // in order
		first      float64 // Σ_l 1/(R − l/d D)
		second     float64 // Σ_l (l/d)/(R − l/d D)
	}
	var times []eventTime
	h := func(i int) float64 { return math.Exp(logH[i] - top) }
	var risk float64
	lastEntry := 0
	present := make([]bool, len(logH))
	for lo := 0; lo < len(order); {
		hi := lo
		t := l.Time[order[lo]]
		for hi < len(order) && l.Time[order[hi]] == t {
			risk += h(order[hi])
			present[order[hi]] = true
			hi++
		}
		removed := false
		for lastEntry < len(entries) && l.Entry[entries[lastEntry]] >= t {
			if j := entries[lastEntry]; present[j] {
				present[j] = false
				removed = true
			}
			lastEntry++
		}
		if removed { // summed anew: subtraction would leave rounding of the larger sum
			risk = 0
			for _, j := range order[:hi] {
				if present[j] {
					risk += h(j)
				}
			}
		}
		var tied float64
		d := 0
		for _, i := range order[lo:hi] {
			if l.Event[i] != 0 {
				d++
				tied += h(i)
				o.Value -= logH[i]
				o.Grad[i]--
			}
		}
		if d > 0 {
			o.Events += d
			et := eventTime{start: lo, end: hi}
			for k := range d {
				share := 0.0
				if ties == Efron {
					share = float64(k) / float64(d)
				}
				left := risk - share*tied
				if left < 1e-8*risk || risk < 1e-280 { // far below the running scale: sum what is left exactly, on its own scale
					left = exactLeft(logH, order[:hi], present, l, t, share, top)
				}
				o.Value += math.Log(left) + top
				et.first += 1 / left
				et.second += share / left
			}
			times = append(times, et)
		}
		lo = hi
	}
	// Going forward in time from the first event, the total that a person collects ends at their own time.
	total := 0.0
	at := len(times) - 1
	var first, when []float64 // of event times so far, ascending
	for hi := len(order); hi > 0; {
		lo := hi - 1
		t := l.Time[order[lo]]
		for lo > 0 && l.Time[order[lo-1]] == t {
			lo--
		}
		second := 0.0
		if at >= 0 && times[at].start == lo {
			total += times[at].first
			second = times[at].second
			at--
			first, when = append(first, times[at+1].first), append(when, t)
		}
		for _, i := range order[lo:hi] {
			collected := total
			if l.Entry != nil { // summed anew since the entry: a difference of sums would lose it where hazards are far apart
				k, _ := slices.BinarySearch(when, math.Nextafter(l.Entry[i], math.Inf(1)))
				collected = 0
				for _, v := range first[k:] {
					collected += v
				}
			}
			g := h(i) * collected
			if l.Event[i] != 0 {
				g -= h(i) * second
			}
			o.Grad[i] += g
		}
		hi = lo
	}
}

// exactLeft is R − share·D at time t relative to e^top, where the running sum has lost it to rounding.
func exactLeft(logH []float64, upTo []int, present []bool, l Labels, t, share, top float64) float64 {
	var sum float64
	for _, j := range upTo {
		if !present[j] {
			continue
		}
		w := 1.0
		if l.Time[j] == t && l.Event[j] != 0 {
			w -= share
		}
		sum += w * math.Exp(logH[j]-top)
	}
	return math.Max(sum, math.SmallestNonzeroFloat64*1e16)
}

// CoxLossSorted is the form that pycox and many others use: rows are taken to be sorted by descending time, the risk set of row i is
// rows 0..i, and eps is added inside the logarithm. At tied times its value depends on the order of rows; it is here for comparison.
// Without an event it is zero, where theirs is 0/0.
func CoxLossSorted(logH []float64, event []int, eps float64) Loss {
	out := noLoss(len(logH))
	top := math.Inf(-1)
	for _, v := range logH {
		top = math.Max(top, v)
	}
	sum := 0.0
	inverse := make([]float64, len(logH)) // 1/(sum_i + eps) at events
	for i, v := range logH {
		sum += math.Exp(v - top)
		if event[i] != 0 {
			out.Events++
			out.Value -= v - math.Log(sum+eps) - top
			inverse[i] = 1 / (sum + eps)
			out.Grad[i]--
		}
	}
	if out.Events == 0 {
		return out
	}
	// log(Σ e^(v−top) + eps) + top depends on top = max(v) through eps: ∂/∂top = 1 − Σ e^(v−top)/(sum+eps) = eps/(sum+eps).
	after, slack := 0.0, 0.0
	for i := len(logH) - 1; i >= 0; i-- {
		after += inverse[i]
		slack += eps * inverse[i]
		out.Grad[i] += math.Exp(logH[i]-top) * after
	}
	if k := slices.Index(logH, top); k >= 0 {
		out.Grad[k] += slack
	}
	return out.perEvent()
}

// CoxLossPycox is [CoxLossSorted] after a sort by descending time that keeps the order of ties.
func CoxLossPycox(logH []float64, l Labels, eps float64) Loss {
	order := byTime(l.Time)
	slices.Reverse(order)
	sorted, event := make([]float64, len(order)), make([]int, len(order))
	for k, i := range order {
		sorted[k], event[k] = logH[i], l.Event[i]
	}
	s := CoxLossSorted(sorted, event, eps)
	out := Loss{Value: s.Value, Events: s.Events, Grad: make([]float64, len(order))}
	for k, i := range order {
		out.Grad[i] = s.Grad[k]
	}
	return out
}
