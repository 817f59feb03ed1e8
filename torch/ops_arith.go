package torch

var (
	opAdd       = intern("aten::add.Tensor")
	opAddS      = intern("aten::add.Scalar")
	opAddIn     = intern("aten::add_.Tensor")
	opAddSIn    = intern("aten::add_.Scalar")
	opSub       = intern("aten::sub.Tensor")
	opSubS      = intern("aten::sub.Scalar")
	opSubIn     = intern("aten::sub_.Tensor")
	opRsub      = intern("aten::rsub.Scalar")
	opMul       = intern("aten::mul.Tensor")
	opMulS      = intern("aten::mul.Scalar")
	opMulIn     = intern("aten::mul_.Tensor")
	opMulSIn    = intern("aten::mul_.Scalar")
	opDiv       = intern("aten::div.Tensor")
	opDivS      = intern("aten::div.Scalar")
	opDivIn     = intern("aten::div_.Tensor")
	opDivSIn    = intern("aten::div_.Scalar")
	opPowS      = intern("aten::pow.Tensor_Scalar")
	opPow       = intern("aten::pow.Tensor_Tensor")
	opLerp      = intern("aten::lerp.Scalar")
	opLerpIn    = intern("aten::lerp_.Scalar")
	opAddcmul   = intern("aten::addcmul")
	opAddcdiv   = intern("aten::addcdiv")
	opMaximum   = intern("aten::maximum")
	opMinimum   = intern("aten::minimum")
	opNeg       = intern("aten::neg")
	opAbs       = intern("aten::abs")
	opSign      = intern("aten::sign")
	opExp       = intern("aten::exp")
	opExpm1     = intern("aten::expm1")
	opLog       = intern("aten::log")
	opLog1p     = intern("aten::log1p")
	opSqrt      = intern("aten::sqrt")
	opRsqrt     = intern("aten::rsqrt")
	opSquare    = intern("aten::square")
	opRecip     = intern("aten::reciprocal")
	opSin       = intern("aten::sin")
	opCos       = intern("aten::cos")
	opTanh      = intern("aten::tanh")
	opErf       = intern("aten::erf")
	opFloor     = intern("aten::floor")
	opRound     = intern("aten::round")
	opClamp     = intern("aten::clamp")
	opClampIn   = intern("aten::clamp_")
	opClampMin  = intern("aten::clamp_min")
	opWhere     = intern("aten::where.self")
	opMaskFill  = intern("aten::masked_fill.Scalar")
	opIsNaN     = intern("aten::isnan")
	opIsFinite  = intern("aten::isfinite")
	opEq        = intern("aten::eq.Tensor")
	opEqS       = intern("aten::eq.Scalar")
	opNeS       = intern("aten::ne.Scalar")
	opLt        = intern("aten::lt.Tensor")
	opLtS       = intern("aten::lt.Scalar")
	opLeS       = intern("aten::le.Scalar")
	opGt        = intern("aten::gt.Tensor")
	opGtS       = intern("aten::gt.Scalar")
	opGeS       = intern("aten::ge.Scalar")
	opLogicNot  = intern("aten::logical_not")
	opLogicAnd  = intern("aten::logical_and")
	opLogicOr   = intern("aten::logical_or")
	opMatmul    = intern("aten::matmul")
	opMm        = intern("aten::mm")
	opBmm       = intern("aten::bmm")
	opAddmm     = intern("aten::addmm")
	opEinsum    = intern("aten::einsum")
	opT         = intern("aten::t")
	opFlipOp    = intern("aten::flip")
	opRollOp    = intern("aten::roll")
	opLogSigmod = intern("aten::log_sigmoid")
)

// Add is t + u with broadcasting.
func (t *Tensor) Add(u *Tensor) *Tensor { return opAdd.one(t.e, t, u) }

// AddScalar is t + s.
func (t *Tensor) AddScalar(s float64) *Tensor { return opAddS.one(t.e, t, s) }

// Add_ adds alpha × u to t and returns t.
func (t *Tensor) Add_(u *Tensor, alpha float64) *Tensor { opAddIn.do(t.e, t, u, alpha); return t }

// AddScalar_ adds s to t and returns t.
func (t *Tensor) AddScalar_(s float64) *Tensor { opAddSIn.do(t.e, t, s); return t }

// Sub is t - u with broadcasting.
func (t *Tensor) Sub(u *Tensor) *Tensor { return opSub.one(t.e, t, u) }

// SubScalar is t - s.
func (t *Tensor) SubScalar(s float64) *Tensor { return opSubS.one(t.e, t, s) }

// Sub_ subtracts u from t and returns t.
func (t *Tensor) Sub_(u *Tensor) *Tensor { opSubIn.do(t.e, t, u); return t }

