package torch

var (
	opView        = intern("aten::view")
	opReshape     = intern("aten::reshape")
	opFlatten     = intern("aten::flatten.using_ints")
	opPermute     = intern("aten::permute")
	opTranspose   = intern("aten::transpose.int")
	opSqueeze     = intern("aten::squeeze.dim")
	opUnsqueeze   = intern("aten::unsqueeze")
	opExpand      = intern("aten::expand")
	opRepeat      = intern("aten::repeat")
	opCat         = intern("aten::cat")
	opStack       = intern("aten::stack")
	opSplit       = intern("aten::split.Tensor")
	opSplitSizes  = intern("aten::split_with_sizes")
	opChunk       = intern("aten::chunk")
	opUnbind      = intern("aten::unbind.int")
	opNarrow      = intern("aten::narrow")
	opSelect      = intern("aten::select.int")
	opSlice       = intern("aten::slice.Tensor")
	opIndexSelect = intern("aten::index_select")
	opIndex       = intern("aten::index.Tensor")
	opIndexPut    = intern("aten::index_put_")
	opGather      = intern("aten::gather")
	opScatter     = intern("aten::scatter.src")
	opScatterAdd  = intern("aten::scatter_add")
	opMaskSelect  = intern("aten::masked_select")
	opNonzero     = intern("aten::nonzero")
	opOneHot      = intern("aten::one_hot")
	opPad         = intern("aten::pad")
	opZerosLike   = intern("aten::zeros_like")
	opOnesLike    = intern("aten::ones_like")
	opRandnLike   = intern("aten::randn_like")
	opEmptyLike   = intern("aten::empty_like")
)

// View is t with another shape over the same memory; one extent may be -1.
func (t *Tensor) View(shape ...int64) *Tensor { return opView.one(t.e, t, shape) }

// Reshape is t with another shape, copied only if it must be; one extent may be -1.
func (t *Tensor) Reshape(shape ...int64) *Tensor { return opReshape.one(t.e, t, shape) }

// Flatten joins the dimensions start to end, inclusive; -1 is the last.
func (t *Tensor) Flatten(start, end int64) *Tensor { return opFlatten.one(t.e, t, start, end) }

// Permute is t with its dimensions in another order.
func (t *Tensor) Permute(dims ...int64) *Tensor { return opPermute.one(t.e, t, dims) }

// Transpose is t with two dimensions exchanged.
func (t *Tensor) Transpose(a, b int64) *Tensor { return opTranspose.one(t.e, t, a, b) }

// Squeeze drops dim if its extent is 1.
func (t *Tensor) Squeeze(dim int64) *Tensor { return opSqueeze.one(t.e, t, dim) }

// Unsqueeze inserts a dimension of extent 1 at dim.
func (t *Tensor) Unsqueeze(dim int64) *Tensor { return opUnsqueeze.one(t.e, t, dim) }

// Expand repeats dimensions of extent 1 without copying; -1 leaves one as it is.
func (t *Tensor) Expand(shape ...int64) *Tensor { return opExpand.one(t.e, t, shape) }

// Repeat copies t so many times along each dimension.
func (t *Tensor) Repeat(times ...int64) *Tensor { return opRepeat.one(t.e, t, times) }

// Cat joins tensors along an existing dimension.
func Cat(ts []*Tensor, dim int64) *Tensor { return opCat.one(ts[0].e, ts, dim) }

// Stack joins tensors of one shape along a new dimension.
func Stack(ts []*Tensor, dim int64) *Tensor { return opStack.one(ts[0].e, ts, dim) }

// Split cuts t along dim into parts of that size; the last may be smaller.
func (t *Tensor) Split(size, dim int64) []*Tensor { return opSplit.tensors(t.e, t, size, dim) }

// SplitWithSizes cuts t along dim into parts of those sizes.
func (t *Tensor) SplitWithSizes(sizes []int64, dim int64) []*Tensor {
	return opSplitSizes.tensors(t.e, t, sizes, dim)
}

// Chunk cuts t along dim into at most n parts.
func (t *Tensor) Chunk(n, dim int64) []*Tensor { return opChunk.tensors(t.e, t, n, dim) }

// Unbind is the slices of t along dim.
func (t *Tensor) Unbind(dim int64) []*Tensor { return opUnbind.tensors(t.e, t, dim) }

// Narrow is length elements along dim from start, over the same memory.
func (t *Tensor) Narrow(dim, start, length int64) *Tensor {
	return opNarrow.one(t.e, t, dim, start, length)
}

// Select is one slice along dim, which vanishes.
func (t *Tensor) Select(dim, index int64) *Tensor { return opSelect.one(t.e, t, dim, index) }

// Slice is every step-th element along dim from start to below end, over the same memory.
func (t *Tensor) Slice(dim, start, end, step int64) *Tensor {
	return opSlice.one(t.e, t, dim, start, end, step)
}

// IndexSelect is the slices along dim that an int64 vector names.
func (t *Tensor) IndexSelect(dim int64, index *Tensor) *Tensor {
	return opIndexSelect.one(t.e, t, dim, index)
}

// Index is t[indices…]; a nil index takes a whole dimension.
func (t *Tensor) Index(indices ...*Tensor) *Tensor { return opIndex.one(t.e, t, indices) }

// IndexPut_ sets t[indices…] to values, or adds to it, and returns t.
func (t *Tensor) IndexPut_(indices []*Tensor, values *Tensor, accumulate bool) *Tensor {
	opIndexPut.do(t.e, t, indices, values, accumulate)
	return t
}

// Gather takes along dim the element that index names at each place.
func (t *Tensor) Gather(dim int64, index *Tensor) *Tensor { return opGather.one(t.e, t, dim, index) }

// Scatter is t with src written along dim at the places that index names.
func (t *Tensor) Scatter(dim int64, index, src *Tensor) *Tensor {
	return opScatter.one(t.e, t, dim, index, src)
}

// ScatterAdd is t with src added along dim at the places that index names.
func (t *Tensor) ScatterAdd(dim int64, index, src *Tensor) *Tensor {
	return opScatterAdd.one(t.e, t, dim, index, src)
}

// MaskedSelect is a vector of the elements where mask holds.
func (t *Tensor) MaskedSelect(mask *Tensor) *Tensor { return opMaskSelect.one(t.e, t, mask) }

// Nonzero is the indices of the elements that are not zero, [count, dims].
func (t *Tensor) Nonzero() *Tensor { return opNonzero.one(t.e, t) }

// OneHot turns int64 classes into rows of zeros and a one.
func (t *Tensor) OneHot(classes int64) *Tensor { return opOneHot.one(t.e, t, classes) }

// Pad pads the last dimensions by pairs (before, after), the last dimension first; mode is constant, reflect, replicate or circular.
func (t *Tensor) Pad(pad []int64, mode string, value float64) *Tensor {
	if mode != "constant" {
		return opPad.one(t.e, t, pad, mode, nil)
	}
	return opPad.one(t.e, t, pad, mode, value)
}

// ZerosLike has t's type, shape, layout and device.
func (t *Tensor) ZerosLike() *Tensor { return opZerosLike.one(t.e, t) }

// OnesLike has t's type, shape, layout and device.
func (t *Tensor) OnesLike() *Tensor { return opOnesLike.one(t.e, t) }

// RandnLike has t's type, shape, layout and device, and standard normal elements.
func (t *Tensor) RandnLike() *Tensor { return opRandnLike.one(t.e, t) }

// EmptyLike has t's type, shape, layout and device, and undefined elements.
func (t *Tensor) EmptyLike() *Tensor { return opEmptyLike.one(t.e, t) }
