package fairness

// Moment is a linear fairness constraint of Agarwal et al. 2018 (A reductions approach to fair classification): within each event the mean utility of
// each group must equal that of the event. Its index runs over sign (+, −), then event, then group.
type Moment struct {
	event  []int // per row, -1 where no event holds
	group  []int
	slope  []float64 // utility of predicting 1 minus that of predicting 0
	base   []float64 // utility of predicting 0
	events int
	groups int
	nEvent []float64
	nCell  []float64
}

// NewMoment makes a constraint over events in 0..events-1 (-1: the row is free) and k groups. errors compares error rates instead of selection rates.
func NewMoment(y, event, group []int, events, k int, errors bool) *Moment {
	m := &Moment{event: event, group: group, events: events, groups: k, slope: make([]float64, len(y)), base: make([]float64, len(y)),
		nEvent: make([]float64, events), nCell: make([]float64, events*k)}
	for i := range y {
		m.slope[i] = 1
		if errors {
			m.base[i], m.slope[i] = float64(y[i]), float64(1-2*y[i])
		}
		if e := event[i]; e >= 0 {
			m.nEvent[e]++
			m.nCell[e*k+group[i]]++
		}
	}
	return m
}

// Gamma is the signed violation per index of predictions in [0,1].
func (m *Moment) Gamma(pred []float64) []float64 {
	all, cell := make([]float64, m.events), make([]float64, len(m.nCell))
	for i, e := range m.event {
		if e >= 0 {
			u := m.base[i] + m.slope[i]*pred[i]
			all[e] += u
			cell[e*m.groups+m.group[i]] += u
		}
	}
	out := make([]float64, 2*len(cell))
	for j := range cell {
		e := j / m.groups
		out[j] = over(cell[j], m.nCell[j]) - over(all[e], m.nEvent[e])
		out[len(cell)+j] = -out[j]
	}
	return out
}

// SignedWeights is what each row's prediction of 1 costs under multipliers lambda (one per index), negated: a learner gains by predicting 1 where it is above 0.
func (m *Moment) SignedWeights(lambda []float64) []float64 {
	n, half := float64(len(m.event)), len(m.nCell)
	total := make([]float64, m.events)
	for j := range half {
		total[j/m.groups] += lambda[j] - lambda[half+j]
	}
	out := make([]float64, len(m.event))
	for i, e := range m.event {
		if e >= 0 {
			j := e*m.groups + m.group[i]
			out[i] = m.slope[i] * n * (total[e]/m.nEvent[e] - (lambda[j]-lambda[half+j])/m.nCell[j])
		}
	}
	return out
}
