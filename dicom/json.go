package dicom

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

// JSON is ds in the DICOM JSON model (PS3.18 annex F), in UTF-8. Group lengths are left out. Bytes longer than inline bytes, and pixel data in
// fragments, become a BulkDataURI from bulk, or, where bulk is nil or gives "", are left out.
func (ds *DataSet) JSON(inline int64, bulk func(path []tag.Tag, e *Element) string) ([]byte, error) {
	var b bytes.Buffer
	j := jsonWriter{b: &b, inline: inline, bulk: bulk}
	if err := j.set(ds); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

type jsonWriter struct {
	b      *bytes.Buffer
	inline int64
	bulk   func([]tag.Tag, *Element) string
	path   []tag.Tag
}

func (j *jsonWriter) set(ds *DataSet) error {
	j.b.WriteByte('{')
	first := true
	for e := range ds.All() {
		if e.Tag.IsGroupLength() {
			continue
		}
		if !first {
			j.b.WriteByte(',')
		}
		first = false
		j.path = append(j.path, e.Tag)
		if err := j.element(e); err != nil {
			return err
		}
		j.path = j.path[:len(j.path)-1]
	}
	j.b.WriteByte('}')
	return nil
}

func (j *jsonWriter) element(e *Element) error {
	v := e.Kind()
	if !v.Known() {
		v = vr.UN
	}
	if e.frags != nil {
		v = vr.OB
	}
	fmt.Fprintf(j.b, `"%08X":{"vr":"%s"`, uint32(e.Tag), v)
	defer j.b.WriteByte('}')
	switch {
	case e.sequence:
		if len(e.items) == 0 {
			return nil
		}
		j.b.WriteString(`,"Value":[`)
		for i, item := range e.items {
			if i > 0 {
				j.b.WriteByte(',')
			}
			if err := j.set(item); err != nil {
				return err
			}
		}
		j.b.WriteByte(']')
		return nil
	case e.frags != nil || e.Len() > j.inline && !v.IsText():
		if j.bulk != nil {
			if uri := j.bulk(j.path, e); uri != "" {
				j.b.WriteString(`,"BulkDataURI":`)
				j.value(uri)
			}
		}
		return nil
	case isBinary(v):
		if e.Len() == 0 {
			return nil
		}
		b, err := e.Bytes()
		if err != nil {
			return err
		}
		if e.BigEndian() {
			b = bytes.Clone(b)
			swap(b, v.WordSize())
		}
		j.b.WriteString(`,"InlineBinary":`)
		j.value(base64.StdEncoding.EncodeToString(b))
		return nil
	}
	values := jsonValues(e, v)
	if len(values) == 0 {
		return nil
	}
	j.b.WriteString(`,"Value":`)
	j.value(values)
	return nil
}

func isBinary(v vr.VR) bool {
	switch v {
	case vr.OB, vr.OD, vr.OF, vr.OL, vr.OV, vr.OW, vr.UN:
		return true
	}
	return false
}

func (j *jsonWriter) value(v any) {
	enc := json.NewEncoder(j.b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // strings, numbers and maps of them: can't fail
	j.b.Truncate(j.b.Len() - 1)
}

func jsonValues(e *Element, v vr.VR) []any {
	var out []any
	switch v {
	case vr.PN:
		for _, name := range e.Strings() {
			groups := map[string]string{}
			for i, g := range strings.SplitN(name, "=", 3) {
				if g != "" {
					groups[[3]string{"Alphabetic", "Ideographic", "Phonetic"}[i]] = g
				}
			}
			if len(groups) == 0 {
				out = append(out, nil)
				continue
			}
			out = append(out, groups)
		}
	case vr.IS, vr.DS:
		for _, s := range e.Strings() {
			s = strings.TrimSpace(s)
			f, err := parseDS(s)
			switch {
			case s == "":
				out = append(out, nil)
			case err != nil || math.IsInf(f, 0) || math.IsNaN(f):
				out = append(out, s)
			default:
				out = append(out, json.Number(jsonNumber(s, f)))
			}
		}
	case vr.FL, vr.FD:
		bits := 64
		if v == vr.FL {
			bits = 32
		}
		for _, f := range e.Floats() {
			if math.IsNaN(f) || math.IsInf(f, 0) {
				out = append(out, map[float64]string{math.Inf(1): "Infinity", math.Inf(-1): "-Infinity"}[f])
				if math.IsNaN(f) {
					out[len(out)-1] = "NaN"
				}
				continue
			}
			out = append(out, json.Number(strconv.FormatFloat(f, 'g', -1, bits)))
		}
	case vr.AT:
		for _, n := range e.Ints() {
			out = append(out, fmt.Sprintf("%08X", uint32(n)))
		}
	case vr.UV:
		for _, n := range e.Uints() {
			out = append(out, json.Number(strconv.FormatUint(n, 10)))
		}
	case vr.US, vr.SS, vr.UL, vr.SL, vr.SV:
		for _, n := range e.Ints() {
			out = append(out, n)
		}
	default:
		for _, s := range e.Strings() {
			if s == "" {
				out = append(out, nil)
			} else {
				out = append(out, s)
			}
		}
	}
	return out
}

// jsonNumber keeps the digits of the file where JSON allows them, so that nothing is rounded.
func jsonNumber(s string, f float64) string {
	if json.Valid([]byte(s)) {
		return s
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

type jsonElement struct {
	VR           string            `json:"vr"`
	Value        []json.RawMessage `json:"Value"`
	InlineBinary *string           `json:"InlineBinary"`
	BulkDataURI  string            `json:"BulkDataURI"`
}

// ParseJSON is the data set of a DICOM JSON object. Text is encoded as UTF-8, and (0008,0005) says so if any of it needs that. Elements with a BulkDataURI
// get their value from bulk; without it they are left out. Text that is longer than its VR allows, or not of its form, stays as it is, for so it came from
// the file that the JSON was made of; numbers that don't fit their VR are errors. An element without "vr" has the dictionary's.
func ParseJSON(b []byte, bulk func(uri string) ([]byte, error)) (*DataSet, error) {
	ds := NewDataSet()
	if err := ds.parseJSON(b, bulk, 0); err != nil {
		return nil, fault.New(fault.Input, "DICOM JSON: %w", err)
	}
	return ds, ds.Err()
}

func (ds *DataSet) parseJSON(b []byte, bulk func(string) ([]byte, error), depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("sequences are nested more than %d deep", maxDepth)
	}
	var m map[string]jsonElement
	if err := json.Unmarshal(b, &m); err != nil {
		return err
	}
	for key, e := range m {
		n, err := strconv.ParseUint(key, 16, 32)
		if err == nil && e.VR == "" {
			e.VR = implicitVR(ds, tag.Tag(n)).String()
		}
		if err != nil || len(key) != 8 || len(e.VR) != 2 {
			return fmt.Errorf("%.20q is not an attribute", key)
		}
		t := tag.Tag(n)
		if t == tag.SpecificCharacterSet {
			continue // everything is UTF-8 here
		}
		v, known := vr.Parse(e.VR[0], e.VR[1])
		if !known {
			return fmt.Errorf("%v: no VR %q", t, e.VR)
		}
		if err := ds.setJSON(t, v, e, bulk, depth); err != nil {
			return fmt.Errorf("%v: %w", t, err)
		}
	}
	return nil
}

func (ds *DataSet) setJSON(t tag.Tag, v vr.VR, e jsonElement, bulk func(string) ([]byte, error), depth int) error {
	switch {
	case v == vr.SQ:
		items := make([]*DataSet, len(e.Value))
		for i, raw := range e.Value {
			items[i] = NewDataSet()
			if err := items[i].parseJSON(raw, bulk, depth+1); err != nil {
				return err
			}
		}
		ds.SetSequence(t, items...)
		return nil
	case e.InlineBinary != nil:
		b, err := base64.StdEncoding.DecodeString(*e.InlineBinary)
		if err != nil {
			return err
		}
		ds.SetBytes(t, v, b)
		return nil
	case e.BulkDataURI != "":
		if bulk == nil {
			return nil
		}
		b, err := bulk(e.BulkDataURI)
		if err != nil {
			return err
		}
		ds.SetBytes(t, v, b)
		return nil
	case len(e.Value) == 0:
		ds.put(Element{Tag: t, VR: v})
		return nil
	}
	values := make([]string, len(e.Value))
	for i, raw := range e.Value {
		s, err := jsonText(v, raw)
		if err != nil {
			return err
		}
		values[i] = s
	}
	if v.IsText() {
		ds.storeText(t, v, values)
	} else {
		ds.parseNumbers(t, v, values)
	}
	return nil
}

// jsonText is one JSON value as Set methods take it.
func jsonText(v vr.VR, raw json.RawMessage) (string, error) {
	switch {
	case string(raw) == "null":
		return "", nil
	case v == vr.PN && raw[0] == '{':
		var g struct{ Alphabetic, Ideographic, Phonetic string }
		if err := json.Unmarshal(raw, &g); err != nil {
			return "", err
		}
		return strings.TrimRight(g.Alphabetic+"="+g.Ideographic+"="+g.Phonetic, "="), nil
	case len(raw) > 0 && raw[0] == '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return "", err
		}
		if s == "Infinity" || s == "-Infinity" {
			s = strings.Replace(s, "Infinity", "Inf", 1)
		}
		return s, nil
	}
	var n json.Number
	if err := json.Unmarshal(raw, &n); err != nil {
		return "", err
	}
	return n.String(), nil
}
