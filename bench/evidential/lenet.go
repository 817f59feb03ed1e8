package main

import (
	"fmt"
	"math"

	"github.com/cineloop/cineloop/methods/uncertainty"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

// lenet is conv 20@5×5, pool, conv 50@5×5, pool, 500, 10.
type lenet struct {
	e      *torch.Engine
	params []*torch.Tensor
	m, v   []*torch.Tensor // Adam's
	steps  int
	raw    bool // pixels stay in [0, 1] instead of being standardised
}

var lenetNames = []string{"conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias", "fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"}

// newLenet starts a network: torch's own start (uniform, bound 1/√fan in, biases too) or He's (normal, variance 2/fan in, biases 0).
func newLenet(e *torch.Engine, seed stats.Seed, start string, raw bool) *lenet {
	n := &lenet{e: e, raw: raw}
	rng := seed.Stream("lenet")
	for _, s := range [][]int64{{20, 1, 5, 5}, {50, 20, 5, 5}, {500, 800}, {10, 500}} {
		fan, size := int64(1), int64(1)
		for i, v := range s {
			size *= v
			if i > 0 {
				fan *= v
			}
		}
		weight, bias := make([]float32, size), make([]float32, s[0])
		if start == startHe {
			for i := range weight {
				weight[i] = float32(rng.NormFloat64() * math.Sqrt(2/float64(fan)))
			}
		} else {
			bound := 1 / math.Sqrt(float64(fan))
			for _, x := range [][]float32{weight, bias} {
				for i := range x {
					x[i] = float32((2*rng.Float64() - 1) * bound)
				}
			}
		}
		n.params = append(n.params, e.FromFloat32(weight, s...), e.FromFloat32(bias, s[0]))
	}
	for _, p := range n.params {
		p.SetRequiresGrad(true).Keep()
		n.m = append(n.m, e.Zeros(torch.Float32, p.Shape()...).Keep())
		n.v = append(n.v, e.Zeros(torch.Float32, p.Shape()...).Keep())
	}
	return n
}

func (n *lenet) free() {
	for i := range n.params {
		n.params[i].Free()
		n.m[i].Free()
		n.v[i].Free()
	}
}

func (n *lenet) forward(x *torch.Tensor, dropout bool) *torch.Tensor {
	return n.last(n.hidden(x), dropout)
}

func (n *lenet) hidden(x *torch.Tensor) *torch.Tensor {
	p := n.params
	if !n.raw {
		x = x.SubScalar(0.1307).MulScalar(1 / 0.3081) // MNIST's mean and deviation, inside, so that steps and turns stay in pixels
	}
	two, zero, one := []int64{2, 2}, []int64{0, 0}, []int64{1, 1}
	x = torch.MaxPool2d(torch.Conv2d(x, p[0], p[1], one, zero, one, 1).Relu(), two, two, zero, one, false)
	x = torch.MaxPool2d(torch.Conv2d(x, p[2], p[3], one, zero, one, 1).Relu(), two, two, zero, one, false)
	return torch.Linear(x.Flatten(1, -1), p[4], p[5]).Relu()
}

// last is the layer after the 500 hidden units; dropout lies before it.
func (n *lenet) last(hidden *torch.Tensor, dropout bool) *torch.Tensor {
	if dropout {
		hidden = torch.Dropout(hidden, 0.5, true)
	}
	return torch.Linear(hidden, n.params[6], n.params[7])
}

// step is one of Adam with a rate of 1e-3.
func (n *lenet) step() {
	n.steps++
	n.e.NoGrad(func() {
		grads := make([]*torch.Tensor, len(n.params))
		for i, p := range n.params {
			grads[i] = p.Grad()
		}
		torch.ForeachLerp_(n.m, grads, 0.1)
		torch.ForeachMulScalar_(n.v, 0.999)
		torch.ForeachAddcmul_(n.v, grads, grads, 0.001)
		den := torch.ForeachSqrt(n.v)
		torch.ForeachMulScalar_(den, 1/math.Sqrt(1-math.Pow(0.999, float64(n.steps))))
		torch.ForeachAddScalar_(den, 1e-8)
		torch.ForeachAddcdiv_(n.params, n.m, den, -1e-3/(1-math.Pow(0.9, float64(n.steps))))
		for _, p := range n.params {
			p.SetGrad(nil)
		}
	})
}

// train goes once through the images; the loss of an evidential method runs on the host.
func (n *lenet) train(d images, m method, seed stats.Seed, epoch int) {
	order := make([]int, d.len())
	for i := range order {
		order[i] = i
	}
	seed.Stream("order", epoch).Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	n.e.ManualSeed(stats.Seed(seed.Stream("dropout", epoch).Uint64()))
	for lo := 0; lo+m.Batch <= len(order); lo += m.Batch {
		s := n.e.Scope()
		x, y := gather(n.e, d, order[lo:lo+m.Batch])
		n.e.Backward(lossOf(n.forward(x, m.Dropout), y, m, epoch))
		n.step()
		s.Close()
	}
}

func gather(e *torch.Engine, d images, rows []int) (*torch.Tensor, []int) {
	x := make([]float32, 0, len(rows)*784)
	var y []int
	for _, i := range rows {
		x = append(x, d.at(i)...)
		y = append(y, d.label[i])
	}
	return e.FromFloat32(x, int64(len(rows)), 1, 28, 28), y
}

func lossOf(out *torch.Tensor, y []int, m method, epoch int) *torch.Tensor {
	e := out.Engine()
	if m.Kind == nil {
		index := make([]int64, len(y))
		for i, v := range y {
			index[i] = int64(v)
		}
		return torch.CrossEntropyLoss(out, e.FromInt64s(index, int64(len(y))), nil, torch.ReduceMean, -100, 0)
	}
	r := uncertainty.EvidentialLoss(out.Float64s(), y, float64(epoch), *m.Kind)
	return out.Mul(e.FromFloat64s(r.Grad, out.Shape()...).To(torch.Float32)).Sum() // its gradient is the loss's; its value is not used
}

// logits of pictures, [item][10].
func (n *lenet) logits(d images) [][]float64 { return n.passes(d, 0)[0] }

// passes are logits [pass][item][10] with dropout left on; one pass without where k is 0. The hidden units are computed once.
func (n *lenet) passes(d images, k int) [][][]float64 {
	all := make([][][]float64, max(k, 1))
	n.e.NoGrad(func() {
		for lo := 0; lo < d.len(); lo += 500 {
			s := n.e.Scope()
			hi := min(lo+500, d.len())
			hidden := n.hidden(n.e.FromFloat32(d.pixels[lo*784:hi*784], int64(hi-lo), 1, 28, 28))
			for pass := range all {
				z := n.last(hidden, k > 0).Float64s()
				for i := 0; i < len(z); i += 10 {
					all[pass] = append(all[pass], z[i:i+10])
				}
			}
			s.Close()
		}
	})
	return all
}

// save writes weights, Adam's state and how many epochs are done.
func (n *lenet) save(path, settings string, epoch int) error {
	tensors := map[string]torch.Array{}
	for i, name := range lenetNames {
		for _, t := range []struct {
			prefix string
			t      *torch.Tensor
		}{{"", n.params[i]}, {"m.", n.m[i]}, {"v.", n.v[i]}} {
			tensors[t.prefix+name] = t.t.Detach().Array()
		}
	}
	return torch.WriteSafetensors(path, tensors, map[string]string{"settings": settings, "epoch": fmt.Sprint(epoch), "steps": fmt.Sprint(n.steps)})
}

// load continues from save; epoch is 0 where there is nothing of the same settings.
func (n *lenet) load(path, settings string) (epoch int) {
	tensors, meta, err := torch.ReadSafetensors(path)
	if err != nil || meta["settings"] != settings {
		return 0
	}
	for i, name := range lenetNames {
		for prefix, t := range map[string]*torch.Tensor{"": n.params[i], "m.": n.m[i], "v.": n.v[i]} {
			s := n.e.Scope()
			n.e.NoGrad(func() { t.Detach().Copy_(n.e.FromArray(tensors[prefix+name])) })
			s.Close()
		}
	}
	fmt.Sscan(meta["epoch"], &epoch)
	fmt.Sscan(meta["steps"], &n.steps)
	return epoch
}
