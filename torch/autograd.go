package torch

var (
	opBackward        = intern("cineloop::backward")
	opGrad            = intern("cineloop::grad")
	opGetGrad         = intern("cineloop::get_grad")
	opSetGrad         = intern("cineloop::set_grad")
	opSetRequiresGrad = intern("cineloop::set_requires_grad")
	opClampGrad       = intern("cineloop::clamp_grad")
	opGradMode        = intern("cineloop::grad_mode")
	opInferenceEnter  = intern("cineloop::inference_enter")
	opInferenceExit   = intern("cineloop::inference_exit")
	opAutocastEnter   = intern("cineloop::autocast_enter")
	opAutocastExit    = intern("cineloop::autocast_exit")
)

// Backward adds the gradients of a scalar loss to the Grad of every leaf that requires one, and frees the graph.
func (e *Engine) Backward(loss *Tensor) {
	e.BackwardWith([]*Tensor{loss}, GradOptions{})
}

// BackwardWith is Backward for several outputs, with options. Inputs other than nil restrict it to those leaves.
func (e *Engine) BackwardWith(outputs []*Tensor, o GradOptions) {
	opBackward.do(e, outputs, o.GradOutputs, o.RetainGraph || o.CreateGraph, o.CreateGraph, o.Inputs)
}

// GradOptions are the less common choices of a differentiation.
type GradOptions struct {
	GradOutputs []*Tensor // gradient of each output; nil: ones, for scalars only
	RetainGraph bool      // allow a further differentiation of the same graph
	CreateGraph bool      // record the differentiation itself, for higher orders
	AllowUnused bool      // Grad: an input that outputs do not depend on gets nil instead of an error
	Inputs      []*Tensor // BackwardWith: accumulate only into these
}

// Grad is the gradient of the outputs' sum, weighted with GradOutputs, by each input. The inputs' Grad is left alone.
func (e *Engine) Grad(outputs, inputs []*Tensor, o GradOptions) []*Tensor {
	return opGrad.tensors(e, outputs, inputs, o.GradOutputs, o.RetainGraph || o.CreateGraph, o.CreateGraph, o.AllowUnused)
}

// Grad is what backward passes accumulated for t, sharing its memory; nil when there is nothing.
func (t *Tensor) Grad() *Tensor {
	g, _ := opGetGrad.all(t.e, t)[0].(*Tensor)
	return g
}

// SetGrad replaces what backward passes accumulated; nil drops it.
func (t *Tensor) SetGrad(g *Tensor) { opSetGrad.do(t.e, t, g) }

// SetRequiresGrad says whether operators on t are recorded, and returns t, which must be a leaf.
func (t *Tensor) SetRequiresGrad(on bool) *Tensor {
	opSetRequiresGrad.do(t.e, t, on)
	return t
}

// ClampGrad makes later differentiations through t, which must be part of a recorded graph, drop the negative part of what flows back
// through it, and returns t. It is what guided backpropagation changes; every other operator is linear on the way back.
func (t *Tensor) ClampGrad() *Tensor {
	opClampGrad.do(t.e, t)
	return t
}

// NoGrad calls fn with recording off.
func (e *Engine) NoGrad(fn func()) { e.withGradMode(false, fn) }

// EnableGrad calls fn with recording on, inside a NoGrad.
func (e *Engine) EnableGrad(fn func()) { e.withGradMode(true, fn) }

func (e *Engine) withGradMode(on bool, fn func()) {
	was := opGradMode.all(e, on)[0]
	defer opGradMode.do(e, was)
	fn()
}

// InferenceMode calls fn with recording off and its bookkeeping too. What is made inside can never enter autograd.
func (e *Engine) InferenceMode(fn func()) {
	guard := opInferenceEnter.all(e)[0]
	defer opInferenceExit.do(e, guard)
	fn()
}

// Autocast calls fn with operators that gain from it (convolutions, matrix products) run in dt, BFloat16 or Float16, on the engine's
// device, from float32 weights. Losses are best computed outside. Float16 gradients underflow without scaling the loss; BFloat16's
// do not. On the CPU the operators have no Float16 kernels in every version of libtorch: those refuse.
func (e *Engine) Autocast(dt DType, fn func()) { e.autocast(true, dt, fn) }

// NoAutocast calls fn with autocast off, inside an Autocast.
func (e *Engine) NoAutocast(fn func()) { e.autocast(false, BFloat16, fn) }

func (e *Engine) autocast(on bool, dt DType, fn func()) {
	e.check()
	if dt != BFloat16 && dt != Float16 {
		panic(&Error{Op: "autocast", Args: dt.String(), Message: "want bfloat16 or float16"})
	}
	device := "cpu"
	if e.device.IsCUDA() {
		device = "cuda"
	}
	was := opAutocastEnter.all(e, device, on, dt)
	defer opAutocastExit.do(e, device, was[0], was[1])
	fn()
}
