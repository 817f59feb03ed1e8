package tensorboard

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Scalar is one point of a curve.
type Scalar struct {
	Tag   string
	Value float32
}

// Event is one record of an event file: its kind is given by which of FileVersion, Restart and Scalars is set.
type Event struct {
	WallTime    float64 // seconds since 1970
	Step        int64
	FileVersion string // of the first record: "brain.Event:2"
	Restart     bool   // points at Step and later, written before this event, are void
	Scalars     []Scalar
}

// Field numbers of tensorflow.Event, SessionLog, Summary and Summary.Value.
const (
	eventWallTime    = 1
	eventStep        = 2
	eventFileVersion = 3
	eventSummary     = 5
	eventSessionLog  = 7
	sessionStatus    = 1 // enum; START = 1
	summaryValue     = 1
	valueTag         = 1
	valueSimple      = 2
)

func (e Event) marshal() []byte {
	b := protowire.AppendTag(nil, eventWallTime, protowire.Fixed64Type)
	b = protowire.AppendFixed64(b, math.Float64bits(e.WallTime))
	b = protowire.AppendTag(b, eventStep, protowire.VarintType)
	b = protowire.AppendVarint(b, uint64(e.Step))
	if e.FileVersion != "" {
		b = protowire.AppendTag(b, eventFileVersion, protowire.BytesType)
		b = protowire.AppendString(b, e.FileVersion)
	}
	if e.Restart {
		s := protowire.AppendVarint(protowire.AppendTag(nil, sessionStatus, protowire.VarintType), 1)
		b = protowire.AppendBytes(protowire.AppendTag(b, eventSessionLog, protowire.BytesType), s)
	}
	if len(e.Scalars) > 0 {
		var s []byte
		for _, p := range e.Scalars {
			v := protowire.AppendString(protowire.AppendTag(nil, valueTag, protowire.BytesType), p.Tag)
			v = protowire.AppendFixed32(protowire.AppendTag(v, valueSimple, protowire.Fixed32Type), math.Float32bits(p.Value))
			s = protowire.AppendBytes(protowire.AppendTag(s, summaryValue, protowire.BytesType), v)
		}
		b = protowire.AppendBytes(protowire.AppendTag(b, eventSummary, protowire.BytesType), s)
	}
	return b
}

// field is one decoded protobuf field: num holds varints and fixed values, data holds length-delimited ones.
type field struct {
	id   protowire.Number
	kind protowire.Type
	num  uint64
	data []byte
}

// fields walks a message; fields of other kinds than those used here are skipped by their length, as protobuf promises.
func fields(b []byte, visit func(field) error) error {
	for len(b) > 0 {
		id, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("tensorboard: malformed event: %w", protowire.ParseError(n))
		}
		b = b[n:]
		f := field{id: id, kind: kind}
		switch kind {
		case protowire.VarintType:
			f.num, n = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			f.num, n = protowire.ConsumeFixed64(b)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(b)
			f.num = uint64(v)
		case protowire.BytesType:
			f.data, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(id, kind, b)
		}
		if n < 0 {
			return fmt.Errorf("tensorboard: malformed event: %w", protowire.ParseError(n))
		}
		b = b[n:]
		if err := visit(f); err != nil {
			return err
		}
	}
	return nil
}

func unmarshal(b []byte) (Event, error) {
	var e Event
	err := fields(b, func(f field) error {
		switch {
		case f.id == eventWallTime && f.kind == protowire.Fixed64Type:
			e.WallTime = math.Float64frombits(f.num)
		case f.id == eventStep && f.kind == protowire.VarintType:
			e.Step = int64(f.num)
		case f.id == eventFileVersion && f.kind == protowire.BytesType:
			e.FileVersion = string(f.data)
		case f.id == eventSessionLog && f.kind == protowire.BytesType:
			return fields(f.data, func(g field) error {
				e.Restart = e.Restart || g.id == sessionStatus && g.num == 1
				return nil
			})
		case f.id == eventSummary && f.kind == protowire.BytesType:
			return fields(f.data, func(g field) error {
				if g.id != summaryValue || g.kind != protowire.BytesType {
					return nil
				}
				var s Scalar
				if err := fields(g.data, func(h field) error {
					switch {
					case h.id == valueTag && h.kind == protowire.BytesType:
						s.Tag = string(h.data)
					case h.id == valueSimple && h.kind == protowire.Fixed32Type:
						s.Value = math.Float32frombits(uint32(h.num))
					}
					return nil
				}); err != nil {
					return err
				}
				e.Scalars = append(e.Scalars, s)
				return nil
			})
		}
		return nil
	})
	return e, err
}
