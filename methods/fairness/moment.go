package fairness

import "fmt"

// Moment is a linear fairness constraint of Agarwal et al. 2018 (A reductions approach to fair classification): within each event the
// mean utility of each group must equal that of the event. Its index runs over sign (+, −), then the cells (event, group) that hold at
// least one row, by event, then group: a cell without rows constrains nothing.
type Moment struct {
	cell   []int // per row, into the index's first half; -1 where no event holds
	cells  []Cell
	slope  []float64 // utility of predicting 1 minus that of predicting 0
	base   []float64 // utility of predicting 0
	nEvent []float64
	nCell  []float64
}

// Cell is one group within one event.
type Cell struct{ Event, Group int }

// NewMoment makes a constraint over events in 0..events-1 (-1: the row is free) and k groups. errors compares error rates instead of
// selection rates. It panics where slices differ in length or hold a number out of range: callers check what comes from outside.
func NewMoment(y, event, group []int, events, k int, errors bool) *Moment {
	mustMatch(len(y), len(event), len(group))
	mustLie("group", group, 0, k)
	mustLie("event", event, -1, events)
	m := &Moment{cell: make([]int, len(y)), slope: make([]float64, len(y)), base: make([]float64, len(y)), nEvent: make([]float64, events)}
	count := make([]float64, events*k)
	for i := range y {
		m.slope[i] = 1
		if errors {
			m.base[i], m.slope[i] = float64(y[i]), float64(1-2*y[i])
		}
		if e := event[i]; e >= 0 {
			m.nEvent[e]++
			count[e*k+group[i]]++
		}
	}
	at := make([]int, events*k)
	for j, n := range count {
		if n > 0 {
			at[j] = len(m.cells)
			m.cells, m.nCell = append(m.cells, Cell{j / k, j % k}), append(m.nCell, n)
		}
	}
	for i, e := range event {
		m.cell[i] = -1
		if e >= 0 {
			m.cell[i] = at[e*k+group[i]]
		}
	}
	return m
}

// Cells are the first half of the index; the second half is the same with the other sign.
func (m *Moment) Cells() []Cell { return m.cells }

// Gamma is the signed violation per index of predictions in [0,1].
func (m *Moment) Gamma(pred []float64) []float64 {
	mustMatch(len(m.cell), len(pred))
	all, cell := make([]float64, len(m.nEvent)), make([]float64, len(m.nCell))
	for i, c := range m.cell {
		if c >= 0 {
			u := m.base[i] + m.slope[i]*pred[i]
			all[m.cells[c].Event] += u
			cell[c] += u
		}
	}
	out := make([]float64, 2*len(cell))
	for j, c := range m.cells {
		out[j] = cell[j]/m.nCell[j] - all[c.Event]/m.nEvent[c.Event]
		out[len(cell)+j] = -out[j]
	}
	return out
}

// SignedWeights is what each row's prediction of 1 costs under multipliers lambda (one per index), negated: a learner gains by
// predicting 1 where it is above 0.
func (m *Moment) SignedWeights(lambda []float64) []float64 {
	half := len(m.nCell)
	mustMatch(2*half, len(lambda))
	n := float64(len(m.cell))
	total := make([]float64, len(m.nEvent))
	for j, c := range m.cells {
		total[c.Event] += lambda[j] - lambda[half+j]
	}
	out := make([]float64, len(m.cell))
	for i, c := range m.cell {
		if c >= 0 {
			e := m.cells[c].Event
			out[i] = m.slope[i] * n * (total[e]/m.nEvent[e] - (lambda[c]-lambda[half+c])/m.nCell[c])
		}
	}
	return out
}

// Constraint names a fairness constraint on yes-or-no predictions.
type Constraint string

// The constraints of the literature. Equalised odds asks for equal rates of yes within each label, equal opportunity within label 1.
const (
	DemographicParity Constraint = "dp"
	EqualisedOdds     Constraint = "eo"
	EqualOpportunity  Constraint = "tpr" // equal true-positive rates
	EqualFPR          Constraint = "fpr"
	ErrorParity       Constraint = "err"
)

// Constraints are all of them.
func Constraints() []Constraint {
	return []Constraint{DemographicParity, EqualisedOdds, EqualOpportunity, EqualFPR, ErrorParity}
}

// Events is the event of each row under c, and how many events there are.
func (c Constraint) Events(y []int) (event []int, events int) {
	event = make([]int, len(y))
	for i, v := range y {
		switch c {
		case EqualisedOdds:
			event[i] = v
		case EqualOpportunity:
			event[i] = v - 1
		case EqualFPR:
			event[i] = -v
		}
	}
	if c == EqualisedOdds {
		return event, 2
	}
	return event, 1
}

// Moment is the constraint over the labels and groups of some rows.
func (c Constraint) Moment(y, group []int, k int) *Moment {
	event, n := c.Events(y)
	return NewMoment(y, event, group, n, k, c == ErrorParity)
}

func mustMatch(n int, others ...int) {
	for _, m := range others {
		if m != n {
			panic(fmt.Sprintf("fairness: slices of %d and %d elements", n, m))
		}
	}
}

func mustLie(what string, x []int, low, end int) {
	for i, v := range x {
		if v < low || v >= end {
			panic(fmt.Sprintf("fairness: %s of row %d is not in %d..%d", what, i, low, end-1))
		}
	}
}
