package nn

import "github.com/cineloop/cineloop/torch"

// Residual is act(main(x) + down(x)), down being the identity where nil (He et al., "Deep residual learning", CVPR 2016, section 3.2).
type Residual struct {
	Main     Module
	Down     Module // named "downsample", or as DownName says
	DownName string
	Linear   bool    // no ReLU after the sum
	DropPath float64 // probability of leaving main out, in training
}

func (r *Residual) downName() string {
	if r.DownName != "" {
		return r.DownName
	}
	return "downsample"
}

// Visit implements [Module].
func (r *Residual) Visit(prefix string, v func(string, *Param)) {
	r.Main.Visit(prefix, v)
	if r.Down != nil {
		r.Down.Visit(prefix+r.downName()+".", v)
	}
}

// Forward implements [Module]. Modules of Main that work in place must not be its first.
func (r *Residual) Forward(p *Pass, x *torch.Tensor) *torch.Tensor {
	out := DropPath(p, r.Main.Forward(p, x), r.DropPath)
	residual := x
	if r.Down != nil {
		residual = p.Run(r.downName(), r.Down, x)
	}
	if p.capturing() {
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
	return out, c
}
