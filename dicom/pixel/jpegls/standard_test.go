package jpegls

import (
	"bytes"
	"encoding/hex"
	"slices"
	"testing"
)

// stream is a JPEG-LS stream by hand: segments, then an end marker.
func stream(parts ...[]byte) []byte {
	return slices.Concat(append(append([][]byte{{0xFF, 0xD8}}, parts...), []byte{0xFF, 0xD9})...)
}

// frameHeader is SOF55.
func frameHeader(precision, rows, columns, components int) []byte {
	b := []byte{0xFF, 0xF7, 0, byte(8 + 3*components), byte(precision), byte(rows >> 8), byte(rows), byte(columns >> 8), byte(columns), byte(components)}
	for i := range components {
		b = append(b, byte(i+1), 0x11, 0)
	}
	return b
}

// scanHeader is SOS of the components given.
func scanHeader(near, interleave byte, components ...byte) []byte {
	b := []byte{0xFF, 0xDA, 0, byte(6 + 2*len(components)), byte(len(components))}
	for _, c := range components {
		b = append(b, c, 0)
	}
	return append(b, near, interleave, 0)
}

// data is the coded data of a stream made by Encode: what is between its scan header and its end marker.
func data(t *testing.T, img Image) []byte {
	t.Helper()
	b, err := Encode(img)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte{0xFF, 0xDA})
	return b[at+2+int(b[at+3]) : len(b)-2]
}

// TestStandardExample is the example of annex H.3 of T.87: sixteen samples and their thirty bytes, worked out there step by step.
func TestStandardExample(t *testing.T) {
	samples := []byte{0, 0, 90, 74, 68, 50, 43, 205, 64, 145, 145, 145, 100, 145, 145, 145}
	coded, err := hex.DecodeString("c000006c80208e01c000005740" + "00006ee6000001bc18000005d800009160")
	if err != nil {
		t.Fatal(err)
	}
	h, got, err := Decode(stream(frameHeader(8, 4, 4, 1), scanHeader(0, 0, 1), coded), Options{})
	if err != nil || !bytes.Equal(got, samples) {
		t.Errorf("%+v, %v, %v", h, got, err)
	}
	if b := data(t, Image{Rows: 4, Columns: 4, Components: 1, Precision: 8, Samples: samples}); !bytes.Equal(b, coded) {
		t.Errorf("% x\nwant % x", b, coded)
	}
}

// TestScansOfTheirOwn: three components in three scans, in their order and in another one.
func TestScansOfTheirOwn(t *testing.T) {
	const rows, columns = 13, 17
	var planes [3][]byte
	var scans [3][]byte
	want := make([]byte, rows*columns*3)
	for c := range 3 {
		planes[c] = samples(rows, columns, 1, 8, c+1)
		scans[c] = append(scanHeader(0, 0, byte(c+1)), data(t, Image{Rows: rows, Columns: columns, Components: 1, Precision: 8, Samples: planes[c]})...)
		for i, v := range planes[c] {
			want[i*3+c] = v
		}
	}
	for name, order := range map[string][3]int{"in order": {0, 1, 2}, "the second first": {1, 0, 2}} {
		src := stream(frameHeader(8, rows, columns, 3), scans[order[0]], scans[order[1]], scans[order[2]])
		h, got, err := Decode(src, Options{Rows: rows, Columns: columns})
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
	}
	if _, _, err := Decode(stream(frameHeader(8, rows, columns, 3), scans[0], scans[1]), Options{}); err == nil {
		t.Error("the third scan is missing and nothing is said")
	}
	twice := stream(frameHeader(8, rows, columns, 3), scans[0], append(scanHeader(0, 1, 1, 2), scans[1]...))
	if _, _, err := Decode(twice, Options{}); err == nil {
		t.Error("two components where one was decoded already")
	}
}

// TestRestartIntervals: after a restart marker everything begins anew, as an image of its own would.
func TestRestartIntervals(t *testing.T) {
	const rows, columns, interval = 10, 23, 4
	all := samples(rows, columns, 1, 12, 3)
	parts := [][]byte{frameHeader(12, rows, columns, 1), {0xFF, 0xDD, 0, 4, 0, interval}, scanHeader(0, 0, 1)}
	for y := 0; y < rows; y += interval {
		if y > 0 {
			parts = append(parts, []byte{0xFF, byte(0xD0 + y/interval - 1)})
		}
		n := min(interval, rows-y)
		parts = append(parts, data(t, Image{Rows: n, Columns: columns, Components: 1, Precision: 12, Samples: all[2*y*columns : 2*(y+n)*columns]}))
	}
	if h, got, err := Decode(stream(parts...), Options{}); err != nil || !bytes.Equal(got, all) {
		t.Errorf("%+v, %v", h, err)
	}
	if _, _, err := Decode(stream(parts[:4]...), Options{}); err == nil {
		t.Error("an interval alone stands for the image")
	}
	if _, _, err := Decode(stream(frameHeader(8, 1, 1, 1), []byte{0xFF, 0xDD, 0, 7, 0, 0, 0, 0, 1}), Options{}); err == nil {
		t.Error("an interval of five bytes")
	}
}

