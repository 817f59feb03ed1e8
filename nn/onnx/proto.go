package onnx

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/cineloop/cineloop/torch"
)

// Versions of the form: IR 8 goes with opset 17 (ONNX 1.12).
const (
	irVersion = 8
	opset     = 17
)

// message is a protobuf message being written.
type message []byte

func (m *message) int(field protowire.Number, v int64) {
	*m = protowire.AppendTag(*m, field, protowire.VarintType)
	*m = protowire.AppendVarint(*m, uint64(v))
}

func (m *message) bytes(field protowire.Number, v []byte) {
	*m = protowire.AppendTag(*m, field, protowire.BytesType)
	*m = protowire.AppendBytes(*m, v)
}

func (m *message) str(field protowire.Number, v string) { m.bytes(field, []byte(v)) }

func (m *message) float(field protowire.Number, v float32) {
	*m = protowire.AppendTag(*m, field, protowire.Fixed32Type)
	*m = protowire.AppendFixed32(*m, math.Float32bits(v))
}

// TensorProto.DataType.
const (
	typeFloat = 1
	typeInt64 = 7
)

// tensorProto is a TensorProto.
func tensorProto(name string, kind int64, shape []int64, data []byte) message {
	var m message
	for _, d := range shape {
		m.int(1, d)
	}
	m.int(2, kind)
	m.str(8, name)
	m.bytes(9, data)
	return m
}

// AttributeProto.AttributeType.
const (
	attrFloat  = 1
	attrInt    = 2
	attrString = 3
	attrTensor = 4
	attrFloats = 6
	attrInts   = 7
)

// attribute is an AttributeProto of an int64, []int64, float64, string or message (a tensor).
func attribute(name string, v any) message {
	var m message
	m.str(1, name)
	switch v := v.(type) {
	case int64:
		m.int(3, v)
		m.int(20, attrInt)
	case float64:
		m.float(2, float32(v))
		m.int(20, attrFloat)
	case string:
		m.str(4, v)
		m.int(20, attrString)
	case []int64:
		for _, i := range v {
			m.int(8, i)
		}
		m.int(20, attrInts)
	case message:
		m.bytes(5, v)
		m.int(20, attrTensor)
	default:
		panic("onnx: an attribute of another type")
	}
	return m
}

// named is an attribute with its name, in the order they are written.
type named struct {
	name  string
	value any
}

// nodeProto is a NodeProto. Empty inputs are left out.
func nodeProto(op, name string, in, out []string, attrs ...named) message {
	var m message
	for _, i := range in {
		m.str(1, i)
	}
	for _, o := range out {
		m.str(2, o)
	}
	m.str(3, name)
	m.str(4, op)
	for _, a := range attrs {
		m.bytes(5, attribute(a.name, a.value))
	}
	return m
}

// batchName is the name of the dimension that may have any size.
const batchName = "batch"

// valueProto is a ValueInfoProto of a float tensor; the first dimension is the batch.
func valueProto(name string, rest []int64) message {
	var shape message
	var batch message
	batch.str(2, batchName)
	shape.bytes(1, batch)
	for _, d := range rest {
		var dim message
		dim.int(1, d)
		shape.bytes(1, dim)
	}
	var tensor message
	tensor.int(1, typeFloat)
	tensor.bytes(2, shape)
	var kind message
	kind.bytes(1, tensor)
	var m message
	m.str(1, name)
	m.bytes(2, kind)
	return m
}

// floats is values as raw data.
func floats(v ...float32) []byte {
	out := make([]byte, 0, 4*len(v))
	for _, x := range v {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(x))
	}
	return out
}

func int64Data(v []int64) []byte {
	out := make([]byte, 0, 8*len(v))
	for _, x := range v {
		out = binary.LittleEndian.AppendUint64(out, uint64(x))
	}
	return out
}

// dataType is an element type as ONNX counts them; 0: it has no place here.
func dataType(d torch.DType) int64 {
	switch d {
	case torch.Float32:
		return typeFloat
	case torch.Int64:
		return typeInt64
	}
	return 0
}
