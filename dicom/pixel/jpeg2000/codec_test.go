package jpeg2000

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
)

// needModule skips where the module has not been built.
func needModule(t testing.TB) {
	t.Helper()
	if _, _, err := Find(); err != nil {
		t.Skip("no OpenJPEG module: scripts/setup codecs")
	}
}

// noise is an image of samples over the whole range, smooth in one half so that all coding passes are met.
func noise(rows, columns, n, precision int, signed bool) Image {
	r := rand.New(rand.NewPCG(uint64(rows*columns), uint64(precision)))
	width := 1
	if precision > 8 {
		width = 2
	}
	img := Image{Rows: rows, Columns: columns, Components: n, Precision: precision, Signed: signed, Samples: make([]byte, rows*columns*n*width)}
	for i := range rows * columns * n {
		v := r.IntN(1 << precision)
		if i%(columns*n) < columns*n/2 {
			v = (i / n) * 3 & (1<<precision - 1)
		}
		if signed {
			v -= 1 << (precision - 1)
		}
		img.Samples[i*width] = byte(v)
		if width == 2 {
			img.Samples[i*width+1] = byte(v >> 8)
		}
	}
	return img
}

func TestRoundTrip(t *testing.T) {
	needModule(t)
	for _, size := range [][2]int{{1, 1}, {1, 7}, {9, 1}, {3, 5}, {64, 64}, {65, 130}} {
		for _, c := range []struct {
			n, precision   int
			signed, colour bool
		}{{1, 1, false, false}, {1, 8, false, false}, {1, 8, true, false}, {1, 12, false, false}, {1, 12, true, false}, {1, 16, false, false}, {1, 16, true, false},
			{3, 8, false, true}, {3, 8, false, false}, {3, 16, false, true}, {4, 8, false, false}} {
			img := noise(size[0], size[1], c.n, c.precision, c.signed)
			img.ColourTransform = c.colour
			name := fmt.Sprintf("%v %+v", size, c)
			b, err := Encode(context.Background(), img)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			h, got, err := Decode(context.Background(), b, Options{Rows: size[0], Columns: size[1], Components: c.n})
			if err != nil || !bytes.Equal(got, img.Samples) {
				t.Errorf("%s: %v", name, err)
			}
			want := Header{Rows: size[0], Columns: size[1], Components: c.n, Precision: c.precision, Signed: c.signed, ColourTransform: c.colour}
			if h != want {
				t.Errorf("%s: %+v", name, h)
			}
		}
	}
}

// TestByHand decodes a codestream of opj_compress 2.5.0 for the image 10 20 / 30 40: the lossless transform of four samples can be
// followed on paper.
func TestByHand(t *testing.T) {
	needModule(t)
	b, err := os.ReadFile(filepath.Join("testdata", "two_by_two.j2k"))
	if err != nil {
		t.Fatal(err)
	}
	if h, got, err := Decode(context.Background(), b, Options{}); err != nil || !bytes.Equal(got, []byte{10, 20, 30, 40}) {
		t.Errorf("%+v %v %v", h, got, err)
	}
}

func TestEncodeRefuses(t *testing.T) {
	ok := Image{Rows: 2, Columns: 2, Components: 1, Precision: 8, Samples: make([]byte, 4)}
	for name, change := range map[string]func(*Image){
		"no rows": func(i *Image) { i.Rows = 0 }, "17 bits": func(i *Image) { i.Precision = 17 }, "5 components": func(i *Image) { i.Components = 5 },
		"too few bytes": func(i *Image) { i.Samples = i.Samples[1:] }, "colour of one": func(i *Image) { i.ColourTransform = true },
		"a sample of more bits":   func(i *Image) { i.Precision = 4; i.Samples = []byte{0, 0, 0, 16} },
		"a sign where none fits":  func(i *Image) { i.Precision = 7; i.Signed = true; i.Samples = []byte{0, 0, 0, 64} },
		"too large for the shape": func(i *Image) { i.Columns = 70000 },
	} {
		img := ok
		change(&img)
		if _, err := Encode(context.Background(), img); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDamage cuts and changes a codestream: an error or a picture each time, never anything else, and the decoder works after it.
func TestDamage(t *testing.T) {
	needModule(t)
	img := noise(40, 30, 3, 8, false)
	img.ColourTransform = true
	whole, err := Encode(context.Background(), img)
	if err != nil {
		t.Fatal(err)
	}
	opt := Options{Rows: 40, Columns: 30, Components: 3}
	// The last two bytes are the end marker, which some writers leave away.
	for n := 0; n < len(whole)-2; n += 1 + n/16 {
		if _, b, err := Decode(context.Background(), whole[:n], opt); err == nil || b != nil {
			t.Errorf("%d of %d bytes were decoded", n, len(whole))
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 150 {
		b := bytes.Clone(whole)
		for range 1 + r.IntN(3) {
			b[4+r.IntN(min(len(b)-4, 300))] = byte(r.Uint32())
		}
		if _, got, err := Decode(context.Background(), b, opt); err == nil && len(got) != len(img.Samples) {
			t.Errorf("%d bytes", len(got))
		}
	}
	if _, got, err := Decode(context.Background(), whole, opt); err != nil || !bytes.Equal(got, img.Samples) {
		t.Errorf("after all that: %v", err)
	}
}

// manyTiles is a codestream that says that its 4 MB image has 62,500 tiles, for whose tables OpenJPEG wants some gigabytes.
func manyTiles() []byte {
	b := mainHeader(2000, 2000, 0, 0, []component{{7, 1, 1}}, cod53, []byte{0xFF, 0x5C, 0, 19, 0x40}, make([]byte, 16))
	for i, v := range []byte{0, 0, 0, 8, 0, 0, 0, 8} { // tiles of 8 × 8
		b[24+i] = v
	}
	return append(b, 0xFF, 0x90, 0, 10, 0, 0, 0, 0, 0, 0, 0, 1, 0xFF, 0x93, 0, 0, 0xFF, 0xD9)
}

func TestBudget(t *testing.T) {
	needModule(t)
	b := manyTiles()
	_, _, err := Decode(context.Background(), b, Options{})
	if fault.CodeOf(err) != fault.Input {
		t.Errorf("%v", err)
	}
	e, err := open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, in := range e.free {
		if n := in.module.Memory().Size(); n > keepMemory {
			t.Errorf("an instance of %d MB is kept", n>>20)
		}
	}
}

func TestConcurrent(t *testing.T) {
	needModule(t)
	var wg sync.WaitGroup
	for k := range 12 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			img := noise(30+k, 40, 1, 12, false)
			b, err := Encode(context.Background(), img)
			if err != nil {
				t.Error(err)
				return
			}
			if k%3 == 0 { // some of them fail
				_, _, _ = Decode(context.Background(), b[:len(b)/2], Options{})
			}
			if _, got, err := Decode(context.Background(), b, Options{}); err != nil || !bytes.Equal(got, img.Samples) {
				t.Errorf("%d: %v", k, err)
			}
		}()
	}
	wg.Wait()
	e, err := open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(e.free) > cap(e.slots) {
		t.Errorf("%d instances for %d slots", len(e.free), cap(e.slots))
	}
}

func TestCancelled(t *testing.T) {
	needModule(t)
	img := noise(600, 600, 1, 16, false)
	b, err := Encode(context.Background(), img)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(5*time.Millisecond, cancel)
	if _, _, err := Decode(ctx, b, Options{}); fault.CodeOf(err) != fault.Interrupted {
		t.Errorf("cancelled: %v", err)
	}
	ctx, cancel = context.WithTimeout(context.Background(), 5*time.Millisecond)
	defer cancel()
	if _, _, err := Decode(ctx, b, Options{}); fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), "too long") {
		t.Errorf("out of time: %v", err)
	}
	if _, got, err := Decode(context.Background(), b, Options{}); err != nil || !bytes.Equal(got, img.Samples) {
		t.Errorf("after that: %v", err)
	}
}

