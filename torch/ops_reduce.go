package torch

var (
	opMeanAll  = intern("aten::mean")
	opMeanDim  = intern("aten::mean.dim")
	opSumAll   = intern("aten::sum")
	opSumDim   = intern("aten::sum.dim_IntList")
	opVarDim   = intern("aten::var.correction")
	opStdDim   = intern("aten::std.correction")
	opMaxAll   = intern("aten::max")
	opMaxDim   = intern("aten::max.dim")
	opMinAll   = intern("aten::min")
	opMinDim   = intern("aten::min.dim")
	opAmax     = intern("aten::amax")
	opAmin     = intern("aten::amin")
	opArgmax   = intern("aten::argmax")
	opArgmin   = intern("aten::argmin")
	opProdDim  = intern("aten::prod.dim_int")
	opAll      = intern("aten::all")
	opAny      = intern("aten::any")
	opNorm     = intern("aten::linalg_vector_norm")
	opCumsum   = intern("aten::cumsum")
	opLogSum   = intern("aten::logsumexp")
	opSort     = intern("aten::sort")
	opArgsort  = intern("aten::argsort")
	opTopk     = intern("aten::topk")
	opBincount = intern("aten::bincount")
	opQuantile = intern("aten::quantile.scalar")
	opMedian   = intern("aten::median")
)

// Mean is the mean over dims, which vanish; over everything when none is given.
func (t *Tensor) Mean(dims ...int64) *Tensor {
	if len(dims) == 0 {
		return opMeanAll.one(t.e, t)
	}
	return opMeanDim.one(t.e, t, dims, false)
}

// MeanKeep is the mean over dims, which stay with extent 1.
func (t *Tensor) MeanKeep(dims ...int64) *Tensor { return opMeanDim.one(t.e, t, dims, true) }

// Sum is the sum over dims, which vanish; over everything when none is given.
func (t *Tensor) Sum(dims ...int64) *Tensor {
	if len(dims) == 0 {
		return opSumAll.one(t.e, t)
	}
	return opSumDim.one(t.e, t, dims, false)
}

// SumKeep is the sum over dims, which stay with extent 1.
func (t *Tensor) SumKeep(dims ...int64) *Tensor { return opSumDim.one(t.e, t, dims, true) }

// Var is the variance over dims with divisor n - correction.
func (t *Tensor) Var(dims []int64, correction int64, keepdim bool) *Tensor {
	return opVarDim.one(t.e, t, dims, correction, keepdim)
}

// Std is the standard deviation over dims with divisor n - correction.
func (t *Tensor) Std(dims []int64, correction int64, keepdim bool) *Tensor {
	return opStdDim.one(t.e, t, dims, correction, keepdim)
}

// Max is the largest element.
func (t *Tensor) Max() *Tensor { return opMaxAll.one(t.e, t) }

// MaxDim is the largest elements along dim and their indices.
func (t *Tensor) MaxDim(dim int64, keepdim bool) (values, indices *Tensor) {
	r := opMaxDim.tensors(t.e, t, dim, keepdim)
	return r[0], r[1]
}

// Min is the smallest element.
func (t *Tensor) Min() *Tensor { return opMinAll.one(t.e, t) }

// MinDim is the smallest elements along dim and their indices.
func (t *Tensor) MinDim(dim int64, keepdim bool) (values, indices *Tensor) {
	r := opMinDim.tensors(t.e, t, dim, keepdim)
	return r[0], r[1]
}

// Amax is the largest elements over dims.
func (t *Tensor) Amax(dims []int64, keepdim bool) *Tensor { return opAmax.one(t.e, t, dims, keepdim) }

// Amin is the smallest elements over dims.
func (t *Tensor) Amin(dims []int64, keepdim bool) *Tensor { return opAmin.one(t.e, t, dims, keepdim) }

// Argmax is the index of the largest element along dim.
func (t *Tensor) Argmax(dim int64, keepdim bool) *Tensor { return opArgmax.one(t.e, t, dim, keepdim) }

// Argmin is the index of the smallest element along dim.
func (t *Tensor) Argmin(dim int64, keepdim bool) *Tensor { return opArgmin.one(t.e, t, dim, keepdim) }

// Prod is the product along dim.
func (t *Tensor) Prod(dim int64, keepdim bool) *Tensor { return opProdDim.one(t.e, t, dim, keepdim) }

// All is whether every element is true.
func (t *Tensor) All() *Tensor { return opAll.one(t.e, t) }

// Any is whether some element is true.
func (t *Tensor) Any() *Tensor { return opAny.one(t.e, t) }

// Norm is the vector norm of order ord over dims, or over everything when none is given.
func (t *Tensor) Norm(ord float64, dims ...int64) *Tensor {
	if len(dims) == 0 {
		return opNorm.one(t.e, t, ord, nil)
	}
	return opNorm.one(t.e, t, ord, dims)
}

// Cumsum is the running sum along dim.
func (t *Tensor) Cumsum(dim int64) *Tensor { return opCumsum.one(t.e, t, dim) }

// LogSumExp is log(sum(exp(t))) over dims.
func (t *Tensor) LogSumExp(dims []int64, keepdim bool) *Tensor {
	return opLogSum.one(t.e, t, dims, keepdim)
}

// Sort is the elements in order along dim and the indices that they had.
func (t *Tensor) Sort(dim int64, descending bool) (values, indices *Tensor) {
	r := opSort.tensors(t.e, t, dim, descending)
	return r[0], r[1]
}

// Argsort is the indices that sort t along dim.
func (t *Tensor) Argsort(dim int64, descending bool) *Tensor {
	return opArgsort.one(t.e, t, dim, descending)
}

// Topk is the k largest elements along dim and their indices.
func (t *Tensor) Topk(k, dim int64) (values, indices *Tensor) {
	r := opTopk.tensors(t.e, t, k, dim)
	return r[0], r[1]
}

// Bincount counts the values of an int64 vector, with at least min counts.
func (t *Tensor) Bincount(min int64) *Tensor { return opBincount.one(t.e, t, nil, min) }

// Quantile is the quantile q of all elements, interpolated linearly.
func (t *Tensor) Quantile(q float64) *Tensor { return opQuantile.one(t.e, t, q) }

// Median is the lower median of all elements.
func (t *Tensor) Median() *Tensor { return opMedian.one(t.e, t) }
