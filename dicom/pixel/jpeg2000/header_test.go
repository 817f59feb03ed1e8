package jpeg2000

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
)

// component is Ssiz, XRsiz, YRsiz of one component.
type component [3]byte

// mainHeader is SOC, SIZ and further segments, written by hand after A.5.1 of the standard.
func mainHeader(x1, y1, x0, y0 uint32, comps []component, more ...[]byte) []byte {
	b := []byte{0xFF, 0x4F, 0xFF, 0x51}
	b = binary.BigEndian.AppendUint16(b, uint16(38+3*len(comps)))
	b = binary.BigEndian.AppendUint16(b, 0)
	for _, v := range []uint32{x1, y1, x0, y0, x1, y1, 0, 0} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(comps)))
	for _, c := range comps {
		b = append(b, c[:]...)
	}
	return slices.Concat(append([][]byte{b}, more...)...)
}

var (
	// COD: no precincts, LRCP, one layer, transform or not, five levels, 64 × 64 code blocks, 5/3 or 9/7.
	cod53    = []byte{0xFF, 0x52, 0, 12, 0, 0, 0, 1, 0, 5, 4, 4, 0, 1}
	cod97mct = []byte{0xFF, 0x52, 0, 12, 0, 0, 0, 1, 1, 5, 4, 4, 0, 0}
	capHT    = []byte{0xFF, 0x50, 0, 8, 0, 2, 0, 0, 0, 0}
	box      = func(kind string, body []byte) []byte {
		return slices.Concat(binary.BigEndian.AppendUint32(nil, uint32(8+len(body))), []byte(kind), body)
	}
)

func TestDecodeHeader(t *testing.T) {
	grey := mainHeader(5, 4, 0, 0, []component{{11, 1, 1}}, cod53)
	long := slices.Concat([]byte{0, 0, 0, 1}, []byte("jp2c"), binary.BigEndian.AppendUint64(nil, uint64(16+len(grey))), grey)
	for _, c := range []struct {
		name string
		in   []byte
		want Header
	}{
		{"12-bit grey", grey, Header{Rows: 4, Columns: 5, Components: 1, Precision: 12}},
		{"signed, with an offset", mainHeader(15, 24, 10, 20, []component{{0x80 | 15, 1, 1}}), Header{Rows: 4, Columns: 5, Components: 1, Precision: 16, Signed: true}},
		{"colour, 9/7", mainHeader(2, 3, 0, 0, []component{{7, 1, 1}, {7, 1, 1}, {7, 1, 1}}, cod97mct), Header{Rows: 3, Columns: 2, Components: 3, Precision: 8, ColourTransform: true, Irreversible: true}},
		{"high throughput, subsampled", mainHeader(2, 2, 0, 0, []component{{7, 1, 1}, {9, 2, 1}}, capHT, cod53), Header{Rows: 2, Columns: 2, Components: 2, Precision: 10, Subsampled: true, HighThroughput: true}},
		{"JP2", slices.Concat(signature, box("ftyp", []byte("jp2 ")), box("jp2c", grey)), Header{Rows: 4, Columns: 5, Components: 1, Precision: 12, JP2: true}},
		{"JP2 to its end", slices.Concat(signature, []byte{0, 0, 0, 0}, []byte("jp2c"), grey), Header{Rows: 4, Columns: 5, Components: 1, Precision: 12, JP2: true}},
		{"JP2 with a long box", slices.Concat(signature, long), Header{Rows: 4, Columns: 5, Components: 1, Precision: 12, JP2: true}},
		{"JP2 cut short", slices.Concat(signature, box("jp2c", append(grey, make([]byte, 9)...))[:8+len(grey)]), Header{Rows: 4, Columns: 5, Components: 1, Precision: 12, JP2: true}},
	} {
		if got, err := DecodeHeader(c.in); err != nil || got != c.want {
			t.Errorf("%s: %+v, %v\nwant %+v", c.name, got, err, c.want)
		}
		if !Is(c.in) {
			t.Errorf("%s is not recognised", c.name)
		}
	}
	for name, in := range map[string][]byte{
		"nothing": nil, "a JPEG": {0xFF, 0xD8, 0xFF, 0xE0}, "cut": grey[:41], "no components": mainHeader(5, 4, 0, 0, nil),
		"no pixels":            mainHeader(5, 4, 5, 0, []component{{7, 1, 1}}),
		"offset past the end":  mainHeader(5, 4, 0, 9, []component{{7, 1, 1}}),
		"impossible":           mainHeader(1<<32-1, 4, 0, 0, []component{{7, 1, 1}}),
		"JP2 with nothing":     slices.Concat(signature, box("ftyp", nil)),
		"JP2 with a short box": slices.Concat(signature, []byte{0, 0, 0, 3, 'x', 'x', 'x', 'x'}),
	} {
		if h, err := DecodeHeader(in); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
	}
	for p, want := range map[int]int{1: 1, 8: 1, 9: 2, 16: 2, 17: 4, 32: 4} {
		if got := (Header{Precision: p}).SampleBytes(); got != want {
			t.Errorf("%d bits in %d bytes", p, got)
		}
	}
}

// TestRefusedBeforeDecoding needs no module: what the header says is enough.
func TestRefusedBeforeDecoding(t *testing.T) {
	t.Setenv("CINELOOP_OPENJPEG", "/nowhere")
	one := []component{{7, 1, 1}}
	for _, c := range []struct {
		name string
		in   []byte
		opt  Options
		code fault.Code
	}{
		{"other rows", mainHeader(5, 4, 0, 0, one), Options{Rows: 5, Columns: 5, Components: 1}, fault.Input},
		{"other components", mainHeader(5, 4, 0, 0, one), Options{Rows: 4, Columns: 5, Components: 3}, fault.Input},
		{"five components", mainHeader(5, 4, 0, 0, slices.Repeat(one, 5)), Options{}, fault.Input},
		{"subsampled", mainHeader(5, 4, 0, 0, []component{{7, 2, 2}}), Options{}, fault.Input},
		{"38 bits", mainHeader(5, 4, 0, 0, []component{{37, 1, 1}}), Options{}, fault.Input},
		{"4 billion pixels", mainHeader(1<<16-1, 1<<16-1, 0, 0, one), Options{}, fault.Resource},
		{"over a limit of its own", mainHeader(100, 100, 0, 0, one), Options{MaxBytes: 9999}, fault.Resource},
		{"not at all", []byte("\xFF\x4F\xFF\x51 rubbish"), Options{}, fault.Input},
		{"one that would be decoded", mainHeader(5, 4, 0, 0, one), Options{Rows: 4, Columns: 5, Components: 1}, fault.Missing},
	} {
		if _, b, err := Decode(context.Background(), c.in, c.opt); fault.CodeOf(err) != c.code || b != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func FuzzDecodeHeader(f *testing.F) {
	f.Add(mainHeader(5, 4, 0, 0, []component{{11, 1, 1}}, cod53))
	f.Add(slices.Concat(signature, box("jp2c", mainHeader(2, 2, 0, 0, []component{{7, 1, 1}}, capHT))))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := DecodeHeader(b)
		if err == nil && (h.Rows < 1 || h.Columns < 1 || h.Components < 1 || h.Precision < 1 || h.Precision > 128) {
			t.Fatalf("%+v", h)
		}
		if s, _, err := codestream(b); err == nil && !bytes.Contains(b, s) {
			t.Fatal("a codestream from elsewhere")
		}
	})
}
