package dicom

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/dicom/charset"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
)

// Charset is the character set that holds for ds: its own (0008,0005), or that of the data set around it.
func (ds *DataSet) Charset() *charset.Set {
	if s := ds.text.Load(); s != nil {
		return s
	}
	s := charset.Default
	if e, ok := ds.Get(tag.SpecificCharacterSet); ok {
		if b, err := e.Bytes(); err == nil {
			s, _ = charset.Parse(splitASCII(b))
		}
	} else if ds.parent != nil {
		s = ds.parent.Charset()
	}
	ds.text.Store(s)
	return s
}

// forgetCharset makes ds and what is inside it look at (0008,0005) again.
func (ds *DataSet) forgetCharset() {
	ds.text.Store(nil)
	for i := range ds.elems {
		for _, item := range ds.elems[i].items {
			item.forgetCharset()
		}
	}
}

func splitASCII(b []byte) []string {
	parts := strings.Split(string(b), `\`)
	for i, p := range parts {
		parts[i] = strings.Trim(p, " \x00")
	}
	if len(parts) == 1 && parts[0] == "" {
		return nil
	}
	return parts
}

func delimiters(v vr.VR) charset.Delimiters {
	switch {
	case v == vr.PN:
		return charset.Name
	case v.IsSingle():
		return charset.Text
	}
	return charset.Values
}

// Text is the value of a text VR as UTF-8, with padding and as one string. ok is false if some bytes are not in the declared
// character set; see [charset.Set.Decode].
func (e *Element) Text() (text string, ok bool) {
	b, err := e.Bytes()
	if err != nil {
		return "", false
	}
	v := e.Kind()
	if !v.UsesCharset() {
		ascii := true
		for _, c := range b {
			if c >= 0x80 {
				ascii = false
			}
		}
		if ascii {
			return string(b), true
		}
		s, _ := charset.Default.Decode(b, charset.Values)
		return s, false
	}
	return e.in.Charset().Decode(b, delimiters(v))
}

// Strings are the values as text: without padding, split at backslashes where the VR has several values, numbers in decimal, tags as
// "(gggg,eeee)". It is nil for an empty element and for bytes and sequences.
func (e *Element) Strings() []string {
	v := e.Kind()
	switch {
	case v == vr.SQ:
		return nil
	case v.IsText():
		s, _ := e.Text()
		if v.IsSingle() {
			if s = strings.TrimRight(s, " \x00"); s == "" {
				return nil
			}
			return []string{s}
		}
		s = strings.TrimRight(s, " \x00")
		if s == "" {
			return nil
		}
		parts := strings.Split(s, `\`)
		for i, p := range parts {
			p = strings.TrimRight(p, " \x00")
			if v == vr.PN {
				p = strings.TrimRight(p, "=") // component groups that are empty
			} else if v != vr.UC { // whose leading spaces count (PS3.5 table 6.2-1)
				p = strings.TrimLeft(p, " ")
			}
			parts[i] = p
		}
		return parts
	case v == vr.AT:
		var out []string
		for _, n := range e.Ints() {
			out = append(out, tag.Tag(n).String())
		}
		return out
	case v == vr.FL || v == vr.OF:
		return formatFloats(e.Floats(), 32)
	case v == vr.FD || v == vr.OD:
		return formatFloats(e.Floats(), 64)
	}
	ints := e.Ints()
	if ints == nil {
		return nil
	}
	out := make([]string, len(ints))
	for i, n := range ints {
		out[i] = strconv.FormatInt(n, 10)
		if v == vr.UV {
			out[i] = strconv.FormatUint(uint64(n), 10)
		}
	}
	return out
}

func formatFloats(f []float64, bits int) []string {
	out := make([]string, len(f))
	for i, x := range f {
		out[i] = strconv.FormatFloat(x, 'g', -1, bits)
	}
	return out
}

// Ints are the values as whole numbers: of binary VRs, of IS, and of DS without a fraction. It is nil if any value is none, and for
// bytes. UV values above 2^63-1 wrap: [Element.Uints] has them.
func (e *Element) Ints() []int64 {
	v := e.Kind()
	if v.IsText() {
		if v != vr.IS && v != vr.DS {
			return nil
		}
		var out []int64
		for _, s := range e.Strings() {
			s = strings.TrimSpace(s)
			n, err := strconv.ParseInt(strings.TrimPrefix(s, "+"), 10, 64)
			if err != nil {
				f, ferr := parseDS(s)
				if ferr != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
					return nil
				}
				n = int64(f)
			}
			out = append(out, n)
		}
		return out
	}
	switch v {
	case vr.OB, vr.UN, vr.SQ, vr.OW, vr.OF, vr.OD, vr.OL, vr.OV, vr.FL, vr.FD:
		return nil
	}
	w := v.WordSize()
	b, err := e.Bytes()
	if err != nil || w == 0 || len(b) < w {
		return nil
	}
	order := e.order()
	if v == vr.AT {
		out := make([]int64, len(b)/4)
		for i := range out {
			out[i] = int64(order.Uint16(b[4*i:]))<<16 | int64(order.Uint16(b[4*i+2:]))
		}
		return out
	}
	out := make([]int64, len(b)/w)
	for i := range out {
		p := b[i*w:]
		switch v {
		case vr.US:
			out[i] = int64(order.Uint16(p))
		case vr.SS:
			out[i] = int64(int16(order.Uint16(p)))
		case vr.UL:
			out[i] = int64(order.Uint32(p))
		case vr.SL:
			out[i] = int64(int32(order.Uint32(p)))
		default: // SV, UV
			out[i] = int64(order.Uint64(p))
		}
	}
	return out
}

// Uints are the values as whole numbers of no sign: of US, UL, UV and AT, and the bytes and words of OB, OW, OL, OV and UN, which may be many. It is nil if a
// value is negative, and for every other VR.
func (e *Element) Uints() []uint64 {
	v := e.Kind()
	switch v {
	case vr.OB, vr.UN, vr.OW, vr.OL, vr.OV, vr.UV:
		w := v.WordSize()
		b, err := e.Bytes()
		if err != nil || e.frags != nil || len(b) < w {
			return nil
		}
		out := make([]uint64, len(b)/w)
		order := e.order()
		for i := range out {
			switch p := b[i*w:]; w {
			case 1:
				out[i] = uint64(p[0])
			case 2:
				out[i] = uint64(order.Uint16(p))
			case 4:
				out[i] = uint64(order.Uint32(p))
			default:
				out[i] = order.Uint64(p)
			}
		}
		return out
	}
	ints := e.Ints()
	if ints == nil {
		return nil
	}
	out := make([]uint64, len(ints))
	for i, n := range ints {
		if n < 0 {
			return nil
		}
		out[i] = uint64(n)
	}
	return out
}

var errDS = errors.New("not a decimal number")

// parseDS reads a decimal string: digits, sign, point and exponent, and spaces around them. Infinities, hexadecimal numbers and the like are none.
func parseDS(s string) (float64, error) {
	s = strings.Trim(s, " \x00")
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c == '+', c == '-', c == '.', c == 'e', c == 'E':
		default:
			return 0, errDS
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, errDS
	}
	return f, nil
}

// Floats are the values as numbers: of binary VRs, floats, IS and DS. It is nil if any value is none.
func (e *Element) Floats() []float64 {
	v := e.Kind()
	switch v {
	case vr.IS, vr.DS:
		var out []float64
		for _, s := range e.Strings() {
			f, err := parseDS(s)
			if err != nil {
				return nil
			}
			out = append(out, f)
		}
		return out
	case vr.FL, vr.FD, vr.OF, vr.OD:
		w := v.WordSize()
		b, err := e.Bytes()
		if err != nil || len(b) < w {
			return nil
		}
		out := make([]float64, len(b)/w)
		for i := range out {
			if w == 4 {
				out[i] = float64(math.Float32frombits(e.order().Uint32(b[4*i:])))
			} else {
				out[i] = math.Float64frombits(e.order().Uint64(b[8*i:]))
			}
		}
		return out
	}
	ints := e.Ints()
	if ints == nil {
		return nil
	}
	out := make([]float64, len(ints))
	for i, n := range ints {
		out[i] = float64(n)
	}
	return out
}

// Strings are the values of t as text; nil if t is absent or empty. See [Element.Strings].
func (ds *DataSet) Strings(t tag.Tag) []string {
	if e, ok := ds.Get(t); ok {
		return e.Strings()
	}
	return nil
}

// String is the first value of t as text, "" if there is none.
func (ds *DataSet) String(t tag.Tag) string {
	if s := ds.Strings(t); len(s) > 0 {
		return s[0]
	}
	return ""
}

// Ints are the values of t as whole numbers; nil if t is absent, empty or holds anything else.
func (ds *DataSet) Ints(t tag.Tag) []int64 {
	if e, ok := ds.Get(t); ok {
		return e.Ints()
	}
	return nil
}

// Int is the first value of t as a whole number.
func (ds *DataSet) Int(t tag.Tag) (int, bool) {
	if n := ds.Ints(t); len(n) > 0 {
		return int(n[0]), true
	}
	return 0, false
}

// Floats are the values of t as numbers; nil if t is absent, empty or holds anything else.
func (ds *DataSet) Floats(t tag.Tag) []float64 {
	if e, ok := ds.Get(t); ok {
		return e.Floats()
	}
	return nil
}

// Float is the first value of t as a number.
func (ds *DataSet) Float(t tag.Tag) (float64, bool) {
	if f := ds.Floats(t); len(f) > 0 {
		return f[0], true
	}
	return 0, false
}

// Bytes is the value of t as stored; nil if t is absent or can't be read.
func (ds *DataSet) Bytes(t tag.Tag) []byte {
	if e, ok := ds.Get(t); ok {
		b, _ := e.Bytes()
		return b
	}
	return nil
}

// Sequence are the items of t; nil if t is absent or no sequence.
func (ds *DataSet) Sequence(t tag.Tag) []*DataSet {
	if e, ok := ds.Get(t); ok {
		return e.items
	}
	return nil
}
