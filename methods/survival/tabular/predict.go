package tabular

import (
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/survival"
	"github.com/cineloop/cineloop/torch"
)

// Survival predicts a curve for each row of x, row-major [N, P]. A Cox model's baseline hazard is computed at the first call: a search that
// compares losses needs none.
func (m *Model) Survival(e *torch.Engine, x []float32) (survival.Curves, error) {
	if len(x)%m.p != 0 {
		return survival.Curves{}, fault.New(fault.Internal, "tabular prediction: %d values are not rows of %d", len(x), m.p)
	}
	scope := e.Scope()
	defer scope.Close()
	in := m.p
	if m.Settings.Model == CoxTime || m.Settings.Model == DeSurv {
		in++
	}
	net := newMLP(e, in, m.Settings.Hidden, m.out, m.Settings, m.bias, 0)
	defer net.close()
	net.setState(m.state)
	var c survival.Curves
	e.NoGrad(func() {
		n := len(x) / m.p
		switch m.Settings.Model {
		case CoxTime:
			d := Data{X: x, P: m.p, Labels: survival.Labels{Time: make([]float64, n), Event: make([]int, n)}}
			c = survival.CoxTimeCurves(m.hazard(net), n, timeScores(net, d, m.scale))
		case DeSurv:
			d := Data{X: x, P: m.p, Labels: survival.Labels{Time: make([]float64, n), Event: make([]int, n)}}
			c = survival.DeSurvCurves(m.times, n, m.unit, timeScores(net, d, m.scale))
		case CoxPH, CoxCC:
			c = m.hazard(net).Curves(net.eval(e.FromFloat32(x, int64(n), int64(m.p)), nil))
		default:
			c = m.head.curves(net.eval(e.FromFloat32(x, int64(n), int64(m.p)), nil))
		}
	})
	return c, nil
}

// hazard is the baseline hazard of the training people.
func (m *Model) hazard(net *mlp) survival.Baseline {
	switch {
	case m.baseline.Times != nil:
	case m.Settings.Model == CoxTime:
		m.baseline = survival.CoxTimeBaseline(m.train.Labels, timeScores(net, m.train, m.scale))
	default:
		x := net.e.FromFloat32(m.train.X, int64(m.train.Len()), int64(m.p))
		m.baseline = survival.CoxBaseline(net.eval(x, nil), m.train.Labels)
	}
	return m.baseline
}
