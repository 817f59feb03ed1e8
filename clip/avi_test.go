package clip

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"image"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/testdata"
)

// smoothClip is a grey cine of n frames that JPEG keeps well; every frame has its own mean.
func smoothClip(n, h, w int) *Clip {
	c := New(Uint8, n, h, w, 1)
	for i := range c.Data {
		t, y, x := i/(h*w), i/w%h, i%w
		c.Data[i] = uint8(20*t%200 + x + y/2)
	}
	c.TimesMS = evenTimes(n, 40)
	return c
}

func aviOf(t testing.TB, c *Clip) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteAVI(&b, c, AVIOptions{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAVIRoundTrip(t *testing.T) {
	want := smoothClip(7, 24, 32)
	c, err := Open(write(t, t.TempDir(), "a.avi", aviOf(t, want)))
	if err != nil {
		t.Fatal(err)
	}
	if c.C != 1 || c.Source.Format != "avi" || len(c.Source.Notes) != 0 {
		t.Errorf("%d channels, %+v", c.C, c.Source)
	}
	near(t, "samples", values(c), values(want), 2)
	near(t, "times", c.TimesMS, want.TimesMS, 1e-9)

	colour := New(Uint8, 2, 16, 16, 3)
	colour.Photometric = RGB
	for i := 0; i < len(colour.Data); i += 3 {
		copy(colour.Data[i:], []uint8{180, 30, 60})
	}
	c, err = Open(write(t, t.TempDir(), "b.avi", aviOf(t, colour)))
	if err != nil {
		t.Fatal(err)
	}
	if c.C != 3 || c.Photometric != RGB {
		t.Fatalf("%d channels %s", c.C, c.Photometric)
	}
	near(t, "colour", values(c), values(colour), 2)
	near(t, "times of a clip without", c.TimesMS, []float64{0, 40}, 1e-9)
}

// The index may be missing or wrong, the lengths unset, the last frame cut: the frames that are there are read.
func TestAVIRepair(t *testing.T) {
	src := smoothClip(5, 24, 32)
	b := aviOf(t, src)
	idx := bytes.LastIndex(b, []byte("idx1"))
	movi := bytes.Index(b, []byte("movi"))
	edit := func(f func([]byte) []byte) []byte { return f(bytes.Clone(b)) }
	le := binary.LittleEndian
	for _, c := range []struct {
		name   string
		b      []byte
		frames []int // of src
		note   string
	}{
		{"no index", b[:idx], []int{0, 1, 2, 3, 4}, "length is wrong"},
		{"index of other frames", edit(func(b []byte) []byte { le.PutUint32(b[idx+8+8:], 77); return b }), []int{0, 1, 2, 3, 4}, "scanning"},
		{"index from the file's start", edit(func(b []byte) []byte {
			for i := idx + 8; i < len(b); i += 16 {
				le.PutUint32(b[i+8:], le.Uint32(b[i+8:])+uint32(movi))
			}
			return b
		}), []int{0, 1, 2, 3, 4}, ""},
		{"index that repeats a frame", edit(func(b []byte) []byte { copy(b[idx+8+16:idx+8+32], b[idx+8:idx+8+16]); return b }), []int{0, 0, 2, 3, 4}, ""},
		{"unset lengths", edit(func(b []byte) []byte {
			le.PutUint32(b[4:], 0)
			le.PutUint32(b[movi-4:], 0)
			return b[:idx]
		}), []int{0, 1, 2, 3, 4}, "length is wrong"},
		{"cut in the last frame", b[:idx-9], []int{0, 1, 2, 3}, "ends inside chunk"},
	} {
		got, err := Open(write(t, t.TempDir(), "a.avi", c.b))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got.T != len(c.frames) {
			t.Errorf("%s: %d frames, want %d", c.name, got.T, len(c.frames))
			continue
		}
		for i, f := range c.frames {
			one := &Clip{T: 1, H: 24, W: 32, C: 1, DType: Uint8, Data: src.Frame(f)}
			have := &Clip{T: 1, H: 24, W: 32, C: 1, DType: Uint8, Data: got.Frame(i)}
			near(t, c.name, values(have), values(one), 2)
		}
		if notes := strings.Join(got.Source.Notes, "; "); c.note == "" && notes != "" || !strings.Contains(notes, c.note) {
			t.Errorf("%s: notes %q", c.name, notes)
		}
	}
}

// A chunk of no bytes stands for a dropped frame: it shows the frame before, and time goes on.
func TestAVIDroppedFrame(t *testing.T) {
	src := smoothClip(3, 24, 32)
	a, err := parseAVI(aviOf(t, src))
	if err != nil {
		t.Fatal(err)
	}
	a.frames = [][]byte{nil, a.frames[0], nil, a.frames[2]}
	c, err := decodeMotionJPEG(a, &readConfig{ctx: t.Context(), maxBytes: 1 << 20, workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	if c.T != 3 || !bytes.Equal(c.Frame(0), c.Frame(1)) || bytes.Equal(c.Frame(1), c.Frame(2)) {
		t.Errorf("%d frames", c.T)
	}
	near(t, "times", c.TimesMS, []float64{0, 40, 80}, 1e-9)
	if len(c.Source.Notes) != 2 {
		t.Errorf("notes %q", c.Source.Notes)
	}
}

// Capture cards leave the Huffman tables out; Go's encoder writes the standard ones, so removing them must change nothing.
func TestMotionJPEGWithoutTables(t *testing.T) {
	img := image.NewYCbCr(image.Rect(0, 0, 40, 24), image.YCbCrSubsampleRatio420)
	for i := range img.Y {
		img.Y[i] = uint8(i * 3)
	}
	for i := range img.Cb {
		img.Cb[i], img.Cr[i] = uint8(100+i), uint8(180-i)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b.Bytes(), standardDHT)
	if at < 0 {
		t.Fatal("image/jpeg no longer writes the tables of T.81 annex K.3")
	}
	bare := slices.Concat(b.Bytes()[:at], b.Bytes()[at+len(standardDHT):])
	if _, err := jpeg.Decode(bytes.NewReader(bare)); err == nil {
		t.Fatal("the JPEG still has tables")
	}
	cfg := &readConfig{maxBytes: 1 << 20}
	got, err := decodeJPEG(bare, nil, cfg)
	if err != nil {
		t.Fatal(err)
	}
	want, err := decodeJPEG(b.Bytes(), nil, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.samples, want.samples) {
		t.Error("the pictures differ")
	}
}

func TestAVIErrors(t *testing.T) {
	b := aviOf(t, smoothClip(3, 24, 32))
	junk := bytes.Clone(b)
	at := bytes.Index(junk, []byte("\xff\xd8"))
	copy(junk[at:], "not a JPEG")
	other := slices.Clone(aviOf(t, smoothClip(3, 24, 32)))
	second := bytes.Index(other[at+2:], []byte("\xff\xc0")) + at + 2
	second = bytes.Index(other[second+2:], []byte("\xff\xc0")) + second + 2
	other[second+6] = 16 // the second frame's height
	for name, c := range map[string]struct {
		b    []byte
		says string
	}{
		"no stream": {bytes.Replace(b, []byte("vids"), []byte("auds"), 1), "no video stream"},
		"no frames": {b[:bytes.Index(b, []byte("00dc"))], "no frames"},
		"not JPEG":  {junk, "frame 0"},
		"two sizes": {other, "frame 1"},
	} {
		_, err := Open(write(t, t.TempDir(), "a.avi", c.b))
		if fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "ffmpeg -i") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := Open(write(t, t.TempDir(), "a.avi", b), MaxBytes(2000))
	if fault.CodeOf(err) != fault.Resource {
		t.Errorf("over the limit: %v", err)
	}
}

// The lung clips' table gives frames and rate of each file.
func TestLungClips(t *testing.T) {
	root := testdata.Shared(t, "data/imaging/lus")
	f, err := os.Open(filepath.Join(root, "index.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	frames, fps := slices.Index(rows[0], "frames"), slices.Index(rows[0], "fps")
	read := 0
	for _, row := range rows[1:] {
		path := filepath.Join(root, "clips", row[0])
		if _, err := os.Stat(path); err != nil {
			continue
		}
		c, err := Open(path)
		if err != nil {
			t.Error(err)
			continue
		}
		rate, _ := strconv.ParseFloat(row[fps], 64)
		if strconv.Itoa(c.T) != row[frames] || c.H != 112 || c.W != 112 || math.Abs(c.FrameRate()-rate) > 0.01*rate {
			t.Errorf("%s: %d frames of %d×%d at %v; the table says %s at %s", row[0], c.T, c.W, c.H, c.FrameRate(), row[frames], row[fps])
		}
		read++
	}
	if read == 0 {
		t.Error("no clip was read")
	}
}

// libjpeg (through OpenCV) decodes the same pictures: to one level, as its luma is made from rounded RGB.
func TestAVIGolden(t *testing.T) {
	for name, g := range golden(t).AVI {
		c, err := Open(testdata.Shared(t, "data/imaging/lus/clips", name))
		if err != nil {
			t.Error(err)
			continue
		}
		if c.T != g.Frames || c.H != g.Height || c.W != g.Width || math.Abs(c.FrameRate()-g.FPS) > 0.01 {
			t.Errorf("%s: [%d %d %d] at %v", name, c.T, c.H, c.W, c.FrameRate())
			continue
		}
		in := InputSpec{Channels: 1, Normalise: "none"}
		x := make([]float32, c.T*c.H*c.W)
		if err := Prepare(c, in, x, nil, AugmentSpec{}, 0); err != nil {
			t.Fatal(err)
		}
		n := c.H * c.W
		for f := range c.T {
			if m, _ := moments(x[f*n : (f+1)*n]); math.Abs(m-g.Means[f]) > 0.3 {
				t.Errorf("%s frame %d: mean %v, OpenCV %v", name, f, m, g.Means[f])
			}
		}
		at := c.T/2*n + 60*c.W
		near(t, name+" row 60", x[at:at+c.W], g.Row, 1)
	}
}

func FuzzAVI(f *testing.F) {
	f.Add(aviOf(f, smoothClip(2, 8, 8)))
	b := aviOf(f, smoothClip(2, 8, 8))
	f.Add(b[:bytes.LastIndex(b, []byte("idx1"))])
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := parseAVI(b)
		if err != nil || !motionJPEG[a.codec] {
			return
		}
		c, err := decodeMotionJPEG(a, &readConfig{ctx: t.Context(), maxBytes: 1 << 20, workers: 1})
		if err != nil {
			return
		}
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
	})
}