// Rsub is s - t.
func (t *Tensor) Rsub(s float64) *Tensor { return opRsub.one(t.e, t, s) }

// Mul is t × u, elementwise with broadcasting.
func (t *Tensor) Mul(u *Tensor) *Tensor { return opMul.one(t.e, t, u) }

// MulScalar is t × s.
func (t *Tensor) MulScalar(s float64) *Tensor { return opMulS.one(t.e, t, s) }

// Mul_ multiplies t by u and returns t.
func (t *Tensor) Mul_(u *Tensor) *Tensor { opMulIn.do(t.e, t, u); return t }

// MulScalar_ multiplies t by s and returns t.
func (t *Tensor) MulScalar_(s float64) *Tensor { opMulSIn.do(t.e, t, s); return t }

// Div is t / u with broadcasting.
func (t *Tensor) Div(u *Tensor) *Tensor { return opDiv.one(t.e, t, u) }

// DivScalar is t / s.
func (t *Tensor) DivScalar(s float64) *Tensor { return opDivS.one(t.e, t, s) }

// Div_ divides t by u and returns t.
func (t *Tensor) Div_(u *Tensor) *Tensor { opDivIn.do(t.e, t, u); return t }

// DivScalar_ divides t by s and returns t.
func (t *Tensor) DivScalar_(s float64) *Tensor { opDivSIn.do(t.e, t, s); return t }

// PowScalar is t to the power s.
func (t *Tensor) PowScalar(s float64) *Tensor { return opPowS.one(t.e, t, s) }

// Pow is t to the power u with broadcasting.
func (t *Tensor) Pow(u *Tensor) *Tensor { return opPow.one(t.e, t, u) }

// Lerp is t + w (end - t).
func (t *Tensor) Lerp(end *Tensor, w float64) *Tensor { return opLerp.one(t.e, t, end, w) }

// Lerp_ moves t the fraction w towards end and returns t.
func (t *Tensor) Lerp_(end *Tensor, w float64) *Tensor { opLerpIn.do(t.e, t, end, w); return t }

// Addcmul is t + value × a × b.
func (t *Tensor) Addcmul(a, b *Tensor, value float64) *Tensor {
	return opAddcmul.one(t.e, t, a, b, value)
}

// Addcdiv is t + value × a / b.
func (t *Tensor) Addcdiv(a, b *Tensor, value float64) *Tensor {
	return opAddcdiv.one(t.e, t, a, b, value)
}

// Maximum is the larger of t and u, elementwise.
func (t *Tensor) Maximum(u *Tensor) *Tensor { return opMaximum.one(t.e, t, u) }

// Minimum is the smaller of t and u, elementwise.
func (t *Tensor) Minimum(u *Tensor) *Tensor { return opMinimum.one(t.e, t, u) }

// Neg is -t.
func (t *Tensor) Neg() *Tensor { return opNeg.one(t.e, t) }

// Abs is |t|.
func (t *Tensor) Abs() *Tensor { return opAbs.one(t.e, t) }

// Sign is -1, 0 or 1.
func (t *Tensor) Sign() *Tensor { return opSign.one(t.e, t) }

// Exp is e to the power t.
func (t *Tensor) Exp() *Tensor { return opExp.one(t.e, t) }

// Expm1 is e^t - 1, exact near zero.
func (t *Tensor) Expm1() *Tensor { return opExpm1.one(t.e, t) }

// Log is the natural logarithm.
func (t *Tensor) Log() *Tensor { return opLog.one(t.e, t) }

// Log1p is log(1 + t), exact near zero.
func (t *Tensor) Log1p() *Tensor { return opLog1p.one(t.e, t) }

// Sqrt is the square root.
func (t *Tensor) Sqrt() *Tensor { return opSqrt.one(t.e, t) }

// Rsqrt is 1 / sqrt(t).
func (t *Tensor) Rsqrt() *Tensor { return opRsqrt.one(t.e, t) }

// Square is t².
func (t *Tensor) Square() *Tensor { return opSquare.one(t.e, t) }

// Reciprocal is 1 / t.
func (t *Tensor) Reciprocal() *Tensor { return opRecip.one(t.e, t) }

// Sin is the sine of radians.
func (t *Tensor) Sin() *Tensor { return opSin.one(t.e, t) }

// Cos is the cosine of radians.
func (t *Tensor) Cos() *Tensor { return opCos.one(t.e, t) }

// Tanh is the hyperbolic tangent.
func (t *Tensor) Tanh() *Tensor { return opTanh.one(t.e, t) }

// Erf is the error function.
func (t *Tensor) Erf() *Tensor { return opErf.one(t.e, t) }

// Floor rounds down.
func (t *Tensor) Floor() *Tensor { return opFloor.one(t.e, t) }

