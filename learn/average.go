package learn

import (
	"math"

	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// averager keeps an exponential moving average of parameters and running statistics (Polyak averaging); the number of batches is copied.
type averager struct {
	e      *torch.Engine
	decay  float64
	names  []string
	live   []*nn.Param
	shadow []*torch.Tensor
}

func newAverager(e *torch.Engine, m nn.Module, decay float64) *averager {
	a := &averager{e: e, decay: decay}
	m.Visit("", func(name string, p *nn.Param) {
		if !p.Int {
			a.names = append(a.names, "ema."+name)
			a.live = append(a.live, p)
			a.shadow = append(a.shadow, p.T.Detach().Clone().Keep())
		}
	})
	return a
}

// update moves the average towards the live values. Early on the decay is smaller, (1+n)/(10+n) after n steps, so that the average
// does not remember the random start (tf.train.ExponentialMovingAverage's num_updates).
func (a *averager) update(step int) {
	s := a.e.Scope()
	defer s.Close()
	decay := math.Min(a.decay, (1+float64(step))/(10+float64(step)))
	a.e.NoGrad(func() {
		live := make([]*torch.Tensor, len(a.live))
		for i, p := range a.live {
			live[i] = p.T.Detach()
		}
		torch.ForeachLerp_(a.shadow, live, 1-decay)
	})
}

// with calls fn with the averaged values in the network's place.
func (a *averager) with(fn func() error) error {
	swap := func() {
		for i, p := range a.live {
			p.T, a.shadow[i] = a.shadow[i], p.T
		}
	}
	swap()
	defer swap()
	return fn()
}

func (a *averager) visit(v func(name string, t *torch.Tensor)) {
	for i, t := range a.shadow {
		v(a.names[i], t)
	}
}
