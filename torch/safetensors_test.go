package torch

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cineloop/cineloop/internal/fault"
)

// safeFile is a file by hand: the header's length, the header, the data.
func safeFile(header string, data ...byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), data...)
}

func TestSafetensorsByHand(t *testing.T) {
	file := safeFile(`{"a":{"dtype":"U8","shape":[2,1],"data_offsets":[4,6]},"__metadata__":{"k":"v"},"b":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}  `,
		0, 0, 0x80, 0x3f, 7, 9)
	got, meta, err := readSafetensors(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Array{"a": {Uint8, []int64{2, 1}, []byte{7, 9}}, "b": {Float32, []int64{}, []byte{0, 0, 0x80, 0x3f}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if meta["k"] != "v" {
		t.Errorf("metadata %v", meta)
	}
	if one, err := got["b"].Float32s(); err != nil || one[0] != 1 {
		t.Errorf("b is %v, %v; want 1", one, err)
	}
}

func TestSafetensorsRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"empty":          {nil, "header length"},
		"huge header":    {[]byte{255, 255, 255, 255, 255, 255, 255, 127}, "does not fit"},
		"not an object":  {safeFile(`[]`), "not a JSON object"},
		"not closed":     {safeFile(`{`), "not closed"},
		"twice":          {safeFile(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`), "twice"},
		"gap":            {safeFile(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 1, 2), "gap"},
		"overlap":        {safeFile(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, 1, 2, 3), "overlap"},
		"tail":           {safeFile(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1, 2), "cover 1 bytes"},
		"short":          {safeFile(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 1, 2), "cover 4 bytes"},
		"wrong size":     {safeFile(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 1, 2, 3, 4), "do not hold"},
		"negative shape": {safeFile(`{"a":{"dtype":"U8","shape":[-1,-1],"data_offsets":[0,1]}}`, 1), "impossible shape"},
		"overflow":       {safeFile(`{"a":{"dtype":"F64","shape":[4611686018427387904,4],"data_offsets":[0,0]}}`), "impossible shape"},
		"unknown type":   {safeFile(`{"a":{"dtype":"F4","shape":[0],"data_offsets":[0,0]}}`), "not supported"},
		"no place":       {safeFile(`{"a":{"dtype":"U8","shape":[0]}}`), "data_offsets"},
	} {
		if _, _, err := readSafetensors(bytes.NewReader(c.file), int64(len(c.file))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

func TestSafetensorsRoundTrip(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "w.safetensors")
	want := map[string]Array{"empty": {Float32, []int64{0, 3}, []byte{}}}
	for d, info := range dtypes {
		data := make([]byte, 6*info.size)
		for i := range data {
			data[i] = byte(i*7 + int(d))
		}
		want["t."+info.name] = Array{d, []int64{2, 3}, data}
	}
	meta := map[string]string{"format": "pt", "é\n": "\x00"}
	if err := WriteSafetensors(path, want, meta); err != nil {
		t.Fatal(err)
	}
	first, _ := os.ReadFile(path)
	got, gotMeta, err := ReadSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(meta, gotMeta); d != "" {
		t.Error(d)
	}
	if err := WriteSafetensors(path, got, gotMeta); err != nil {
		t.Fatal(err)
	}
	if second, _ := os.ReadFile(path); !bytes.Equal(first, second) {
		t.Error("equal content gave different bytes")
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("%d files are left in the folder, want 1", len(left))
	}
}

func TestSafetensorsErrorsHaveCodes(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := ReadSafetensors(filepath.Join(dir, "none")); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("absent file: %v", err)
	}
	bad := filepath.Join(dir, "bad")
	os.WriteFile(bad, []byte("hello, world"), 0o644)
	if _, _, err := ReadSafetensors(bad); fault.CodeOf(err) != fault.Input {
		t.Errorf("malformed file: %v", err)
	}
	if err := WriteSafetensors(bad, map[string]Array{"x": {Float32, []int64{2}, []byte{1}}}, nil); err == nil {
		t.Error("an impossible array was written")
	}
	if kept, _ := os.ReadFile(bad); string(kept) != "hello, world" {
		t.Error("a failed write touched the file")
	}
}

func TestHalfToFloat(t *testing.T) {
	// Patterns and values of IEEE 754-2008, 3.4: smallest subnormal, largest, one, infinity.
	for h, want := range map[uint16]float32{0x0001: 0x1p-24, 0x8001: -0x1p-24, 0x03ff: 1023 * 0x1p-24, 0x0400: 0x1p-14, 0x3c00: 1, 0xc000: -2, 0x7bff: 65504, 0x3555: 1365.0 / 4096} {
		if got := halfToFloat(h); got != want {
			t.Errorf("%#04x: %g, want %g", h, got, want)
		}
	}
	if inf := halfToFloat(0xfc00); inf >= -3e38 {
		t.Errorf("-Inf read as %g", inf)
	}
}

func FuzzReadSafetensors(f *testing.F) {
	f.Add(safeFile(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, 1, 2))
	f.Add(safeFile(`{"__metadata__":{"a":"b"}}`))
	f.Add(safeFile(`{"a":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}}`, 0, 0, 0, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		tensors, meta, err := readSafetensors(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := writeSafetensors(&again, tensors, meta); err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		back, _, err := readSafetensors(bytes.NewReader(again.Bytes()), int64(again.Len()))
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if d := cmp.Diff(tensors, back); d != "" {
			t.Fatal(d)
		}
	})
}
