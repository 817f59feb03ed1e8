package torch

import "fmt"

// DType is an element type, with the numbers of c10::ScalarType.
type DType int8

// The element types.
const (
	Uint8      DType = 0
	Int8       DType = 1
	Int16      DType = 2
	Int32      DType = 3
	Int64      DType = 4
	Float16    DType = 5
	Float32    DType = 6
	Float64    DType = 7
	Complex64  DType = 9
	Complex128 DType = 10
	Bool       DType = 11
	BFloat16   DType = 15
)

// dtypes holds each type's torch name, safetensors name, torch storage class and size in bytes.
var dtypes = map[DType]struct {
	name, safe, storage string
	size                int
}{
	Uint8:      {"uint8", "U8", "ByteStorage", 1},
	Int8:       {"int8", "I8", "CharStorage", 1},
	Int16:      {"int16", "I16", "ShortStorage", 2},
	Int32:      {"int32", "I32", "IntStorage", 4},
	Int64:      {"int64", "I64", "LongStorage", 8},
	Float16:    {"float16", "F16", "HalfStorage", 2},
	Float32:    {"float32", "F32", "FloatStorage", 4},
	Float64:    {"float64", "F64", "DoubleStorage", 8},
	Complex64:  {"complex64", "C64", "ComplexFloatStorage", 8},
	Complex128: {"complex128", "C128", "ComplexDoubleStorage", 16},
	Bool:       {"bool", "BOOL", "BoolStorage", 1},
	BFloat16:   {"bfloat16", "BF16", "BFloat16Storage", 2},
}

// String is torch's name without "torch.": "float32".
func (d DType) String() string {
	if info, ok := dtypes[d]; ok {
		return info.name
	}
	return fmt.Sprintf("dtype(%d)", int8(d))
}

// Size is the bytes of one element; 0 for a type that this package does not know.
func (d DType) Size() int { return dtypes[d].size }

// IsFloat says whether d is a real floating-point type.
func (d DType) IsFloat() bool {
	return d == Float16 || d == Float32 || d == Float64 || d == BFloat16
}

// Device is a place where tensors live, in torch's notation: "cpu", "cuda:0".
type Device string

// CPU is the host.
const CPU Device = "cpu"

// IsCUDA says whether d is an NVIDIA device.
func (d Device) IsCUDA() bool { return len(d) >= 4 && d[:4] == "cuda" }

// MemoryFormat is the order of a tensor's dimensions in memory, with the numbers of c10::MemoryFormat.
type MemoryFormat int8

// The memory formats.
const (
	Contiguous     MemoryFormat = 0
	Preserve       MemoryFormat = 1
	ChannelsLast   MemoryFormat = 2 // NHWC in memory for [N, C, H, W]
	ChannelsLast3d MemoryFormat = 3 // NDHWC in memory for [N, C, D, H, W]
)

// Reduction says how a loss joins its elements, with the numbers of at::Reduction.
type Reduction int8

// The reductions.
const (
	ReduceNone Reduction = 0
	ReduceMean Reduction = 1
	ReduceSum  Reduction = 2
)
