package tabular

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/cineloop/cineloop/methods/survival"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

// mlp is a network being trained (torchtuples' MLPVanilla, which the experiments of Kvamme and Borgan use) with its optimiser.
type mlp struct {
	e       *torch.Engine
	net     torch.MLP
	in, out int
	hidden  []int
	dropout float64
	grad    *torch.Tensor // by net.Theta, and its moments
	first   *torch.Tensor
	second  *torch.Tensor
	steps   int
	floats  []float64 // outputs on their way to a loss
	kept    []*torch.Tensor
}

// batch are rows of an epoch's buffers.
type batch struct {
	lo, hi int // units: people, or cases with their controls
	x      *torch.Tensor
	masks  []*torch.Tensor
	out    *torch.Tensor // outputs, then the gradient by them
}

// epoch are the buffers of one way through the data, rewritten each time.
type epoch struct {
	x       *torch.Tensor
	masks   []*torch.Tensor
	batches []batch
}

// newMLP makes a network with torchtuples' initial values: Kaiming normal for hidden layers, torch's own for biases and the last.
func newMLP(e *torch.Engine, in int, hidden []int, out int, s Settings, outputBias bool, seed stats.Seed) *mlp {
	m := &mlp{e: e, in: in, out: out, hidden: hidden, dropout: s.Dropout}
	widths := append(append([]int{in}, hidden...), out)
	total := 0
	for i := 1; i < len(widths); i++ {
		total += widths[i]*widths[i-1] + widths[i]
		if !s.NoBatchNorm && i < len(widths)-1 {
			total += 2 * widths[i]
		}
	}
	if !outputBias {
		total -= out
	}
	values := make([]float32, 0, total)
	rng := seed.Stream("initial values")
	uniform := func(n int, bound float64) {
		for range n {
			values = append(values, float32((2*rng.Float64()-1)*bound))
		}
	}
	for i := 1; i < len(widths); i++ {
		fan := float64(widths[i-1])
		last := i == len(widths)-1
		if last {
			uniform(widths[i]*widths[i-1], 1/math.Sqrt(fan))
		} else {
			for range widths[i] * widths[i-1] {
				values = append(values, float32(rng.NormFloat64()*math.Sqrt(2/fan)))
			}
		}
		if !last || outputBias {
			uniform(widths[i], 1/math.Sqrt(fan))
		}
		if !s.NoBatchNorm && !last {
			for range widths[i] {
				values = append(values, 1)
			}
			values = append(values, make([]float32, widths[i])...)
		}
	}
	zeros := func() *torch.Tensor { return m.keep(e.Zeros(torch.Float32, int64(total))) }
	m.grad, m.first, m.second = zeros(), zeros(), zeros()
	m.net = torch.MLP{Theta: m.keep(e.FromFloat32(values, int64(total))), Work: m.keep(e.Empty(torch.Float32, 0))}
	for _, w := range widths {
		m.net.Widths = append(m.net.Widths, int64(w))
	}
	if !s.NoBatchNorm {
		var stats []float32
		for _, h := range hidden {
			stats = append(append(stats, make([]float32, h)...), slices.Repeat([]float32{1}, h)...)
		}
		m.net.Stats = m.keep(e.FromFloat32(stats, int64(len(stats))))
	}
	return m
}

func (m *mlp) keep(t *torch.Tensor) *torch.Tensor {
	t.Keep()
	m.kept = append(m.kept, t)
	return t
}

// close frees everything that the network keeps.
func (m *mlp) close() {
	for _, t := range m.kept {
		t.Free()
	}
}

// epoch makes the buffers for units of each rows, in batches of size units.
func (m *mlp) epoch(units, each, size int) epoch {
	var p epoch
	n := int64(units * each)
	p.x = m.keep(m.e.Empty(torch.Float32, n, int64(m.in)))
	if m.dropout > 0 {
		for _, h := range m.hidden {
			p.masks = append(p.masks, m.keep(m.e.Empty(torch.Float32, n, int64(h))))
		}
	}
	out := m.keep(m.e.Empty(torch.Float32, int64((size+1)*each), int64(m.out)))
	for _, span := range spans(units, size) {
		lo, rows := int64(span[0]*each), int64((span[1]-span[0])*each)
		b := batch{lo: span[0], hi: span[1], x: m.keep(p.x.Narrow(0, lo, rows)), out: m.keep(out.Narrow(0, 0, rows))}
		for _, mask := range p.masks {
			b.masks = append(b.masks, m.keep(mask.Narrow(0, lo, rows)))
		}
		p.batches = append(p.batches, b)
	}
	return p
}

