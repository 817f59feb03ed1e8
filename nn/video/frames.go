package video

import (
	"math"

	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/image"
	"github.com/cineloop/cineloop/torch"
)

// Pooling joins the features of frames into one vector.
type Pooling string

// The poolings. Parameters of all but the mean are named "time.…".
const (
	PoolMean        Pooling = "mean"        // the baseline that asks whether a task needs motion (f-R2D of Tran et al., CVPR 2018, section 3.1)
	PoolAttention   Pooling = "attention"   // gated attention over frames (Ilse et al., "Attention-based deep multiple instance learning", ICML 2018, eq. 9)
	PoolLSTM        Pooling = "lstm"        // last state of an LSTM (Donahue et al., "Long-term recurrent convolutional networks", CVPR 2015)
	PoolGRU         Pooling = "gru"         // last state of a GRU (Cho et al., EMNLP 2014)
	PoolTransformer Pooling = "transformer" // two transformer blocks over frames, then the mean
)

// Poolings lists them.
var Poolings = []Pooling{PoolMean, PoolAttention, PoolLSTM, PoolGRU, PoolTransformer}

// ofFrames is an image network on every frame. Its weights have the names of the image network, so that ImageNet weights load as they
// are. The stem's stride in time takes every n-th frame.
func ofFrames(a image.Architecture, pool Pooling) Architecture {
	return Architecture{
		Name: a.Name + "_" + string(pool), Family: "frames", Paper: a.Paper, Input: [3]int64{1, a.Size, a.Size}, Least: [3]int64{1, a.Least, a.Least},
		Params: a.Params, GMACs: a.GMACs, Classes: 1000,
		build: func(s Spec) body {
			b := a.Build(image.Options{Width: s.Width, Channels: s.Channels, Stride: [2]int64{s.StemStride[1], s.StemStride[2]}, Size: [2]int64{s.Size[1], s.Size[2]}})
			return body{
				trunk: &frames{net: b.Trunk, step: s.StemStride[0], pool: newPool(pool, b.Features), features: b.Features}, features: b.Features,
				head: b.Head, weight: b.Weight, bias: b.Bias, last: b.Last,
			}
		},
	}
}

// frames runs a 2D network on every step-th frame and pools its features: [N, C, T, H, W] to [N, features].
type frames struct {
	net      nn.Module
	step     int64
	pool     nn.Module // [N, T, features] to [N, features]
	features int64
}

// Visit implements [nn.Module].
func (f *frames) Visit(prefix string, v func(string, *nn.Param)) {
	f.net.Visit(prefix, v)
	f.pool.Visit(prefix+"time.", v)
}

// Forward implements [nn.Module].
func (f *frames) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	s := x.Shape()
	if f.step > 1 {
		x = x.Slice(2, 0, s[2], f.step)
		s = x.Shape()
	}
	x = x.Permute(0, 2, 1, 3, 4).Reshape(s[0]*s[2], s[1], s[3], s[4])
	y := f.net.Forward(p, x)
	return p.Run("time", f.pool, y.Reshape(s[0], s[2], f.features))
}

// Cost implements [nn.Module].
func (f *frames) Cost(in []int64) ([]int64, nn.Cost) {
	t := (in[2] + f.step - 1) / f.step
	out, c := f.net.Cost([]int64{in[0] * t, in[1], in[3], in[4]})
	c.Activations += in[0] * t * in[1] * in[3] * in[4]
	_, d := f.pool.Cost([]int64{in[0], t, out[1]})
	return []int64{in[0], out[1]}, c.Plus(d)
}

func newPool(kind Pooling, d int64) nn.Module {
	switch kind {
	case PoolAttention:
		mid := max(1, d/4)
		u := nn.UniformFanIn(d)
		return &attentionPool{tanh: nn.NewLinear(d, mid, u, nil), gate: nn.NewLinear(d, mid, u, nil), score: nn.NewLinear(mid, 1, nn.UniformFanIn(mid), nil)}
	case PoolLSTM:
		return newRecurrent("aten::lstm.input", 4, d)
	case PoolGRU:
		return newRecurrent("aten::gru.input", 3, d)
	case PoolTransformer:
		heads := max(1, d/64)
		for d%heads != 0 {
			heads--
		}
		var blocks []nn.Module
		for range 2 {
			blocks = append(blocks, nn.NewEncoderBlock(d, heads, 2*d, nn.TimmBlock))
		}
		return &transformerPool{blocks: nn.Sequential(blocks...), d: d}
	}
	return meanPool{}
}

// meanPool is the mean over frames.
type meanPool struct{}

// Visit implements [nn.Module].
func (meanPool) Visit(string, func(string, *nn.Param)) {}

// Forward implements [nn.Module].
func (meanPool) Forward(_ *nn.Pass, x *torch.Tensor) *torch.Tensor { return x.Mean(1) }

