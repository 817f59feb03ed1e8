package clip

import (
	"bytes"
	"math"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/testdata"
)

// Every sample type that NumPy wrote must give the values NumPy reads, in a type that holds them.
func TestNPYGolden(t *testing.T) {
	want := map[string]DType{"t_u1": Uint8, "t_i1": Int8, "t_le_u2": Uint16, "t_be_u2": Uint16, "t_le_i2": Int16, "t_be_i2": Int16, "t_le_i4": Int32, "t_be_i4": Int32,
		"t_le_u4": Int32, "t_be_u4": Int32, "t_le_i8": Int32, "t_be_i8": Int32, "t_le_u8": Int32, "t_le_f2": Float32, "t_be_f2": Float32, "t_le_f4": Float32, "t_be_f4": Float32,
		"t_le_f8": Float64, "t_be_f8": Float64, "bool": Uint8, "wide_i8": Float64, "fortran": Int16, "v2": Uint8, "v3": Uint8, "rgb": Uint8}
	for name, g := range golden(t).NPY {
		if name == "two" {
			continue
		}
		c, err := Open("testdata/npy/" + name + ".npy")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		near(t, name, values(c), g.Values, 0)
		if c.DType != want[name] {
			t.Errorf("%s: sample type %v, want %v", name, c.DType, want[name])
		}
		if name == "rgb" && (c.C != 3 || c.Photometric != RGB) || name == "bool" && c.Photometric != Mask {
			t.Errorf("%s: %d channels, %s", name, c.C, c.Photometric)
		}
		if name == "v2" && (c.T != 1 || c.H != 2 || c.W != 3) {
			t.Errorf("a 2-D array is [%d %d %d]", c.T, c.H, c.W)
		}
	}
}

func TestNPZItems(t *testing.T) {
	all := golden(t).NPY["two"].Values
	for i := range 3 {
		c, err := Open("testdata/npy/two.npz#images[" + string(rune('0'+i)) + "]")
		if err != nil {
			t.Fatal(err)
		}
		if c.T != 2 || c.H != 4 || c.W != 4 || c.C != 1 {
			t.Fatalf("item is [%d %d %d %d]", c.T, c.H, c.W, c.C)
		}
		near(t, "item", values(c), all[i*32:(i+1)*32], 0)
		if c.Source.Digest != digestOf(c.Data) {
			t.Error("the digest is not of the item's own bytes")
		}
		c.Data[0] ^= 255 // an item is a copy: the cached member must not change
	}
	again, err := Open("testdata/npy/two.npz#images[0]")
	if err != nil {
		t.Fatal(err)
	}
	near(t, "item after a caller changed its copy", values(again), all[:32], 0)
	stored, err := Open("testdata/npy/stored.npz#[1]") // not deflated, and the only member needs no name
	if err != nil {
		t.Fatal(err)
	}
	near(t, "stored item", values(stored), all[32:64], 0)
}

func TestNPYLayout(t *testing.T) {
	v := golden(t).NPY["two"].Values // [3, 2, 4, 4]
	c, err := Open("testdata/npy/two.npz#images", Layout("cthw"))
	if err != nil {
		t.Fatal(err)
	}
	if c.C != 3 || c.T != 2 || c.H != 4 || c.W != 4 {
		t.Fatalf("[%d %d %d %d]", c.T, c.H, c.W, c.C)
	}
	got := values(c)
	for ch := range 3 {
		for i := range 32 {
			if got[i*3+ch] != v[ch*32+i] {
				t.Fatalf("channel %d sample %d is %v, want %v", ch, i, got[i*3+ch], v[ch*32+i])
			}
		}
	}
}

func TestNPZMembers(t *testing.T) {
	m, err := NPZMembers("testdata/npy/two.npz")
	if err != nil {
		t.Fatal(err)
	}
	if len(m) != 2 || m[0].Name != "images" || m[0].DType != "u1" || len(m[0].Shape) != 4 || m[1].Name != "labels" {
		t.Errorf("%+v", m)
	}
}

// A member is read once however many goroutines ask for its items, and forgotten when the archive changes.
func TestNPZCache(t *testing.T) {
	dir := t.TempDir()
	make4 := func(v uint8) []byte {
		c := New(Uint8, 4, 5, 6, 1)
		for i := range c.Data {
			c.Data[i] = v
		}
		var b bytes.Buffer
		if err := WriteNPZ(&b, []NamedClip{{"x", c}}); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	settle := func(path string) string {
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// Written twice within the clock's grain, in the same size: the second is what is read.
	path := write(t, dir, "a.npz", make4(7))
	for _, v := range []uint8{7, 1} {
		if err := os.WriteFile(path, make4(v), 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := Open(path + "#x[3]"); err != nil || c.Data[0] != v {
			t.Errorf("written a moment ago: %v", err)
		}
	}
	settle(path)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if c, err := Open(path + "#x[3]"); err != nil || c.Data[0] != 1 {
				t.Errorf("%v", err)
			}
		})
	}
	wg.Wait()
	path2 := settle(write(t, dir, "b.npz", append(make4(2), 0))) // another size, so another key
	if err := os.Rename(path2, path); err != nil {
		t.Fatal(err)
	}
	if c, err := Open(path + "#x[3]"); err != nil || c.Data[0] != 2 {
		t.Errorf("after the archive changed: %v", err)
	}
	small := &npzCache{limit: 200, entries: map[npzKey]*npzEntry{}}
	cfg := &readConfig{maxBytes: 1 << 20}
	for _, name := range []string{"c.npz", "d.npz", "e.npz"} {
		if _, err := small.load(settle(write(t, dir, name, make4(3))), "x", cfg); err != nil {
			t.Fatal(err)
		}
	}
	if small.used > 200 || len(small.entries) != 1 || small.order.Len() != 1 {
		t.Errorf("%d bytes in %d entries kept with a limit of 200", small.used, len(small.entries))
	}
}