// TestParameters: with the default values said in LSE the stream is what it is without.
func TestParameters(t *testing.T) {
	img := Image{Rows: 9, Columns: 14, Components: 1, Precision: 8, Samples: samples(9, 14, 1, 8, 3)}
	coded := data(t, img)
	lse := func(maxval, t1, t2, t3, reset int) []byte {
		b := []byte{0xFF, 0xF8, 0, 13, 1}
		for _, v := range []int{maxval, t1, t2, t3, reset} {
			b = append(b, byte(v>>8), byte(v))
		}
		return b
	}
	// Table C.3: 3, 7 and 21 for eight bits, and 64.
	for name, p := range map[string][]byte{"all said": lse(255, 3, 7, 21, 64), "all left": lse(0, 0, 0, 0, 0), "some": lse(255, 0, 7, 0, 0)} {
		if _, got, err := Decode(stream(frameHeader(8, 9, 14, 1), p, scanHeader(0, 0, 1), coded), Options{}); err != nil || !bytes.Equal(got, img.Samples) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, p := range map[string][]byte{
		"more than the precision": lse(256, 3, 7, 21, 64), "thresholds out of order": lse(255, 9, 7, 21, 64), "a threshold over the largest": lse(100, 3, 7, 200, 64),
		"reset of 2": lse(255, 3, 7, 21, 2), "a mapping table": {0xFF, 0xF8, 0, 5, 2, 0, 0}, "cut": {0xFF, 0xF8, 0, 5, 1, 0, 0}, "empty": {0xFF, 0xF8, 0, 2},
	} {
		if _, _, err := Decode(stream(frameHeader(8, 9, 14, 1), p, scanHeader(0, 0, 1), coded), Options{}); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	// Table C.3 for 12 and 16 bits and near-lossless coding: the formulas of C.2.4.1.1.1 by hand.
	for _, c := range []struct{ precision, near, t1, t2, t3 int }{{8, 0, 3, 7, 21}, {8, 3, 12, 22, 42}, {12, 0, 18, 67, 276}, {16, 0, 18, 67, 276}, {4, 0, 2, 3, 4}} {
		if p, err := (preset{}).defaults(c.precision, c.near); err != nil || p.t1 != c.t1 || p.t2 != c.t2 || p.t3 != c.t3 {
			t.Errorf("%+v: %+v, %v", c, p, err)
		}
	}
}

func TestMalformedMarkers(t *testing.T) {
	coded := data(t, Image{Rows: 2, Columns: 2, Components: 1, Precision: 8, Samples: []byte{1, 2, 3, 4}})
	good := [][]byte{frameHeader(8, 2, 2, 1), scanHeader(0, 0, 1), coded}
	if _, got, err := Decode(stream(good...), Options{}); err != nil || !bytes.Equal(got, []byte{1, 2, 3, 4}) {
		t.Fatal(got, err)
	}
	for name, parts := range map[string][][]byte{
		"no frame": {scanHeader(0, 0, 1), coded}, "nothing": {}, "no scan": {good[0]},
		"no rows": {frameHeader(8, 0, 2, 1), good[1], coded}, "no columns": {frameHeader(8, 2, 0, 1), good[1], coded}, "one bit": {frameHeader(1, 2, 2, 1), good[1], coded},
		"17 bits": {frameHeader(17, 2, 2, 1), good[1], coded}, "no components": {frameHeader(8, 2, 2, 0), good[1], coded}, "nine components": {frameHeader(8, 2, 2, 9), good[1], coded},
		"two of one": {good[0], scanHeader(0, 1, 1, 2), coded}, "a scan of none": {good[0], {0xFF, 0xDA, 0, 6, 0, 0, 0, 0}, coded},
		"interleave 3": {frameHeader(8, 2, 2, 2), scanHeader(0, 3, 1, 2), coded}, "near of 200": {good[0], scanHeader(200, 0, 1), coded},
		"a point transform": {good[0], {0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 0, 1}, coded}, "cut frame header": {{0xFF, 0xF7, 0, 4, 8, 0}},
		"a length of 1": {{0xFF, 0xF7, 0, 1}}, "another process": {{0xFF, 0xC0, 0, 11, 8, 0, 2, 0, 2, 1, 1, 0x11, 0}}, "no coded data": {good[0], good[1]},
		"more than its bytes could hold": {frameHeader(8, 65535, 65535, 1), good[1], coded},
	} {
		if h, got, err := Decode(stream(parts...), Options{}); err == nil {
			t.Errorf("%s: %+v, %v", name, h, got)
		}
	}
	for name, opt := range map[string]Options{"other rows": {Rows: 3, Columns: 2}, "other columns": {Rows: 2, Columns: 3}, "a limit": {MaxBytes: 3}} {
		if _, _, err := Decode(stream(good...), opt); err == nil {
			t.Errorf("%s was decoded", name)
		}
	}
}
