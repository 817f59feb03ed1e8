package torch

// The _foreach_ operators do one thing to every tensor of a list in one call: optimisers, averages and clipping are made of them.
// All lists of one call have the same length and pairwise the same shapes. An empty list is left alone.

var (
	opForeachAdd      = intern("aten::_foreach_add_.List")
	opForeachAddS     = intern("aten::_foreach_add_.Scalar")
	opForeachMul      = intern("aten::_foreach_mul_.List")
	opForeachMulS     = intern("aten::_foreach_mul_.Scalar")
	opForeachMulSs    = intern("aten::_foreach_mul_.ScalarList")
	opForeachDiv      = intern("aten::_foreach_div_.List")
	opForeachDivS     = intern("aten::_foreach_div_.Scalar")
	opForeachSub      = intern("aten::_foreach_sub_.List")
	opForeachAddcmul  = intern("aten::_foreach_addcmul_.Scalar")
	opForeachAddcdiv  = intern("aten::_foreach_addcdiv_.Scalar")
	opForeachSqrt     = intern("aten::_foreach_sqrt")
	opForeachNorm     = intern("aten::_foreach_norm.Scalar")
	opForeachZero     = intern("aten::_foreach_zero_")
	opForeachMaximumI = intern("aten::_foreach_maximum_.List")
)

// ForeachAdd_ adds alpha × us to ts.
func ForeachAdd_(ts, us []*Tensor, alpha float64) {
	if len(ts) > 0 {
		opForeachAdd.do(ts[0].e, ts, us, alpha)
	}
}

// ForeachAddScalar_ adds s to ts.
func ForeachAddScalar_(ts []*Tensor, s float64) {
	if len(ts) > 0 {
		opForeachAddS.do(ts[0].e, ts, s)
	}
}

// ForeachSub_ subtracts alpha × us from ts.
func ForeachSub_(ts, us []*Tensor, alpha float64) {
	if len(ts) > 0 {
		opForeachSub.do(ts[0].e, ts, us, alpha)
	}
}

// ForeachMul_ multiplies ts by us.
func ForeachMul_(ts, us []*Tensor) {
	if len(ts) > 0 {
		opForeachMul.do(ts[0].e, ts, us)
	}
}

// ForeachMulScalar_ multiplies ts by s.
func ForeachMulScalar_(ts []*Tensor, s float64) {
	if len(ts) > 0 {
		opForeachMulS.do(ts[0].e, ts, s)
	}
}

// ForeachMulScalars_ multiplies each of ts by its own scalar.
func ForeachMulScalars_(ts []*Tensor, ss []float64) {
	if len(ts) > 0 {
		opForeachMulSs.do(ts[0].e, ts, ss)
	}
}

// ForeachDiv_ divides ts by us.
func ForeachDiv_(ts, us []*Tensor) {
	if len(ts) > 0 {
		opForeachDiv.do(ts[0].e, ts, us)
	}
}

// ForeachDivScalar_ divides ts by s.
func ForeachDivScalar_(ts []*Tensor, s float64) {
	if len(ts) > 0 {
		opForeachDivS.do(ts[0].e, ts, s)
	}
}

// ForeachAddcmul_ adds value × as × bs to ts.
func ForeachAddcmul_(ts, as, bs []*Tensor, value float64) {
	if len(ts) > 0 {
		opForeachAddcmul.do(ts[0].e, ts, as, bs, value)
	}
}

// ForeachAddcdiv_ adds value × as / bs to ts.
func ForeachAddcdiv_(ts, as, bs []*Tensor, value float64) {
	if len(ts) > 0 {
		opForeachAddcdiv.do(ts[0].e, ts, as, bs, value)
	}
}

// ForeachLerp_ moves ts the fraction w towards us: an exponential moving average with decay 1 - w.
func ForeachLerp_(ts, us []*Tensor, w float64) {
	ForeachMulScalar_(ts, 1-w)
	ForeachAdd_(ts, us, w)
}

// ForeachSqrt is the square roots of ts.
func ForeachSqrt(ts []*Tensor) []*Tensor {
	if len(ts) == 0 {
		return nil
	}
	return opForeachSqrt.tensors(ts[0].e, ts)
}

// ForeachNorm is the 2-norm of each of ts.
func ForeachNorm(ts []*Tensor) []*Tensor {
	if len(ts) == 0 {
		return nil
	}
	return opForeachNorm.tensors(ts[0].e, ts, 2)
}

// ForeachZero_ sets ts to zero.
func ForeachZero_(ts []*Tensor) {
	if len(ts) > 0 {
		opForeachZero.do(ts[0].e, ts)
	}
}

// ForeachMaximum_ sets ts to the larger of ts and us, for AMSGrad.
func ForeachMaximum_(ts, us []*Tensor) {
	if len(ts) > 0 {
		opForeachMaximumI.do(ts[0].e, ts, us)
	}
}

// ClipGradNorm scales the gradients of the parameters down so that their joint 2-norm is at most max, and returns the norm before.
// Parameters without gradient do not count. It follows torch.nn.utils.clip_grad_norm_.
func ClipGradNorm(parameters []*Tensor, max float64) float64 {
	if len(parameters) == 0 {
		return 0
	}
	e := parameters[0].e
	s := e.Scope()
	defer s.Close()
	var grads []*Tensor
	for _, p := range parameters {
		if g := p.Grad(); g != nil {
			grads = append(grads, g)
		}
	}
	if len(grads) == 0 {
		return 0
	}
	norm := Stack(ForeachNorm(grads), 0).Norm(2).Item()
	if scale := max / (norm + 1e-6); scale < 1 {
		ForeachMulScalar_(grads, scale)
	}
	return norm
}
