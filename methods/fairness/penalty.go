package fairness

import "math"

// Penalty is alpha · Σ (mean sigmoid of a group − mean sigmoid of all)² within each event, with its gradient by the logits. Events are as for [NewMoment]:
// all rows 0 is demographic parity, the label is equalised odds. (FairTorch's idea; its published constraint matrices leave out groups or mix labels.)
func Penalty(logits []float64, event, group []int, events, k int, alpha float64) (loss float64, grad []float64) {
	p := make([]float64, len(logits))
	for i, z := range logits {
		p[i] = 1 / (1 + math.Exp(-z))
	}
	m := NewMoment(make([]int, len(logits)), event, group, events, k, false)
	gap := m.Gamma(p)[:len(m.cells)]
	sum := make([]float64, events)
	for j, d := range gap {
		loss += alpha * d * d
		sum[m.cells[j].Event] += d
	}
	grad = make([]float64, len(logits))
	for i, c := range m.cell {
		if c >= 0 {
			e := m.cells[c].Event
			grad[i] = 2 * alpha * (gap[c]/m.nCell[c] - sum[e]/m.nEvent[e]) * p[i] * (1 - p[i])
		}
	}
	return loss, grad
}
