package clip

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
)

// goldenFile is testdata/golden.json, written by bench/peers/clip_golden.py from NumPy, nibabel, OpenCV and pydicom.
type goldenFile struct {
	NPY map[string]struct {
		Shape  []int
		Values []float64
	}
	NIfTI map[string]struct {
		Shape  []int
		Values []float64
		Affine []float64 // RAS, 3×4
		Zooms  []float64
	}
	AVI map[string]struct {
		Frames, Height, Width int
		FPS, Mean             float64
		Means                 []float64
		Row                   []float64
	}
	Resample struct {
		Source []float64
		Cases  []struct {
			Name              string
			H, W              int
			Deg, Zoom, DX, DY float64
			Values            []float64
		}
	}
	Normalise struct{ Source, Percentile, Case, Zoomed []float64 }
	DICOM     map[string]struct {
		Shape []int
		Mean  float64
		Means []float64
	}
}

func golden(t testing.TB) goldenFile {
	t.Helper()
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g goldenFile
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// values is every sample of c as float64.
func values(c *Clip) []float64 {
	out := make([]float64, c.T*c.H*c.W*c.C)
	switch c.DType {
	case Uint8:
		convertSamples(out, Samples[uint8](c))
	case Int8:
		convertSamples(out, Samples[int8](c))
	case Uint16:
		convertSamples(out, Samples[uint16](c))
	case Int16:
		convertSamples(out, Samples[int16](c))
	case Int32:
		convertSamples(out, Samples[int32](c))
	case Float32:
		convertSamples(out, Samples[float32](c))
	case Float64:
		convertSamples(out, Samples[float64](c))
	}
	return out
}

// near fails unless got and want differ by at most tol everywhere.
func near[T, U ~float32 | ~float64](t testing.TB, what string, got []T, want []U, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range got {
		if d := math.Abs(float64(got[i]) - float64(want[i])); !(d <= tol) {
			t.Fatalf("%s: value %d is %v, want %v ± %v", what, i, got[i], want[i], tol)
		}
	}
}

// byteClip is a grey clip of the given samples.
func byteClip(t, h, w int, samples ...uint8) *Clip {
	c := New(Uint8, t, h, w, 1)
	copy(c.Data, samples)
	return c
}

// rampClip is a grey clip whose samples differ, with the spacing of a stack.
func rampClip(dt DType, t, h, w, ch int) *Clip {
	c := New(dt, t, h, w, ch)
	x := make([]float32, t*h*w*ch)
	for i := range x {
		x[i] = float32((i*37 + i/7) % 120)
	}
	storeRounded(c, x)
	if ch == 3 {
		c.Photometric = RGB
	}
	return c
}

func write(t testing.TB, dir, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func pngBytes(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", "") // no ffmpeg
	empty := write(t, dir, "empty.avi", nil)
	grey := write(t, dir, "grey.png", pngBytes(t, image.NewGray(image.Rect(0, 0, 40, 30))))
	text := write(t, dir, "notes.txt", []byte("this is no image at all, whatever its name"))
	if err := os.Mkdir(filepath.Join(dir, "nothing"), 0o755); err != nil {
		t.Fatal(err)
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		name string
		path string
		opts []ReadOption
		code fault.Code
		says string
	}{
		{"absent", filepath.Join(dir, "absent.png"), nil, fault.NotFound, "no such file"},
		{"empty", empty, nil, fault.Input, "empty"},
		{"over the limit", grey, []ReadOption{MaxBytes(1000)}, fault.Resource, "limit"},
		{"unknown kind without ffmpeg", text, nil, fault.Missing, "apt install ffmpeg"},
		{"folder without images", filepath.Join(dir, "nothing"), nil, fault.NotFound, "no DICOM, PNG or JPEG"},
		{"fragment of a PNG", grey + "#x[3]", nil, fault.Input, "no parts"},
		{"cancelled", grey, []ReadOption{WithContext(done)}, fault.Interrupted, "cancel"},
		{"member of an npy", "testdata/npy/v2.npy#a", nil, fault.Input, "no member"},
		{"unknown npz member", "testdata/npy/two.npz#pictures", nil, fault.NotFound, "images, labels"},
		{"npz with several members", "testdata/npy/two.npz", nil, fault.Usage, "name one after #"},
		{"index too large", "testdata/npy/two.npz#images[3]", nil, fault.NotFound, "3 items"},
		{"volume of a 4-D NIfTI", "testdata/nifti/four.nii.gz", nil, fault.Usage, "#[0] to FILE#[2]"},
		{"volume too large", "testdata/nifti/four.nii.gz#[3]", nil, fault.NotFound, "3 of 3"},
		{"part of a NIfTI", "testdata/nifti/bare.nii#x", nil, fault.Input, "#[volume]"},
		{"layout of other length", "testdata/npy/v2.npy", []ReadOption{Layout("THW")}, fault.Input, "layout"},
		{"impossible layout", "testdata/npy/v2.npy", []ReadOption{Layout("HH")}, fault.Usage, "at most once"},
	} {
		_, err := Open(c.path, c.opts...)
		if err == nil {
			t.Errorf("%s: no error", c.name)
			continue
		}
		if got := fault.CodeOf(err); got != c.code {
			t.Errorf("%s: code %s, want %s: %v", c.name, got, c.code, err)
		}
		if !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: %q does not name the file and say %q", c.name, err, c.says)
		}
	}
}

func TestFragments(t *testing.T) {
	dir := t.TempDir()
	hash := write(t, dir, "a#b.png", nil)
	for _, c := range []struct {
		path, file, member string
		index              int
		set                bool
	}{
		{"a.npz", "a.npz", "", -1, false},
		{"a.npz#x", "a.npz", "x", -1, true},
		{"a.npz#x[12]", "a.npz", "x", 12, true},
		{"a.npy#[0]", "a.npy", "", 0, true},
		{"a.npz#x[y]", "a.npz", "x[y]", -1, true},
		{"d/#1.2.840", "d/", "1.2.840", -1, true},
		{"a#b/c.npz#x[1]", "a#b/c.npz", "x", 1, true},
		{hash, hash, "", -1, false}, // a file of that very name
	} {
		file, f := splitFragment(c.path)
		if file != c.file || f.member != c.member || f.index != c.index || f.set != c.set {
			t.Errorf("%s: %q %+v", c.path, file, f)
		}
	}
}

func TestImages(t *testing.T) {
	dir := t.TempDir()
	r := image.Rect(0, 0, 3, 2)
	grey := &image.Gray{Pix: []uint8{1, 2, 3, 4, 5, 6}, Stride: 3, Rect: r}
	deep := image.NewGray16(r)
	deep.SetGray16(2, 1, color.Gray16{Y: 40000})
	pal := &image.Paletted{Pix: []uint8{0, 1, 2, 2, 1, 0}, Stride: 3, Rect: r, Palette: color.Palette{color.Black, color.RGBA{255, 0, 0, 255}, color.White}}
	rgb := image.NewNRGBA(r)
	rgb.SetNRGBA(1, 0, color.NRGBA{10, 20, 30, 255})
	same := image.NewNRGBA(r)
	same.SetNRGBA(1, 1, color.NRGBA{9, 9, 9, 255})
	deepRGB := image.NewNRGBA64(r)
	deepRGB.SetNRGBA64(0, 0, color.NRGBA64{1000, 2000, 3000, 0xffff})
	for _, c := range []struct {
		name string
		img  image.Image
		dt   DType
		ch   int
		p    Photometric
		opts []ReadOption
		want []float64
	}{
		{"grey", grey, Uint8, 1, Grey, nil, []float64{1, 2, 3, 4, 5, 6}},
		{"deep", deep, Uint16, 1, Grey, nil, []float64{0, 0, 0, 0, 0, 40000}},
		{"palette as labels", pal, Uint8, 1, Mask, []ReadOption{AsMask()}, []float64{0, 1, 2, 2, 1, 0}},
		{"palette", pal, Uint8, 3, RGB, nil, []float64{0, 0, 0, 255, 0, 0, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0}},
		{"rgb", rgb, Uint8, 3, RGB, nil, []float64{0, 0, 0, 10, 20, 30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
		{"colour without any", same, Uint8, 1, Grey, nil, []float64{0, 0, 0, 0, 9, 0}},
		{"deep rgb", deepRGB, Uint16, 3, RGB, nil, append([]float64{1000, 2000, 3000}, make([]float64, 15)...)},
	} {
		path := write(t, dir, strings.ReplaceAll(c.name, " ", "_")+".dat", pngBytes(t, c.img)) // known by content, not by name
		got, err := Open(path, c.opts...)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got.T != 1 || got.H != 2 || got.W != 3 || got.C != c.ch || got.DType != c.dt || got.Photometric != c.p || got.Source.Format != "png" {
			t.Errorf("%s: [%d %d %d %d] %v %s %s", c.name, got.T, got.H, got.W, got.C, got.DType, got.Photometric, got.Source.Format)
			continue
		}
		near(t, c.name, values(got), c.want, 0)
	}
}

func TestImageDigestAndDamage(t *testing.T) {
	dir := t.TempDir()
	b := pngBytes(t, image.NewGray(image.Rect(0, 0, 64, 64)))
	c, err := Open(write(t, dir, "a.png", b))
	if err != nil {
		t.Fatal(err)
	}
	if c.Source.Digest != digestOf(b) || c.Source.Reader != ReaderVersion {
		t.Errorf("source is %+v", c.Source)
	}
	for n := 9; n < len(b)-12; n += 5 {
		if _, err := Open(write(t, dir, "cut.png", b[:n])); fault.CodeOf(err) != fault.Input {
			t.Fatalf("cut at byte %d of %d: %v", n, len(b), err)
		}
	}
	huge := bytes.Clone(b)
	copy(huge[16:], []byte{0, 0, 0x7f, 0xff, 0, 0, 0x7f, 0xff}) // IHDR's width and height
	if _, err := Open(write(t, dir, "huge.png", huge)); err == nil {
		t.Error("a PNG with a lying header was read")
	}
}

func TestJPEGColour(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 32, 32))
	for i := range 32 * 32 {
		v := uint8(i / 32 * 8)
		copy(img.Pix[4*i:], []uint8{v, v, v, 255})
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	c, err := Open(write(t, t.TempDir(), "a.jpg", b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if c.C != 1 || c.Photometric != Grey {
		t.Errorf("a JPEG without colour has %d channels", c.C)
	}
	if d := math.Abs(values(c)[16*32] - 128); d > 2 {
		t.Errorf("row 16 is %v, not 128", values(c)[16*32])
	}
	for i := range 32 * 32 {
		copy(img.Pix[4*i:], []uint8{200, 40, 90, 255})
	}
	b.Reset()
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	c, err = Open(write(t, t.TempDir(), "b.jpg", b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if c.C != 3 || c.Photometric != RGB {
		t.Fatalf("a coloured JPEG has %d channels", c.C)
	}
	near(t, "colour", values(c)[:3], []float64{200, 40, 90}, 2)
}

// The frames of a folder come in the order people count them in.
func TestImageSeries(t *testing.T) {
	dir := t.TempDir()
	for i, name := range []string{"f1.png", "f2.png", "f10.png", "f11.png", "f100.png"} {
		write(t, dir, name, pngBytes(t, &image.Gray{Pix: []uint8{uint8(i), 7}, Stride: 2, Rect: image.Rect(0, 0, 2, 1)}))
	}
	write(t, dir, ".hidden.png", []byte("x"))
	write(t, dir, "readme.txt", []byte("about the frames"))
	c, err := Open(dir + "/")
	if err != nil {
		t.Fatal(err)
	}
	near(t, "series", values(c), []float64{0, 7, 1, 7, 2, 7, 3, 7, 4, 7}, 0)
	if c.TimesMS != nil || !slices.Contains(c.Source.Notes, "1 other files in the folder were passed over") {
		t.Errorf("times %v, notes %q", c.TimesMS, c.Source.Notes)
	}
	write(t, dir, "f12.png", pngBytes(t, image.NewGray(image.Rect(0, 0, 3, 1))))
	if _, err := Open(dir); fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), "f12.png") {
		t.Errorf("a frame of another size: %v", err)
	}
	write(t, dir, "f12.png", []byte("\x89PNG\r\n\x1a\nnothing"))
	if _, err := Open(dir); fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), "f12.png") {
		t.Errorf("a broken frame: %v", err)
	}
}

func TestNaturalLess(t *testing.T) {
	want := []string{"a", "a1", "a01", "a2", "a10", "a10b", "a11", "b", "b1-2", "b1-10"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, func(a, b string) int {
		switch {
		case naturalLess(a, b):
			return -1
		case naturalLess(b, a):
			return 1
		}
		return 0
	})
	if !slices.Equal(got, want) {
		t.Errorf("order %v", got)
	}
}

func TestMaskFromFloats(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		in   []float32
		want DType // 0: an error
	}{
		{[]float32{0, 1, 2, 255}, Uint8},
		{[]float32{0, -1, 2, 300}, Int16},
		{[]float32{0, 70000, 2, 3}, Int32},
		{[]float32{0, 0.5, 2, 3}, 0},
		{[]float32{0, float32(math.NaN()), 2, 3}, 0},
	} {
		f := New(Float32, 1, 2, 2, 1)
		copy(Samples[float32](f), c.in)
		path := filepath.Join(dir, "m.npy")
		if err := Save(path, f); err != nil {
			t.Fatal(err)
		}
		m, err := Open(path, AsMask())
		switch {
		case c.want == 0:
			if fault.CodeOf(err) != fault.Input {
				t.Errorf("%v: %v", c.in, err)
			}
		case err != nil:
			t.Errorf("%v: %v", c.in, err)
		case m.DType != c.want || m.Photometric != Mask:
			t.Errorf("%v: %v %s", c.in, m.DType, m.Photometric)
		default:
			near(t, "mask", values(m), c.in, 0)
		}
	}
}
