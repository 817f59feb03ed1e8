package survival

import (
	"math"
	"slices"
)

// C is a concordance index with the pairs behind it. Pairs are (event at t, somebody known to be free of it at t): with a later time,
// or the same time and censored. A pair is concordant when the one with the event has the larger risk; equal risks count half.
type C struct {
	C          float64
	SE         float64 // infinitesimal jackknife, as R's concordance; NaN with no pair
	Concordant float64
	Discordant float64
	TiedRisk   float64
	TiedTime   float64 // pairs of events at one time with different risks: not comparable
	TiedBoth   float64 // pairs of events at one time with equal risks
	MixedTime  float64 // comparable pairs of an event and a censoring at one time, among those above
}

// ConcordanceOptions weight and restrict pairs.
type ConcordanceOptions struct {
	TimeWeight func(t float64) float64 // of an event at t; nil: 1
	Weight     []float64               // of each person; nil: 1
	Tau        float64                 // events at or after it do not count; 0: all count
}

// fenwick sums weights by rank.
type fenwick struct {
	sums  []float64
	total float64
}

func (f *fenwick) add(at int, w float64) {
	f.total += w
	for i := at + 1; i < len(f.sums); i += i & -i {
		f.sums[i] += w
	}
}

// below is the sum of ranks less than at.
func (f *fenwick) below(at int) float64 {
	s := 0.0
	for i := at; i > 0; i -= i & -i {
		s += f.sums[i]
	}
	return s
}

func newFenwick(n int) *fenwick { return &fenwick{sums: make([]float64, n+1)} }

// ranked is what concordance needs of a cohort whatever the weights: computed once, used by every bootstrap resample.
type ranked struct {
	l      Labels
	order  []int   // ascending time
	groups [][]int // rows of each distinct time, ascending
	entry  []int   // by time of entry, ascending; nil: everybody was there from the start
	rank   []int   // of the risk, equal risks share one
	ranks  int
}

func newRanked(risk []float64, l Labels) *ranked {
	r := &ranked{l: l, order: byTime(l.Time), rank: make([]int, len(risk))}
	for lo := 0; lo < len(r.order); {
		hi := lo
		for hi < len(r.order) && l.Time[r.order[hi]] == l.Time[r.order[lo]] {
			hi++
		}
		r.groups = append(r.groups, r.order[lo:hi])
		lo = hi
	}
	if l.Entry != nil {
		r.entry = byTime(l.Entry)
	}
	by := byTime(risk)
	for k, i := range by {
		if k > 0 && risk[i] != risk[by[k-1]] {
			r.ranks++
		}
		r.rank[i] = r.ranks
	}
	r.ranks++
	return r
}

// Concordance is Harrell's C (Harrell et al. 1982) for risks, where a larger one means an earlier event, with R's standard error. Time
// weights of 1/G² make it Uno's. Entry times restrict pairs to people who had entered.
func Concordance(risk []float64, l Labels, o ConcordanceOptions) C {
	return newRanked(risk, l).concordance(o, true)
}

func (r *ranked) concordance(o ConcordanceOptions, withSE bool) C {
	n := len(r.rank)
	var c C
	weight := func(i int) float64 {
		if o.Weight == nil {
			return 1
		}
		return o.Weight[i]
	}
	timeWeight := func(t float64) float64 {
		if o.Tau > 0 && t >= o.Tau {
			return 0
		}
		if o.TimeWeight == nil {
			return 1
		}
		return o.TimeWeight(t)
	}
	var more, less, same []float64 // influence: what the pairs of each person weigh
	if withSE {
		more, less, same = make([]float64, n), make([]float64, n), make([]float64, n)
	}
	// Back in time: each event against those free of it.
	free := newFenwick(r.ranks)
	late := len(r.entry)
	for g := len(r.groups) - 1; g >= 0; g-- {
		rows := r.groups[g]
		for ; late > 0 && r.l.Entry[r.entry[late-1]] >= r.l.Time[rows[0]]; late-- { // not yet watched; their own times came before
			free.add(r.rank[r.entry[late-1]], -weight(r.entry[late-1]))
		}
		var events, censored float64
		for _, i := range rows {
			if r.l.Event[i] == 0 {
				free.add(r.rank[i], weight(i))
				censored += weight(i)
			} else {
				events += weight(i)
			}
		}
		tw := 0.0
		if events > 0 {
			tw = timeWeight(r.l.Time[rows[0]])
		}
		if tw > 0 {
			c.MixedTime += tw * events * censored
			for _, i := range rows {
				if r.l.Event[i] == 0 {
					continue
				}
				lower := free.below(r.rank[i])
				upto := free.below(r.rank[i] + 1)
				w := tw * weight(i)
				c.Concordant += w * lower
				c.Discordant += w * (free.total - upto)
				c.TiedRisk += w * (upto - lower)
				if withSE {
					more[i] += tw * lower
					less[i] += tw * (free.total - upto)
					same[i] += tw * (upto - lower)
				}
			}
			r.tiedEvents(rows, tw, weight, &c)
		}
		for _, i := range rows {
			if r.l.Event[i] != 0 {
				free.add(r.rank[i], weight(i))
			}
		}
	}
	pairs := c.Concordant + c.Discordant + c.TiedRisk
	c.C, c.SE = math.NaN(), math.NaN()
	if pairs == 0 {
		return c
	}
	c.C = (c.Concordant + c.TiedRisk/2) / pairs
	if !withSE {
		return c
	}
	// Forward in time: each person free of it against the events before, since the own entry.
	dead := newFenwick(r.ranks)
	other := func(i int, sign float64) {
		lower := dead.below(r.rank[i])
		upto := dead.below(r.rank[i] + 1)
		more[i] += sign * (dead.total - upto) // those with the event had the larger risk
		less[i] += sign * lower
		same[i] += sign * (upto - lower)
	}
	for _, rows := range r.groups {
		tw := timeWeight(r.l.Time[rows[0]])
		for ; late < len(r.entry) && r.l.Entry[r.entry[late]] < r.l.Time[rows[0]]; late++ {
			other(r.entry[late], -1)
		}
		for _, i := range rows {
			if r.l.Event[i] != 0 {
				other(i, 1)
			}
		}
		for _, i := range rows {
			if r.l.Event[i] != 0 && tw > 0 {
				dead.add(r.rank[i], tw*weight(i))
			}
		}
		for _, i := range rows {
			if r.l.Event[i] == 0 {
				other(i, 1)
			}
		}
	}
	somers := (c.Concordant - c.Discordant) / pairs
	v := 0.0
	for i := range n {
		d := weight(i) * ((more[i] - less[i]) - somers*(more[i]+less[i]+same[i])) / (2 * pairs)
		v += d * d
	}
	c.SE = math.Sqrt(v)
	return c
}