// spans divides n units into batches; a last batch of one joins the one before, since it has no variance to normalise by.
func spans(n, size int) [][2]int {
	var out [][2]int
	for lo := 0; lo < n; lo += size {
		hi := min(lo+size, n)
		if hi-lo == 1 && len(out) > 0 {
			out[len(out)-1][1] = hi
			continue
		}
		out = append(out, [2]int{lo, hi})
	}
	return out
}

// fill writes the epoch's rows and draws its dropout.
func (m *mlp) fill(p epoch, rng *rand.Rand, rows func(x []float32)) {
	p.x.WithFloat32s(rows)
	fillMasks(p.masks, m.dropout, rng)
}

// fillMasks draws dropout factors: 0 with the rate's probability, else 1/(1 − rate).
func fillMasks(masks []*torch.Tensor, rate float64, from *rand.Rand) {
	rng := rand.NewPCG(from.Uint64(), from.Uint64()) // quicker than the stream itself
	keep := math.Float32bits(float32(1 / (1 - rate)))
	limit := int32(rate * (1 << 16))
	for _, m := range masks {
		m.WithFloat32s(func(v []float32) {
			for i := 0; i < len(v); i += 4 {
				r := rng.Uint64() // four draws of 16 bits
				for j := i; j < min(i+4, len(v)); j++ {
					dropped := uint32((int32(r&0xffff) - limit) >> 31) // all ones, or zero: a branch would be guessed wrong
					v[j] = math.Float32frombits(keep &^ dropped)
					r >>= 16
				}
			}
		})
	}
}

// learn runs a batch through the network and the gradient of its loss back; [mlp.adam] then moves the parameters.
func (m *mlp) learn(b *batch, loss func(output []float64) survival.Loss) survival.Loss {
	m.net.Forward(b.x, b.masks, b.out)
	var l survival.Loss
	b.out.WithFloat32s(func(v []float32) {
		l = loss(m.widen(v))
		for i, g := range l.Grad {
			v[i] = float32(g)
		}
	})
	m.net.Backward(b.x, b.masks, b.out, m.grad)
	return l
}

func (m *mlp) adam(rate, decay float64) {
	m.steps++
	torch.Adam(m.net.Theta, m.grad, m.first, m.second, m.steps, rate, decay)
}

// eval is the outputs of x [N, in] with running statistics and no dropout; the next call reuses the slice. With shift, see [torch.MLP.Eval].
func (m *mlp) eval(x, shift *torch.Tensor) []float64 {
	out := m.e.Empty(torch.Float32, x.Size(0), int64(m.out))
	m.net.Eval(x, shift, out)
	out.WithFloat32s(func(v []float32) { m.widen(v) })
	return m.floats
}

// widen is v as float64, in a buffer that the next call reuses.
func (m *mlp) widen(v []float32) []float64 {
	if cap(m.floats) < len(v) {
		m.floats = make([]float64, len(v))
	}
	m.floats = m.floats[:len(v)]
	for i, x := range v {
		m.floats[i] = float64(x)
	}
	return m.floats
}

// state is a copy of all that prediction needs.
func (m *mlp) state() [][]float32 {
	var s [][]float32
	for _, t := range []*torch.Tensor{m.net.Theta, m.net.Stats} {
		if t != nil {
			t.WithFloat32s(func(v []float32) { s = append(s, slices.Clone(v)) })
		}
	}
	return s
}

func (m *mlp) setState(s [][]float32) {
	set := func(t *torch.Tensor, v []float32) { t.WithFloat32s(func(dst []float32) { copy(dst, v) }) }
	set(m.net.Theta, s[0])
	if m.net.Stats != nil {
		set(m.net.Stats, s[1])
	}
}
