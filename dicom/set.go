package dicom

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cineloop/cineloop/dicom/charset"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

// Err is the first value that a Set method could not store in ds or an item inside it, or nil. Writing returns it.
func (ds *DataSet) Err() error {
	if ds.err != nil {
		return ds.err
	}
	for i := range ds.elems {
		for _, item := range ds.elems[i].items {
			if err := item.Err(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (ds *DataSet) fail(t tag.Tag, format string, args ...any) {
	if ds.err == nil {
		ds.err = fault.New(fault.Input, "setting %v %s: %s", t, t.Keyword(), fmt.Sprintf(format, args...))
	}
}

// vrOf is the VR that values set without one get: that of the element being replaced, or else the dictionary's.
func (ds *DataSet) vrOf(t tag.Tag) vr.VR {
	if e, ok := ds.Get(t); ok && e.VR.Known() && e.VR != vr.UN {
		return e.VR
	}
	if c := t.Creator(); c != 0 {
		in, _ := tag.LookupPrivate(ds.String(c), t)
		return in.VR
	}
	return t.VR()
}

// SetString sets t to text values; for a numeric VR they are parsed. Text that the data set's character set can't hold moves the
// outermost data set, with everything in it, to UTF-8 (ISO_IR 192). What can't be stored is remembered by [DataSet.Err].
func (ds *DataSet) SetString(t tag.Tag, values ...string) { ds.SetText(t, ds.vrOf(t), values...) }

// SetText is [DataSet.SetString] with a VR of the caller's choice, for private attributes.
func (ds *DataSet) SetText(t tag.Tag, v vr.VR, values ...string) {
	if !v.IsText() {
		ds.parseNumbers(t, v, values)
		return
	}
	if v.IsSingle() && len(values) > 1 {
		ds.fail(t, "VR %v has one value", v)
		return
	}
	for _, s := range values {
		if err := checkText(v, s); err != nil {
			ds.fail(t, "%v", err)
			return
		}
	}
	ds.storeText(t, v, values)
}

// storeText is SetText without the limits of the VR: for values that come from elsewhere and are to stay what they are. Only what would become something
// else is refused.
func (ds *DataSet) storeText(t tag.Tag, v vr.VR, values []string) {
	for _, s := range values {
		if !utf8.ValidString(s) {
			ds.fail(t, "text that is not UTF-8")
			return
		}
		if !v.IsSingle() && strings.Contains(s, `\`) {
			ds.fail(t, "a backslash separates values of VR %v", v)
			return
		}
		if !v.UsesCharset() && strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 }) {
			ds.fail(t, "VR %v takes ASCII only", v)
			return
		}
	}
	if v.IsSingle() && len(values) > 1 {
		ds.fail(t, "VR %v has one value", v)
		return
	}
	text := strings.Join(values, `\`)
	var b []byte
	if v.UsesCharset() {
		var ok bool
		if b, ok = ds.Charset().Encode(text, delimiters(v)); !ok {
			if err := ds.outermost().ToUTF8(); err != nil {
				ds.fail(t, "%v", err)
				return
			}
			b = []byte(text)
		}
	} else {
		b = []byte(text)
	}
	ds.put(Element{Tag: t, VR: v, value: pad(b, v)})
}

// checkText holds one value against the limits of PS3.5 table 6.2-1.
func checkText(v vr.VR, s string) error {
	if !v.IsSingle() && strings.Contains(s, `\`) {
		return fmt.Errorf("a backslash separates values of VR %v", v)
	}
	parts := []string{s}
	if v == vr.PN {
		parts = strings.Split(s, "=")
		if len(parts) > 3 {
			return fmt.Errorf("a name has at most 3 component groups")
		}
	}
	most := v.MaxLength()
	if (v == vr.DA || v == vr.TM || v == vr.DT) && strings.Contains(s, "-") && isRange(v, s) {
		most = 2*most + 2 // the limits of a query's range: 18, 28 and 54 characters
	}
	for _, p := range parts {
		if n := len([]rune(p)); most > 0 && n > most {
			return fmt.Errorf("%d characters where VR %v has at most %d", n, v, most)
		}
	}
	if !v.UsesCharset() {
		for _, c := range s {
			if c >= 0x7F || c < 0x20 && v != vr.UR {
				return fmt.Errorf("VR %v takes printable ASCII only", v)
			}
		}
	}
	switch v {
	case vr.DS:
		if _, err := parseDS(s); err != nil && s != "" {
			return err
		}
	case vr.IS:
		if _, err := strconv.ParseInt(strings.TrimPrefix(strings.TrimSpace(s), "+"), 10, 32); err != nil && s != "" {
			return fmt.Errorf("not a whole number of 32 bits")
		}
	}
	return nil
}

func pad(b []byte, v vr.VR) []byte {
	if len(b)%2 == 1 {
		b = append(b[:len(b):len(b)], v.Padding())
	}
	return b
}

func (ds *DataSet) parseNumbers(t tag.Tag, v vr.VR, values []string) {
	switch v {
	case vr.FL, vr.FD, vr.OF, vr.OD:
		f := make([]float64, len(values))
		for i, s := range values {
			var err error
			if f[i], err = strconv.ParseFloat(strings.TrimSpace(s), 64); err != nil {
				ds.fail(t, "not a number")
				return
			}
		}
		ds.setFloats(t, v, f)
	case vr.UV, vr.OV:
		n := make([]uint64, len(values))
		for i, s := range values {
			var err error
			if n[i], err = strconv.ParseUint(strings.TrimSpace(s), 10, 64); err != nil {
				ds.fail(t, "not a whole number of 64 bits")
				return
			}
		}
		ds.setUints(t, v, n)
	case vr.US, vr.SS, vr.UL, vr.SL, vr.SV, vr.AT, vr.OW, vr.OL:
		n := make([]int, len(values))
		for i, s := range values {
			var err error
			if v == vr.AT {
				var at tag.Tag
				if at, err = tag.Parse(s); err != nil {
					ds.fail(t, "%v", err)
					return
				}
				n[i] = int(at)
				continue
			}
			if n[i], err = strconv.Atoi(strings.TrimSpace(s)); err != nil {
				ds.fail(t, "not a whole number")
				return
			}
		}
		ds.setInts(t, v, n)
	default:
		ds.fail(t, "text for VR %v", v)
	}
}

// SetInts sets t to whole numbers, by its VR: binary, IS, DS or float. A number out of the VR's range is remembered by [DataSet.Err].
func (ds *DataSet) SetInts(t tag.Tag, values ...int) { ds.setInts(t, ds.vrOf(t), values) }

func (ds *DataSet) setInts(t tag.Tag, v vr.VR, values []int) {
	var lo, hi int
	var size int
	switch v {
	case vr.IS, vr.DS:
		s := make([]string, len(values))
		for i, n := range values {
			s[i] = strconv.Itoa(n)
		}
		ds.SetText(t, v, s...)
		return
	case vr.FL, vr.FD, vr.OF, vr.OD:
		f := make([]float64, len(values))
		for i, n := range values {
			f[i] = float64(n)
		}
		ds.setFloats(t, v, f)
		return
	case vr.US, vr.OW:
		lo, hi, size = 0, math.MaxUint16, 2
	case vr.SS:
		lo, hi, size = math.MinInt16, math.MaxInt16, 2
	case vr.UL, vr.OL, vr.AT:
		lo, hi, size = 0, math.MaxUint32, 4
	case vr.SL:
		lo, hi, size = math.MinInt32, math.MaxInt32, 4
	case vr.SV:
		lo, hi, size = math.MinInt64, math.MaxInt64, 8
	case vr.UV, vr.OV:
		lo, hi, size = 0, math.MaxInt64, 8
	default:
		ds.fail(t, "whole numbers for VR %v", v)
		return
	}
	if v == vr.US && len(values) > 0 && values[0] < 0 && hasChoice(t, vr.SS) {
		v, lo, hi = vr.SS, math.MinInt16, math.MaxInt16
	}
	b := make([]byte, 0, size*len(values))
	for _, n := range values {
		if n < lo || n > hi {
			ds.fail(t, "%d is not in the range of VR %v", n, v)
			return
		}
		switch {
		case v == vr.AT:
			b = binary.LittleEndian.AppendUint16(b, uint16(n>>16))
			b = binary.LittleEndian.AppendUint16(b, uint16(n))
		case size == 2:
			b = binary.LittleEndian.AppendUint16(b, uint16(n))
		case size == 4:
			b = binary.LittleEndian.AppendUint32(b, uint32(n))
		default:
			b = binary.LittleEndian.AppendUint64(b, uint64(n))
		}
	}
	ds.put(Element{Tag: t, VR: v, value: b})
}

// SetUints sets t to whole numbers that may be above 2^63-1, which VR UV and OV hold; for other VRs it is [DataSet.SetInts].
func (ds *DataSet) SetUints(t tag.Tag, values ...uint64) { ds.setUints(t, ds.vrOf(t), values) }

func (ds *DataSet) setUints(t tag.Tag, v vr.VR, values []uint64) {
	if v == vr.UV || v == vr.OV {
		b := make([]byte, 0, 8*len(values))
		for _, n := range values {
			b = binary.LittleEndian.AppendUint64(b, n)
		}
		ds.put(Element{Tag: t, VR: v, value: b})
		return
	}
	n := make([]int, len(values))
	for i, u := range values {
		if u > math.MaxInt64 {
			ds.fail(t, "%d is not in the range of VR %v", u, v)
			return
		}
		n[i] = int(u)
	}
	ds.setInts(t, v, n)
}

func hasChoice(t tag.Tag, v vr.VR) bool {
	in, _ := tag.Lookup(t)
	for _, c := range in.Choices {
		if c == v {
			return true
		}
	}
	return false
}

// SetFloats sets t to numbers, by its VR: FL, FD, OF, OD or DS (with as many digits as 16 characters hold).
func (ds *DataSet) SetFloats(t tag.Tag, values ...float64) { ds.setFloats(t, ds.vrOf(t), values) }

func (ds *DataSet) setFloats(t tag.Tag, v vr.VR, values []float64) {
	var b []byte
	switch v {
	case vr.DS:
		s := make([]string, len(values))
		for i, f := range values {
			if math.IsNaN(f) || math.IsInf(f, 0) {
				ds.fail(t, "VR DS has no %v", f)
				return
			}
			s[i] = FormatDS(f)
		}
		ds.SetText(t, v, s...)
		return
	case vr.FL, vr.OF:
		for _, f := range values {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(f)))
		}
	case vr.FD, vr.OD:
		for _, f := range values {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(f))
		}
	default:
		ds.fail(t, "numbers with fractions for VR %v", v)
		return
	}
	ds.put(Element{Tag: t, VR: v, value: b})
}

// FormatDS is f as a decimal string of at most 16 characters (PS3.5 table 6.2-1), the shortest that is exact or else the nearest.
func FormatDS(f float64) string {
	s := strconv.FormatFloat(f, 'g', -1, 64)
	for p := 16; len(s) > 16 && p > 0; p-- {
		s = strconv.FormatFloat(f, 'g', p, 64)
	}
	return s
}

// SetBytes sets t to a value as it is stored in little endian, padded to an even length.
func (ds *DataSet) SetBytes(t tag.Tag, v vr.VR, b []byte) {
	ds.put(Element{Tag: t, VR: v, value: pad(b, v)})
}

// SetEmpty sets t to a value of no length, as type 2 attributes that aren't known have it.
func (ds *DataSet) SetEmpty(t tag.Tag) { ds.put(Element{Tag: t, VR: ds.vrOf(t)}) }

// SetSequence sets t to items, which become part of ds. An item whose text is in another character set than that of ds gets a (0008,0005)
// of its own. An item is in one sequence at a time.
func (ds *DataSet) SetSequence(t tag.Tag, items ...*DataSet) {
	for _, item := range items {
		before := item.Charset()
		item.parent = ds
		item.forgetCharset()
		if before != ds.Charset() && len(before.Terms()) > 0 && item.hasCodedText() && !item.Has(tag.SpecificCharacterSet) {
			item.SetText(tag.SpecificCharacterSet, vr.CS, before.Terms()...)
		}
	}
	ds.put(Element{Tag: t, VR: vr.SQ, items: items, sequence: true})
}

// hasCodedText reports whether some text needs a character set to be read.
func (ds *DataSet) hasCodedText() bool {
	for _, e := range ds.Walk() {
		if e.Kind().UsesCharset() {
			if b, err := e.Bytes(); err == nil && !asciiOnly(b) {
				return true
			}
		}
	}
	return false
}

func (ds *DataSet) outermost() *DataSet {
	for ds.parent != nil {
		ds = ds.parent
	}
	return ds
}

// toUTF8From re-encodes text, in items without a character set of their own too. The caller knows that all of it can be decoded.
func (ds *DataSet) toUTF8From(from *charset.Set) {
	for i := range ds.elems {
		e := &ds.elems[i]
		for _, item := range e.items {
			own := from
			if item.Has(tag.SpecificCharacterSet) {
				own = item.Charset()
				item.Delete(tag.SpecificCharacterSet)
			}
			item.toUTF8From(own)
		}
		v := e.Kind()
		if !v.UsesCharset() {
			continue
		}
		b, err := e.Bytes()
		if err != nil || asciiOnly(b) {
			continue
		}
		text, _ := from.Decode(b, delimiters(v))
		out := []byte(strings.TrimRight(text, " \x00"))
		ds.elems[i] = Element{Tag: e.Tag, VR: e.VR, in: ds, head: -1, value: pad(out, v)}
		ds.touch()
	}
}

func asciiOnly(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 || c == 0x1B {
			return false
		}
	}
	return true
}

// ToUTF8 re-encodes all text of ds and of everything inside it as ISO_IR 192. It fails, and changes nothing, if some text has bytes
// that its declared character set doesn't define.
func (ds *DataSet) ToUTF8() error {
	for _, e := range ds.Walk() {
		if e.Kind().UsesCharset() {
			if _, ok := e.Text(); !ok {
				return fault.New(fault.Input, "%v has bytes outside its declared character set: it can't be converted to UTF-8", e.Tag)
			}
		}
	}
	ds.toUTF8From(ds.Charset())
	ds.SetText(tag.SpecificCharacterSet, vr.CS, "ISO_IR 192")
	return nil
}

// Copy is ds with everything in it as a data set of its own: changes to one are not changes to the other. Values are shared, or are still
// read from the file that ds came from.
func (ds *DataSet) Copy() (*DataSet, error) {
	if err := ds.Err(); err != nil {
		return nil, err
	}
	return ds.copyInto(nil), nil
}

func (ds *DataSet) copyInto(parent *DataSet) *DataSet {
	out := &DataSet{elems: slices.Clone(ds.elems), parent: parent, src: ds.src, implicit: ds.implicit, big: ds.big, changed: ds.changed,
		head: ds.head, end: ds.end, undefined: ds.undefined}
	if ds.index != nil {
		out.index = maps.Clone(ds.index)
	}
	for i := range out.elems {
		e := &out.elems[i]
		e.in = out
		if e.items != nil {
			e.items = slices.Clone(e.items)
			for k, item := range e.items {
				e.items[k] = item.copyInto(out)
			}
		}
	}
	return out
}

// Detach is [DataSet.Copy] with every value in memory, so that it outlives the file that ds came from. It is encoded as explicit VR little endian.
func (ds *DataSet) Detach() (*DataSet, error) {
	if err := ds.Err(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	enc := &encoder{w: &b}
	enc.set(ds)
	if enc.err != nil {
		return nil, enc.err
	}
	out := &DataSet{src: &source{bytes.NewReader(b.Bytes()), int64(b.Len())}, head: -1}
	f := &File{raw: out.src}
	s := &scanner{reader: reader{src: out.src}, f: f, opt: options{maxElements: math.MaxInt}}
	if err := s.scan(out, 0); err != nil {
		return nil, err
	}
	return out, f.Incomplete
}