func TestNPYDamage(t *testing.T) {
	var ok bytes.Buffer
	if err := WriteNPY(&ok, rampClip(Int16, 2, 3, 4, 1)); err != nil {
		t.Fatal(err)
	}
	b := ok.Bytes()
	swap := func(old, new string) []byte {
		if !bytes.Contains(b, []byte(old)) {
			t.Fatalf("no %q in the header", old)
		}
		return bytes.Replace(b, []byte(old), []byte(new), 1)
	}
	dir := t.TempDir()
	for name, c := range map[string][]byte{
		"cut in the header":  b[:40],
		"cut in the samples": b[:len(b)-1],
		"objects":            swap("<i2", "|O2"),
		"complex":            swap("<i2", "<c8"),
		"structured":         swap("'<i2'", "[('a','<i2')]"),
		"negative side":      swap("(2, 3, 4)", "(-2, 3,4)"),
		"no shape":           swap("shape", "shope"),
		"future version":     append([]byte("\x93NUMPY\x09\x00"), b[8:]...),
		"lying length":       append([]byte("\x93NUMPY\x02\x00\xff\xff\xff\xff"), b[10:]...),
		"too large a shape":  swap("(2, 3, 4), }   ", "(2, 3, 4000), }"),
		"overflowing shape":  swap("(2, 3, 4), }                   ", "(999999999, 999999999, 99999), }"),
		"empty":              swap("(2, 3, 4)", "(0, 3, 4)"),
		"no axes":            swap("(2, 3, 4)", "()       "),
	} {
		_, err := Open(write(t, dir, "x.npy", c))
		if fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNPZDamage(t *testing.T) {
	b, err := os.ReadFile("testdata/npy/stored.npz")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	flipped := bytes.Clone(b)
	flipped[bytes.Index(b, []byte("NUMPY"))+150] ^= 1 // a sample
	for name, c := range map[string][]byte{"a flipped bit": flipped, "cut": b[:len(b)/2], "no archive": []byte("PK\x03\x04 and nothing more")} {
		if _, err := Open(write(t, dir, strings.ReplaceAll(name, " ", "-")+".npz", c)); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHalfFloat(t *testing.T) {
	for bits, want := range map[uint16]float64{0x3c00: 1, 0xc000: -2, 0x7bff: 65504, 0x0001: math.Pow(2, -24), 0x8001: -math.Pow(2, -24), 0x3555: 0.333251953125,
		0x7c00: math.Inf(1), 0xfc00: math.Inf(-1)} {
		if got := float64(halfFloat(bits)); got != want {
			t.Errorf("%#04x is %v, want %v", bits, got, want)
		}
	}
	if v := halfFloat(0x7e00); v == v {
		t.Error("the NaN is a number")
	}
}

// MedMNIST's own file: shapes, and values that are 0 or 255.
func TestAdrenal(t *testing.T) {
	path := testdata.Shared(t, "data/imaging/adrenal3d/adrenalmnist3d.npz")
	c, err := Open(path + "#train_images[1187]")
	if err != nil {
		t.Fatal(err)
	}
	if c.T != 28 || c.H != 28 || c.W != 28 || c.C != 1 || c.DType != Uint8 {
		t.Errorf("[%d %d %d %d] %v", c.T, c.H, c.W, c.C, c.DType)
	}
	if n := bytes.Count(c.Data, []byte{0}) + bytes.Count(c.Data, []byte{255}); n != len(c.Data) {
		t.Errorf("%d of %d samples are neither 0 nor 255", len(c.Data)-n, len(c.Data))
	}
	if _, err := Open(path + "#train_images[1188]"); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("item 1188 of 1188: %v", err)
	}
}

func FuzzNPY(f *testing.F) {
	for _, c := range []*Clip{rampClip(Int16, 2, 3, 4, 1), rampClip(Uint8, 1, 6, 5, 3), rampClip(Float64, 1, 2, 2, 1)} {
		var b bytes.Buffer
		if err := WriteNPY(&b, c); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Add([]byte("\x93NUMPY\x01\x00\x46\x00{'descr': '>f2', 'fortran_order': True, 'shape': (3L, 2, 5), }" + strings.Repeat(" ", 9) + "\n" + strings.Repeat("ab", 30)))
	f.Fuzz(func(t *testing.T, b []byte) {
		cfg := readConfig{maxBytes: 1 << 22}
		a, err := readNPY(bytes.NewReader(b), cfg.maxBytes, int64(len(b)))
		if err != nil {
			return
		}
		c, err := a.clip(&cfg)
		if err != nil {
			return
		}
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
	})
}
