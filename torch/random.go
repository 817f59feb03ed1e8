package torch

import "github.com/cineloop/cineloop/stats"

var (
	opManualSeed   = intern("cineloop::manual_seed")
	opRNGState     = intern("cineloop::rng_state")
	opSetRNGState  = intern("cineloop::set_rng_state")
	opGenerator    = intern("cineloop::generator")
	opGenState     = intern("cineloop::generator_state")
	opSetGenState  = intern("cineloop::set_generator_state")
	opRandn        = intern("aten::randn.generator")
	opRand         = intern("aten::rand.generator")
	opRandint      = intern("aten::randint.low_generator")
	opRandperm     = intern("aten::randperm.generator")
	opNormal       = intern("aten::normal_")
	opUniform      = intern("aten::uniform_")
	opBernoulli    = intern("aten::bernoulli_.float")
	opExponential  = intern("aten::exponential_")
	opMultinomial  = intern("aten::multinomial")
	opDropout      = intern("aten::dropout")
	opFeatureDrop  = intern("aten::feature_dropout")
	opBernoulliOut = intern("aten::bernoulli")
)

// ManualSeed seeds the default generators of all devices, as torch.manual_seed does.
func (e *Engine) ManualSeed(seed stats.Seed) { opManualSeed.do(e, int64(seed)) }

// RNGState is the state of the default generator of the engine's device, for a resume that goes on with the same numbers.
func (e *Engine) RNGState() []byte { return stateBytes(opRNGState.one(e, string(e.device))) }

// SetRNGState restores what RNGState gave.
func (e *Engine) SetRNGState(state []byte) {
	t := e.stateTensor(state)
	defer t.Free()
	opSetRNGState.do(e, string(e.device), t)
}

func stateBytes(t *Tensor) []byte {
	defer t.Free()
	return t.Array().Data
}

// stateTensor is on the CPU for every device, as generators want it.
func (e *Engine) stateTensor(state []byte) *Tensor {
	t := opEmpty.one(e, []int64{int64(len(state))}, Uint8, nil, CPU)
	copy(memory[byte](t.info().address(), len(state)), state)
	return t
}

// Generator is a random generator of its own. It lives until Free, or until Run ends.
type Generator struct{ object *Object }

// NewGenerator is a generator on the engine's device.
func (e *Engine) NewGenerator(seed stats.Seed) *Generator {
	return &Generator{opGenerator.all(e, string(e.device), int64(seed))[0].(*Object)}
}

// State is the generator's state.
func (g *Generator) State() []byte { return stateBytes(opGenState.one(g.object.e, g)) }

// SetState restores what State gave.
func (g *Generator) SetState(state []byte) {
	t := g.object.e.stateTensor(state)
	defer t.Free()
	opSetGenState.do(g.object.e, g, t)
}

// Free frees g now.
func (g *Generator) Free() { g.object.Free() }

// Randn is standard normal numbers from the default generator.
func (e *Engine) Randn(dt DType, shape ...int64) *Tensor { return e.RandnFrom(nil, dt, shape...) }

// RandnFrom is standard normal numbers from g; nil is the default generator.
func (e *Engine) RandnFrom(g *Generator, dt DType, shape ...int64) *Tensor {
	return opRandn.one(e, shape, g, dt, nil, e.device)
}

// Rand is uniform numbers in [0, 1) from the default generator.
func (e *Engine) Rand(dt DType, shape ...int64) *Tensor { return e.RandFrom(nil, dt, shape...) }

// RandFrom is uniform numbers in [0, 1) from g; nil is the default generator.
func (e *Engine) RandFrom(g *Generator, dt DType, shape ...int64) *Tensor {
	return opRand.one(e, shape, g, dt, nil, e.device)
}

// Randint is int64 numbers in [low, high) from the default generator.
func (e *Engine) Randint(low, high int64, shape ...int64) *Tensor {
	return opRandint.one(e, low, high, shape, (*Generator)(nil), Int64, nil, e.device)
}

// Randperm is a permutation of 0 … n-1 from the default generator.
func (e *Engine) Randperm(n int64) *Tensor {
	return opRandperm.one(e, n, (*Generator)(nil), Int64, nil, e.device)
}

// Normal_ fills t with normal numbers and returns it.
func (t *Tensor) Normal_(mean, std float64) *Tensor { opNormal.do(t.e, t, mean, std); return t }

// Uniform_ fills t with uniform numbers in [from, to) and returns it.
func (t *Tensor) Uniform_(from, to float64) *Tensor { opUniform.do(t.e, t, from, to); return t }

// Bernoulli_ fills t with ones with probability p, else zeros, and returns it.
func (t *Tensor) Bernoulli_(p float64) *Tensor { opBernoulli.do(t.e, t, p); return t }

// Exponential_ fills t with exponential numbers of rate lambda and returns it.
func (t *Tensor) Exponential_(lambda float64) *Tensor { opExponential.do(t.e, t, lambda); return t }

// Bernoulli is ones with the probabilities in t, else zeros.
func (t *Tensor) Bernoulli() *Tensor { return opBernoulliOut.one(t.e, t) }

// Multinomial is n indices a row, drawn with the row's weights.
func (t *Tensor) Multinomial(n int64, replacement bool) *Tensor {
	return opMultinomial.one(t.e, t, n, replacement)
}

// Dropout zeroes elements with probability p and scales the others by 1/(1-p) when train is true.
func Dropout(x *Tensor, p float64, train bool) *Tensor { return opDropout.one(x.e, x, p, train) }

// FeatureDropout zeroes whole channels (dropout2d, dropout3d).
func FeatureDropout(x *Tensor, p float64, train bool) *Tensor {
	return opFeatureDrop.one(x.e, x, p, train)
}
