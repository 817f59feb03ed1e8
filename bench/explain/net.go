package main

import (
	"fmt"
	"math"
	"path/filepath"

	"github.com/cineloop/cineloop/bench/internal/idx"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

const side, pixels = 28, 28 * 28

// images are pictures of size×size (0: 28×28) in [0, 1] with labels.
type images struct {
	pixels []float32
	label  []int64
	size   int
}

func (m images) side() int {
	if m.size == 0 {
		return side
	}
	return m.size
}

// part are the pictures lo … hi-1.
func (m images) part(lo, hi int) images {
	n := m.side() * m.side()
	return images{m.pixels[lo*n : hi*n], m.label[lo:hi], m.size}
}

func (m images) first(n int) images { return m.part(0, min(n, len(m.label))) }

// on is the pictures as a tensor [N, 1, H, W].
func (m images) on(e *torch.Engine) *torch.Tensor {
	s := int64(m.side())
	return e.FromFloat32(m.pixels, int64(len(m.label)), 1, s, s)
}

// readImages reads an idx pair as the MNIST files are.
func readImages(dir, name string, n int) (images, error) {
	p, err := idx.Read(filepath.Join(dir, name+"-images-idx3-ubyte.gz"), 0x803)
	if err != nil {
		return images{}, err
	}
	l, err := idx.Read(filepath.Join(dir, name+"-labels-idx1-ubyte.gz"), 0x801)
	if err != nil {
		return images{}, err
	}
	n = min(n, len(l), len(p)/pixels)
	m := images{pixels: make([]float32, n*pixels), label: make([]int64, n)}
	for i := range m.pixels {
		m.pixels[i] = float32(p[i]) / 255
	}
	for i := range m.label {
		m.label[i] = int64(l[i])
	}
	return m, nil
}

// flatten is [N, …] to [N, features].
type flatten struct{}

func (flatten) Visit(string, func(string, *nn.Param))             {}
func (flatten) Forward(_ *nn.Pass, x *torch.Tensor) *torch.Tensor { return x.Flatten(1, -1) }
func (flatten) Cost(in []int64) (out []int64, c nn.Cost)          { return in, c }

// stages are the layers with weights from the output down, in the order in which they are randomised.
var stages = []string{"fc2", "fc1", "conv2", "conv1"}

// camLayer is where class activation maps look.
const camLayer = "relu2"

// newNet is Adebayo et al.'s network for MNIST (conv 5×5, pool, conv 5×5, pool, dense, softmax; borders kept) with width, 2·width and 32·width
// channels; theirs has width 32. Weights start as theirs: truncated normal of deviation 0.1, biases 0.1.
func newNet(e *torch.Engine, width int64, seed stats.Seed) nn.Chain {
	start, bias := nn.TruncatedNormal(0.1), nn.Constant(0.1)
	one, two, border := []int64{1, 1}, []int64{2, 2}, []int64{2, 2}
	pool := nn.Pool{Kernel: two, Stride: two, Pad: []int64{0, 0}}
	conv := func(in, out int64) *nn.Conv {
		return nn.NewConv(in, out, []int64{5, 5}, one, border).WithInit(start).WithBias(bias)
	}
	c := nn.Chain{
		{Name: "conv1", Module: conv(1, width)}, {Name: "relu1", Module: nn.ReLU{}}, {Name: "pool1", Module: pool},
		{Name: "conv2", Module: conv(width, 2*width)}, {Name: camLayer, Module: nn.ReLU{}}, {Name: "pool2", Module: pool},
		{Name: "flatten", Module: flatten{}},
		{Name: "fc1", Module: nn.NewLinear(2*width*49, 32*width, start, bias)}, {Name: "relu3", Module: nn.ReLU{}},
		{Name: "fc2", Module: nn.NewLinear(32*width, 10, start, bias)},
	}
	nn.Materialise(e, c, seed)
	return c
}

// train is Adam with batches of 50 until the accuracy on d is at least enough, at most epochs times through d; it returns how many and the
// accuracy.
func train(e *torch.Engine, net nn.Chain, d images, epochs int, rate, enough float64, seed stats.Seed, say func(string)) (int, float64) {
	const batch = 50
	var p, m, v []*torch.Tensor
	net.Visit("", func(_ string, q *nn.Param) {
		p = append(p, q.T)
		m = append(m, e.Zeros(torch.Float32, q.Shape...).Keep())
		v = append(v, e.Zeros(torch.Float32, q.Shape...).Keep())
	})
	defer func() {
		for i := range m {
			m[i].Free()
			v[i].Free()
		}
	}()
	steps, hit, epoch := 0, 0.0, 0
	for epoch < epochs && hit < enough {
		order := seed.Stream("order", epoch).Perm(len(d.label))
		for lo := 0; lo+batch <= len(order); lo += batch {
			s := e.Scope()
			x, y := gather(e, d, order[lo:lo+batch])
			e.Backward(torch.CrossEntropyLoss(net.Forward(&nn.Pass{E: e}, x), y, nil, torch.ReduceMean, -100, 0))
			steps++
			e.NoGrad(func() { adam(p, m, v, steps, rate) })
			s.Close()
		}
		epoch++
		hit = accuracy(e, net, d.first(5000))
		say(fmt.Sprintf("epoch %d: %.3f of the training pictures are right", epoch, hit))
	}
	return epoch, hit
}

func adam(p, m, v []*torch.Tensor, steps int, rate float64) {
	grads := make([]*torch.Tensor, len(p))
	for i := range p {
		grads[i] = p[i].Grad()
	}
	torch.ForeachLerp_(m, grads, 0.1)
	torch.ForeachMulScalar_(v, 0.999)
	torch.ForeachAddcmul_(v, grads, grads, 0.001)
	den := torch.ForeachSqrt(v)
	torch.ForeachMulScalar_(den, 1/math.Sqrt(1-math.Pow(0.999, float64(steps))))
	torch.ForeachAddScalar_(den, 1e-8)
	torch.ForeachAddcdiv_(p, m, den, -rate/(1-math.Pow(0.9, float64(steps))))
	for i := range p {
		p[i].SetGrad(nil)
	}
}

func gather(e *torch.Engine, d images, rows []int) (x, y *torch.Tensor) {
	b := images{size: d.size}
	for _, i := range rows {
		one := d.part(i, i+1)
		b.pixels, b.label = append(b.pixels, one.pixels...), append(b.label, one.label...)
	}
	return b.on(e), e.FromInt64s(b.label, int64(len(rows)))
}

func accuracy(e *torch.Engine, net nn.Chain, d images) float64 { return share(hits(e, net, d)) }

// hits says which pictures the network calls by their label.
func hits(e *torch.Engine, net nn.Chain, d images) []bool {
	right := make([]bool, len(d.label))
	for i, called := range predicted(e, net, d) {
		right[i] = called == d.label[i]
	}
	return right
}

// predicted is what the network calls each picture.
func predicted(e *torch.Engine, net nn.Chain, d images) (called []int64) {
	e.NoGrad(func() {
		for lo := 0; lo < len(d.label); lo += chunk {
			s := e.Scope()
			hi := min(lo+chunk, len(d.label))
			z := net.Forward(&nn.Pass{E: e}, d.part(lo, hi).on(e)).Float64s()
			classes := len(z) / (hi - lo)
			for i := range hi - lo {
				best := 0
				for k, v := range z[i*classes : (i+1)*classes] {
					if v > z[i*classes+best] {
						best = k
					}
				}
				called = append(called, int64(best))
			}
			s.Close()
		}
	})
	return called
}