// TestFind: the module is looked for at each call, and what is wrong with one is said.
func TestFind(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("CINELOOP_CACHE", dir)
	t.Setenv("CINELOOP_OPENJPEG", "")
	b, err := hex.DecodeString("ff4fff51002900000000000200000002000000000000000000000002000000020000000000000000000107010100")
	if err != nil {
		t.Fatal(err)
	}
	if _, places, err := Find(); err == nil && !strings.HasPrefix(places[0].Path, dir) {
		t.Skip("a module is installed for the whole machine")
	} else if fault.CodeOf(err) != fault.Missing || len(places) != 3 || !strings.Contains(err.Error(), "codecs --build") {
		t.Errorf("%v, %v", places, err)
	}
	own := filepath.Join(dir, "own.wasm")
	t.Setenv("CINELOOP_OPENJPEG", own)
	for name, content := range map[string]string{"not a module": "rubbish", "a module without anything": "\x00asm\x01\x00\x00\x00"} {
		if err := os.WriteFile(own, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if path, _, err := Find(); err != nil || path != own {
			t.Errorf("%s, %v", path, err)
		}
		if _, _, err := Decode(context.Background(), b, Options{}); fault.CodeOf(err) != fault.Missing {
			t.Errorf("%s: %v", name, err)
		}
		time.Sleep(2 * time.Millisecond) // another time of change
	}
	t.Setenv("CINELOOP_OPENJPEG", dir)
	if _, places, err := Find(); err == nil || places[0].Reason != "not a file" {
		t.Errorf("%v, %v", places, err)
	}
}

func TestBuildSays(t *testing.T) {
	t.Setenv("CINELOOP_CACHE", t.TempDir())
	var log bytes.Buffer
	if _, err := Build(context.Background(), t.TempDir(), &log); fault.CodeOf(err) != fault.Missing {
		t.Errorf("an empty folder was built: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Build(ctx, "", &log); fault.CodeOf(err) != fault.Interrupted {
		t.Errorf("cancelled: %v", err)
	}
	var keep tail
	for range 100 {
		fmt.Fprintln(&keep, strings.Repeat("x", 100))
	}
	fmt.Fprintln(&keep, "why")
	if keep.line() != "why" || len(keep.b) > 4096 {
		t.Errorf("%q", keep.line())
	}
}

// FuzzDecode decodes whatever comes, in the module.
func FuzzDecode(f *testing.F) {
	needModule(f)
	for _, img := range []Image{noise(8, 8, 1, 8, false), noise(5, 9, 3, 8, false), noise(16, 16, 1, 16, true)} {
		b, err := Encode(context.Background(), img)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(manyTiles())
	names, _ := filepath.Glob("testdata/*.j2k")
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, got, err := Decode(context.Background(), b, Options{MaxBytes: 1 << 20})
		if err == nil && len(got) != h.Rows*h.Columns*h.Components*h.SampleBytes() {
			t.Fatalf("%+v: %d bytes", h, len(got))
		}
		if err != nil && fault.CodeOf(err) == fault.Internal {
			t.Fatalf("%v", err)
		}
	})
}