// Cost implements [nn.Module].
func (meanPool) Cost(in []int64) ([]int64, nn.Cost) { return []int64{in[0], in[2]}, nn.Cost{} }

// attentionPool is Σ aₜ·xₜ with a = softmax(w·(tanh(V·x) ⊙ σ(U·x))).
type attentionPool struct{ tanh, gate, score *nn.Linear }

// Visit implements [nn.Module].
func (a *attentionPool) Visit(prefix string, v func(string, *nn.Param)) {
	nn.Chain{{Name: "tanh", Module: a.tanh}, {Name: "gate", Module: a.gate}, {Name: "score", Module: a.score}}.Visit(prefix, v)
}

// Forward implements [nn.Module].
func (a *attentionPool) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	h := a.tanh.Forward(p, x).Tanh().Mul(a.gate.Forward(p, x).Sigmoid())
	return a.score.Forward(p, h).Softmax(1).Mul(x).Sum(1)
}

// Cost implements [nn.Module].
func (a *attentionPool) Cost(in []int64) ([]int64, nn.Cost) {
	rows := []int64{in[0] * in[1], in[2]}
	mid, c := a.tanh.Cost(rows)
	_, g := a.gate.Cost(rows)
	_, s := a.score.Cost(mid)
	return []int64{in[0], in[2]}, c.Plus(g).Plus(s)
}

// recurrent is one layer of LSTM or GRU with as many hidden values as features; its last hidden state is the result.
type recurrent struct {
	op                 string
	gates              int64
	ihW, hhW, ihB, hhB nn.Param
	d                  int64
}

func newRecurrent(op string, gates, d int64) *recurrent {
	u := nn.Uniform(1 / math.Sqrt(float64(d))) // torch.nn.RNNBase
	return &recurrent{op: op, gates: gates, d: d,
		ihW: nn.Param{Shape: []int64{gates * d, d}, Init: u}, hhW: nn.Param{Shape: []int64{gates * d, d}, Init: u},
		ihB: nn.Param{Shape: []int64{gates * d}, Init: u}, hhB: nn.Param{Shape: []int64{gates * d}, Init: u}}
}

// Visit implements [nn.Module], with torch.nn.LSTM's names.
func (r *recurrent) Visit(prefix string, v func(string, *nn.Param)) {
	v(prefix+"weight_ih_l0", &r.ihW)
	v(prefix+"weight_hh_l0", &r.hhW)
	v(prefix+"bias_ih_l0", &r.ihB)
	v(prefix+"bias_hh_l0", &r.hhB)
}

// Forward implements [nn.Module].
func (r *recurrent) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	zero := p.E.Zeros(x.DType(), 1, x.Size(0), r.d)
	params := []*torch.Tensor{r.ihW.T, r.hhW.T, r.ihB.T, r.hhB.T}
	var state any = zero
	if r.gates == 4 {
		state = []*torch.Tensor{zero, zero}
	}
	out, err := p.E.Call(r.op, x, state, params, true, int64(1), 0.0, p.Train, false, true)
	if err != nil {
		panic(err)
	}
	return out[0].(*torch.Tensor).Select(1, -1)
}

// Cost implements [nn.Module].
func (r *recurrent) Cost(in []int64) ([]int64, nn.Cost) {
	n := in[0] * in[1] * r.gates * r.d
	return []int64{in[0], r.d}, nn.Cost{Params: 2 * r.gates * r.d * (r.d + 1), MACs: 2 * n * r.d, Activations: 2 * n}
}

// transformerPool adds sine positions to the frames' features, runs transformer blocks and takes the mean.
type transformerPool struct {
	blocks nn.Chain
	d      int64
}

// Visit implements [nn.Module].
func (t *transformerPool) Visit(prefix string, v func(string, *nn.Param)) { t.blocks.Visit(prefix, v) }

// Forward implements [nn.Module].
func (t *transformerPool) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	l := x.Size(1)
	x = x.Add(p.E.FromFloat32(sinePositions(l, t.d), 1, l, t.d))
	return t.blocks.Forward(p, x).Mean(1)
}

// Cost implements [nn.Module].
func (t *transformerPool) Cost(in []int64) ([]int64, nn.Cost) {
	out, c := t.blocks.Cost(in)
	return []int64{in[0], out[2]}, c
}

// sinePositions is the fixed table [l, d] of Vaswani et al., NeurIPS 2017, section 3.5, in the order of sines and cosines that
// VideoMAE uses: value 2i is sin(pos/10000^(2i/d)), value 2i+1 the cosine of the same.
func sinePositions(l, d int64) []float32 {
	out := make([]float32, l*d)
	for pos := range l {
		for i := range d {
			angle := float64(pos) / math.Pow(10000, float64(2*(i/2))/float64(d))
			if i%2 == 0 {
				out[pos*d+i] = float32(math.Sin(angle))
			} else {
				out[pos*d+i] = float32(math.Cos(angle))
			}
		}
	}
	return out
}