// Round rounds to the nearest integer, halves to even.
func (t *Tensor) Round() *Tensor { return opRound.one(t.e, t) }

// Clamp limits t to [low, high].
func (t *Tensor) Clamp(low, high float64) *Tensor { return opClamp.one(t.e, t, low, high) }

// Clamp_ limits t to [low, high] in place and returns t.
func (t *Tensor) Clamp_(low, high float64) *Tensor { opClampIn.do(t.e, t, low, high); return t }

// ClampMin limits t from below.
func (t *Tensor) ClampMin(low float64) *Tensor { return opClampMin.one(t.e, t, low) }

// Where takes t where the bool tensor cond holds and u elsewhere.
func Where(cond, t, u *Tensor) *Tensor { return opWhere.one(t.e, cond, t, u) }

// MaskedFill is t with value where the bool tensor mask holds.
func (t *Tensor) MaskedFill(mask *Tensor, value float64) *Tensor {
	return opMaskFill.one(t.e, t, mask, value)
}

// IsNaN is true where t is not a number.
func (t *Tensor) IsNaN() *Tensor { return opIsNaN.one(t.e, t) }

// IsFinite is true where t is neither infinite nor not a number.
func (t *Tensor) IsFinite() *Tensor { return opIsFinite.one(t.e, t) }

// Eq is t == u, elementwise.
func (t *Tensor) Eq(u *Tensor) *Tensor { return opEq.one(t.e, t, u) }

// EqScalar is t == s, elementwise.
func (t *Tensor) EqScalar(s float64) *Tensor { return opEqS.one(t.e, t, s) }

// NeScalar is t != s, elementwise.
func (t *Tensor) NeScalar(s float64) *Tensor { return opNeS.one(t.e, t, s) }

// Lt is t < u, elementwise.
func (t *Tensor) Lt(u *Tensor) *Tensor { return opLt.one(t.e, t, u) }

// LtScalar is t < s, elementwise.
func (t *Tensor) LtScalar(s float64) *Tensor { return opLtS.one(t.e, t, s) }

// LeScalar is t <= s, elementwise.
func (t *Tensor) LeScalar(s float64) *Tensor { return opLeS.one(t.e, t, s) }

// Gt is t > u, elementwise.
func (t *Tensor) Gt(u *Tensor) *Tensor { return opGt.one(t.e, t, u) }

// GtScalar is t > s, elementwise.
func (t *Tensor) GtScalar(s float64) *Tensor { return opGtS.one(t.e, t, s) }

// GeScalar is t >= s, elementwise.
func (t *Tensor) GeScalar(s float64) *Tensor { return opGeS.one(t.e, t, s) }

// LogicalNot inverts a bool tensor.
func (t *Tensor) LogicalNot() *Tensor { return opLogicNot.one(t.e, t) }

// LogicalAnd is t and u, elementwise.
func (t *Tensor) LogicalAnd(u *Tensor) *Tensor { return opLogicAnd.one(t.e, t, u) }

// LogicalOr is t or u, elementwise.
func (t *Tensor) LogicalOr(u *Tensor) *Tensor { return opLogicOr.one(t.e, t, u) }

// Matmul is the matrix product, batched and broadcast as in torch.
func (t *Tensor) Matmul(u *Tensor) *Tensor { return opMatmul.one(t.e, t, u) }

// Mm is the product of two matrices.
func (t *Tensor) Mm(u *Tensor) *Tensor { return opMm.one(t.e, t, u) }

// Bmm is the products of two batches of matrices.
func (t *Tensor) Bmm(u *Tensor) *Tensor { return opBmm.one(t.e, t, u) }

// Addmm is beta × t + alpha × (a times b).
func (t *Tensor) Addmm(a, b *Tensor, beta, alpha float64) *Tensor {
	return opAddmm.one(t.e, t, a, b, beta, alpha)
}

// Einsum sums products by an equation such as "bij,bjk->bik".
func Einsum(equation string, ts ...*Tensor) *Tensor { return opEinsum.one(ts[0].e, equation, ts) }

// T is the transposed matrix.
func (t *Tensor) T() *Tensor { return opT.one(t.e, t) }

// Flip reverses the order along dims.
func (t *Tensor) Flip(dims ...int64) *Tensor { return opFlipOp.one(t.e, t, dims) }

// Roll shifts elements along dims, those that fall off entering at the other end.
func (t *Tensor) Roll(shifts, dims []int64) *Tensor { return opRollOp.one(t.e, t, shifts, dims) }

// LogSigmoid is log(sigmoid(t)), exact for large |t|.
func (t *Tensor) LogSigmoid() *Tensor { return opLogSigmod.one(t.e, t) }