// tiedEvents counts pairs of events at one time.
func (r *ranked) tiedEvents(rows []int, tw float64, weight func(int) float64, c *C) {
	byRank := map[int][]float64{}
	var all, squares float64
	count := 0
	for _, i := range rows {
		if r.l.Event[i] != 0 {
			w := weight(i)
			byRank[r.rank[i]] = append(byRank[r.rank[i]], w)
			all += w
			squares += w * w
			count++
		}
	}
	if count < 2 {
		return
	}
	total := (all*all - squares) / 2
	both := 0.0
	for _, rank := range sortedKeys(byRank) {
		var s, q float64
		for _, w := range byRank[rank] {
			s += w
			q += w * w
		}
		both += (s*s - q) / 2
	}
	c.TiedBoth += tw * both
	c.TiedTime += tw * (total - both)
}

func sortedKeys[V any](m map[int]V) []int {
	keys := make([]int, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// UnoConcordance is the C of Uno et al. 2011: pairs are weighted by 1/G(t)² of the event's time, G from the training labels, so that it
// does not depend on who was censored; with late entry by 1/W(t)² of [Watched]. Events at or after tau do not count (0: all do). G = 0
// at an event that counts is an error.
func UnoConcordance(risk []float64, l, train Labels, tau float64) (C, error) {
	if err := sameEntry("Uno's C", l, train); err != nil {
		return C{}, err
	}
	g := Watched(train)
	for i, t := range l.Time {
		if l.Event[i] != 0 && (tau <= 0 || t < tau) && atEvent(g, train, t) <= 0 {
			return C{}, outOfReach("an event of Uno's C", t, g)
		}
	}
	return Concordance(risk, l, ConcordanceOptions{Tau: tau, TimeWeight: func(t float64) float64 { return math.Pow(atEvent(g, train, t), -2) }}), nil
}

// CompetingConcordance is the C of Wolbers et al. 2014 for one cause among several: an event of the cause against everybody without an
// event by then, and against everybody who had another cause's event before, those weighted for censoring by G from the training
// labels. Events at or after tau do not count (0: all do).
func CompetingConcordance(risk []float64, l, train Labels, cause int, tau float64) (float64, error) {
	if err := sameEntry("the competing-risks C", l, train); err != nil {
		return 0, err
	}
	g := Watched(train.Any())
	var num, den float64
	for i, t := range l.Time {
		if l.Event[i] != cause || tau > 0 && t >= tau {
			continue
		}
		gi := g.Left(t)
		if gi <= 0 {
			return 0, outOfReach("an event of the competing-risks C", t, g)
		}
		for j, u := range l.Time {
			var w float64
			switch {
			case j == i:
				continue
			case u > t && !l.hasEntered(j, t):
				continue
			case u > t || u == t && l.Event[j] == 0:
				w = 1 / (gi * g.At(t))
			case l.Event[j] != 0 && l.Event[j] != cause && u <= t:
				if gj := g.Left(u); gj > 0 {
					w = 1 / (gi * gj)
				}
			}
			if w == 0 || math.IsInf(w, 0) {
				continue
			}
			den += w
			switch {
			case risk[i] > risk[j]:
				num += w
			case risk[i] == risk[j]:
				num += w / 2
			}
		}
	}
	if den == 0 {
		return math.NaN(), nil
	}
	return num / den, nil
}
