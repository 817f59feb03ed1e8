package nn

import "github.com/cineloop/cineloop/torch"

// Residual is act(main(x) + down(x)), down being the identity where nil (He et al., "Deep residual learning", CVPR 2016, section 3.2).
type Residual struct {
	Main     Module
	Down     Module  // named "downsample"
	Flat     bool    // Down's parameters stand beside Main's, without a name of its own
	Linear   bool    // no ReLU after the sum
	DropPath float64 // probability of leaving main out, in training
}

// Visit implements [Module].
func (r *Residual) Visit(prefix string, v func(string, *Param)) {
	r.Main.Visit(prefix, v)
	switch {
	case r.Down == nil:
	case r.Flat:
		r.Down.Visit(prefix, v)
	default:
		r.Down.Visit(prefix+"downsample.", v)
	}
}

// Forward implements [Module]. Modules of Main that work in place must not be its first.
func (r *Residual) Forward(p *Pass, x *torch.Tensor) *torch.Tensor {
	return p.Segment(func(x *torch.Tensor) *torch.Tensor { return r.forward(p, x) }, x)
}

func (r *Residual) forward(p *Pass, x *torch.Tensor) *torch.Tensor {
	out := DropPath(p, r.Main.Forward(p, x), r.DropPath)
	residual := x
	if r.Down != nil {
		residual = p.Run("downsample", r.Down, x)
	}
	if p.Rule != nil {
		out = p.Rule.Sum(out, residual)
	} else if p.capturing() {
		out = out.Add(residual)
	} else {
		out = out.Add_(residual, 1)
	}
	if r.Linear {
		return out
	}
	return ReLU{}.Forward(p, out)
}

// Cost implements [Module].
func (r *Residual) Cost(in []int64) ([]int64, Cost) {
	out, c := r.Main.Cost(in)
	if r.Down != nil {
		_, d := r.Down.Cost(in)
		c = c.Plus(d)
	}
	return out, c.Segment(in)
}
