package clip

import (
	"bytes"
	"image"
	"image/gif"
	"image/png"
	"math"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
)

// placed is an oblique stack with one bright block, whose centre of mass in the patient is known to every transform.
func placed() *Clip {
	c := New(Float32, 9, 20, 24, 1)
	s := Samples[float32](c)
	for f := 3; f < 6; f++ {
		for y := 8; y < 12; y++ {
			for x := 10; x < 16; x++ {
				s[(f*20+y)*24+x] = 1
			}
		}
	}
	c.Spacing = Spacing{Slice: 3, Row: 1.5, Column: 0.5}
	cos, sin := math.Cos(0.3), math.Sin(0.3)
	c.Affine = &Affine{{0.5 * cos, -1.5 * sin, 0, 10}, {0.5 * sin, 1.5 * cos, 0, -20}, {0, 0, 3, 5}}
	return c
}

// centroid is the bright block's centre of mass in mm.
func centroid(c *Clip) [3]float64 {
	var sum float64
	var at [3]float64
	v := values(c)
	for f := range c.T {
		for y := range c.H {
			for x := range c.W {
				w := v[(f*c.H+y)*c.W+x]
				sum += w
				for i := range 3 {
					at[i] += w * (c.Affine[i][0]*float64(x) + c.Affine[i][1]*float64(y) + c.Affine[i][2]*float64(f) + c.Affine[i][3])
				}
			}
		}
	}
	for i := range at {
		at[i] /= sum
	}
	return at
}

// No transform moves anything in the patient: what moves in the grid, the affine takes back. The spacing is the affine's.
func TestTransformsKeepPlace(t *testing.T) {
	c := placed()
	want := centroid(c)
	permuted, err := Permute(c, [3]Axis{Columns, Frames, Rows})
	if err != nil {
		t.Fatal(err)
	}
	spaced, err := ResampleSpacing(c, Spacing{Slice: 1.5, Row: 0.75, Column: 1})
	if err != nil {
		t.Fatal(err)
	}
	selected, err := SelectFrames(c, []int{1, 2, 3, 4, 5, 6, 7})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []struct {
		name    string
		c       *Clip
		tol     float64
		spacing Spacing
	}{
		{"crop", Crop(c, Box{1, 8, 2, 19, 3, 22}, 0), 1e-6, c.Spacing},
		{"pad", CropCentre(c, 15, 30, 31, 0), 1e-6, c.Spacing},
		{"flip columns", Flip(c, Columns), 1e-6, c.Spacing},
		{"flip rows", Flip(c, Rows), 1e-6, c.Spacing},
		{"flip frames", Flip(c, Frames), 1e-6, c.Spacing},
		{"permute", permuted, 1e-6, Spacing{Slice: 0.5, Row: 3, Column: 1.5}},
		{"select", selected, 1e-6, c.Spacing},
		{"resize", Resize(c, 18, 40, 12), 0.02, Spacing{Slice: 1.5, Row: 0.75, Column: 1}},
		{"spacing", spaced, 0.02, Spacing{Slice: 1.5, Row: 0.75, Column: 1}},
		{"rotate", Rotate(c, 25), 0.05, c.Spacing},
		{"scale", Scale(c, 1.25), 0.05, Spacing{Slice: 3, Row: 1.2, Column: 0.4}},
		{"translate", Translate(c, 2.5, -1.25), 0.05, c.Spacing},
	} {
		if err := m.c.Validate(); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
		near(t, m.name, slices.Collect(each(centroid(m.c))), slices.Collect(each(want)), m.tol)
		got := m.c.Spacing
		near(t, m.name+" spacing", []float64{got.Slice, got.Row, got.Column}, []float64{m.spacing.Slice, m.spacing.Row, m.spacing.Column}, 1e-9)
		var a [3]float64
		for k := range a {
			for i := range 3 {
				a[k] += m.c.Affine[i][k] * m.c.Affine[i][k]
			}
		}
		if m.name != "rotate" { // rows and columns of an affine with unequal sides are not at right angles after a turn in the grid
			near(t, m.name+" affine", []float64{math.Sqrt(a[2]), math.Sqrt(a[1]), math.Sqrt(a[0])}, []float64{got.Slice, got.Row, got.Column}, 1e-9)
		}
	}
}

func each(v [3]float64) func(func(float64) bool) { return slices.Values(v[:]) }

func TestCropByHand(t *testing.T) {
	c := byteClip(2, 2, 3, 1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16)
	c.TimesMS = []float64{0, 30}
	got := Crop(c, Box{-1, 2, -1, 1, 2, 4}, 9)
	near(t, "samples", values(got), []float64{9, 9, 9, 9, 9, 9, 3, 9, 9, 9, 13, 9}, 0)
	near(t, "times", got.TimesMS, []float64{0, 30, 60}, 1e-9)
}

func TestFlipTwiceIsNothing(t *testing.T) {
	c := rampClip(Int16, 3, 4, 5, 3)
	c.TimesMS = []float64{0, 10, 50}
	for axis := Frames; axis <= Columns; axis++ {
		once := Flip(c, axis)
		twice := Flip(once, axis)
		if !bytes.Equal(twice.Data, c.Data) || bytes.Equal(once.Data, c.Data) {
			t.Errorf("axis %d", axis)
		}
		near(t, "times", twice.TimesMS, c.TimesMS, 1e-9)
	}
	near(t, "times backwards", Flip(c, Frames).TimesMS, []float64{0, 40, 50}, 1e-9)
}

func TestSelectFramesInALoop(t *testing.T) {
	c := smoothClip(4, 2, 2)
	got, err := SelectFrames(c, []int{2, 3, 0, 1})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "times", got.TimesMS, []float64{0, 40, 80, 120}, 1e-9)
	if !bytes.Equal(got.Frame(2), c.Frame(0)) {
		t.Error("the third frame is not the first one")
	}
	if _, err := SelectFrames(c, []int{4}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("a frame that is not there: %v", err)
	}
}

func TestResampleTime(t *testing.T) {
	c := New(Float32, 3, 1, 1, 1)
	copy(Samples[float32](c), []float32{0, 10, 40})
	c.TimesMS = []float64{0, 10, 40}
	got, err := ResampleTime(c, 8)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "samples", values(got), []float64{0, 8, 16, 24, 32, 40}, 1e-5) // the samples are the times
	near(t, "times", got.TimesMS, []float64{0, 8, 16, 24, 32, 40}, 1e-9)
	c.Photometric = Mask
	got, err = ResampleTime(c, 8)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "labels", values(got), []float64{0, 10, 10, 10, 40, 40}, 0)
	if _, err := ResampleTime(New(Uint8, 3, 1, 1, 1), 8); fault.CodeOf(err) != fault.Input {
		t.Errorf("without times: %v", err)
	}
}

func TestTransformErrors(t *testing.T) {
	cine := smoothClip(3, 4, 4)
	if _, err := Permute(cine, [3]Axis{Rows, Frames, Columns}); fault.CodeOf(err) != fault.Input {
		t.Errorf("time as space: %v", err)
	}
	if _, err := Permute(cine, [3]Axis{Frames, Rows, Rows}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("an axis twice: %v", err)
	}
	if _, err := Permute(cine, [3]Axis{Frames, Columns, Rows}); err != nil {
		t.Errorf("a transposed cine: %v", err)
	}
	if _, err := ResampleSpacing(cine, Spacing{Row: 1}); fault.CodeOf(err) != fault.Input {
		t.Errorf("unknown spacing: %v", err)
	}
}

func TestAugmentClip(t *testing.T) {
	c := smoothClip(4, 12, 10)
	got, err := Augment(c, AugmentSpec{FlipLR: true, Brightness: 10}, seeded(3))
	if err != nil {
		t.Fatal(err)
	}
	if err := got.Validate(); err != nil || got.DType != Float32 || got.T != 4 || got.H != 12 || got.W != 10 {
		t.Errorf("%v: [%d %d %d] %v", err, got.T, got.H, got.W, got.DType)
	}
	plain, err := Augment(c, AugmentSpec{}, seeded(3))
	if err != nil {
		t.Fatal(err)
	}
	near(t, "no augmentation", values(plain), values(c), 0)
}

func TestWindowAndNormalise(t *testing.T) {
	c := placed()
	c.Photometric = CT
	c.Source.Tags = map[string]string{"WindowCenter": "40", "Modality": "CT"}
	got, err := Window(c, 0.5, 2)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "window", []float64{values(got)[0], values(got)[(4*20+9)*24+11]}, []float64{0.25, 0.75}, 1e-6)
	if got.Affine == nil || got.Spacing != c.Spacing || got.Source.Tags["Modality"] != "CT" || got.Source.Tags["WindowCenter"] != "" || c.Source.Tags["WindowCenter"] != "40" {
		t.Errorf("%v %v %v", got.Affine, got.Spacing, got.Source.Tags)
	}
	z, err := Normalise(c, "case", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if m, sd := moments(Samples[float32](z)); math.Abs(m) > 1e-5 || math.Abs(sd-1) > 1e-5 {
		t.Errorf("mean %v, SD %v", m, sd)
	}
	if _, err := Normalise(c, "wrong", nil, nil); fault.CodeOf(err) != fault.Usage {
		t.Errorf("%v", err)
	}
	if _, err := Window(c, 0, 0); fault.CodeOf(err) != fault.Usage {
		t.Errorf("%v", err)
	}
	rgb := rampClip(Uint8, 2, 3, 4, 3)
	n, err := Normalise(rgb, "unit", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := values(rgb)
	for i := range want {
		want[i] /= 255
	}
	near(t, "colour stays in its place", values(n), want, 1e-6)
}

func TestAnimatedGIF(t *testing.T) {
	c := smoothClip(60, 40, 80) // 25 frames a second
	opt := PreviewOptions{MaxSide: 40, MaxFrames: 15, Caption: "apical four-chamber"}
	b, err := AnimatedGIF(c, opt)
	if err != nil {
		t.Fatal(err)
	}
	again, err := AnimatedGIF(c, opt)
	if err != nil || !bytes.Equal(b, again) {
		t.Error("two renderings differ")
	}
	g, err := gif.DecodeAll(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if len(g.Image) != 15 || g.Config.Width != 40 || g.Config.Height != 20+captionRow {
		t.Errorf("%d frames of %d×%d", len(g.Image), g.Config.Width, g.Config.Height)
	}
	if g.Delay[0] != 16 { // 60 frames at 40 ms are 2.4 s; 15 of them 0.16 s each
		t.Errorf("delay %d/100 s", g.Delay[0])
	}
	if g.LoopCount != 0 {
		t.Error("it does not loop for ever")
	}
	r, _, _, _ := g.Image[3].At(20, 10).RGBA()
	want := c.Frame(UniformFrames(60, 15)[3])[20*80+40]
	if d := int(r>>8) - int(want); d < -3 || d > 3 {
		t.Errorf("the middle is %d, the clip's %d", r>>8, want)
	}
}

// The heat map colours what it marks, leaves cold parts grey, and is stretched to the clip in space and time.
func TestOverlay(t *testing.T) {
	c := New(Uint8, 4, 20, 20, 1)
	for i := range c.Data {
		c.Data[i] = 100
	}
	overlay := []float32{0, 0, 0, 0, 0, 1, 0, 1} // [2, 2, 2]: in the second half, the right side
	opt := PreviewOptions{MaxSide: 20, Overlay: overlay, OverlayShape: [3]int{2, 2, 2}, Alpha: 0.8}
	at := func(t, x int) (r, g, b uint32) {
		r, g, b, _ = FrameImage(c, t, opt).At(x, 10).RGBA()
		return r >> 8, g >> 8, b >> 8
	}
	if r, g, b := at(0, 19); r != 100 || g != 100 || b != 100 {
		t.Errorf("early: %d %d %d", r, g, b)
	}
	if r, g, b := at(3, 0); r != 100 || g != 100 || b != 100 {
		t.Errorf("late, left: %d %d %d", r, g, b)
	}
	r, g, b := at(3, 19)
	hr, hg, hb := heatColour(1)
	for i, v := range [][2]float64{{float64(r), 20 + 0.8*float64(hr)}, {float64(g), 20 + 0.8*float64(hg)}, {float64(b), 20 + 0.8*float64(hb)}} {
		if math.Abs(v[0]-v[1]) > 1 {
			t.Errorf("late, right: channel %d is %v, want %v", i, v[0], v[1])
		}
	}
	if _, err := AnimatedGIF(c, opt); err != nil {
		t.Error(err)
	}
	opt.OverlayShape = [3]int{2, 2, 3}
	if _, err := AnimatedGIF(c, opt); fault.CodeOf(err) != fault.Usage {
		t.Errorf("a wrong overlay shape: %v", err)
	}
}

// Stacks are shown as radiologists read them, however they are stored.
func TestMirrored(t *testing.T) {
	for name, c := range map[string]struct {
		a    Affine
		x, y bool
	}{
		"axial, DICOM":              {Affine{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}}, false, false},
		"axial, NIfTI RAS":          {Affine{{-1, 0, 0, 0}, {0, -1, 0, 0}, {0, 0, 1, 0}}, true, true},
		"coronal, head up":          {Affine{{1, 0, 0, 0}, {0, 0, 1, 0}, {0, -1, 0, 0}}, false, false},
		"coronal, head down":        {Affine{{1, 0, 0, 0}, {0, 0, 1, 0}, {0, 1, 0, 0}}, false, true},
		"sagittal, nose right":      {Affine{{0, 0, 1, 0}, {-1, 0, 0, 0}, {0, -1, 0, 0}}, true, false},
		"axial, oblique by 20 deg.": {Affine{{0.94, -0.34, 0, 0}, {0.34, 0.94, 0, 0}, {0, 0, 1, 0}}, false, false},
	} {
		if x, y := mirrored(&c.a); x != c.x || y != c.y {
			t.Errorf("%s: %v %v", name, x, y)
		}
	}
	if x, y := mirrored(nil); x || y {
		t.Error("a clip without place is mirrored")
	}
}

func TestPNGAndWindow(t *testing.T) {
	c := New(Int16, 1, 2, 2, 1)
	copy(Samples[int16](c), []int16{-1000, 0, 40, 400})
	c.Source.Tags = map[string]string{"WindowCenter": `40\300`, "WindowWidth": `400\1500`}
	b, err := PNG(c, 0)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	grey, ok := img.(*image.Gray)
	if !ok {
		t.Fatalf("%T", img)
	}
	if want := []uint8{0, 102, 128, 255}; !slices.Equal(grey.Pix, want) {
		t.Errorf("%v, want %v", grey.Pix, want)
	}
	if _, err := PNG(c, 1); fault.CodeOf(err) != fault.Usage {
		t.Errorf("a frame that is not there: %v", err)
	}
}

func TestContactSheet(t *testing.T) {
	items := []SheetItem{{Clip: smoothClip(5, 30, 60), Caption: "one"}, {Clip: rampClip(Uint8, 1, 10, 10, 3), Caption: "a caption that is far too long for so small a cell"},
		{Clip: smoothClip(2, 60, 20), Frame: 2}}
	img, err := ContactSheet(items, SheetOptions{Columns: 2, Side: 60, Title: "three clips"})
	if err != nil {
		t.Fatal(err)
	}
	if img.Bounds().Dx() != 4+2*64 || img.Bounds().Dy() != 4+captionRow+2*(60+captionRow+4) {
		t.Errorf("the sheet is %v", img.Bounds())
	}
	if _, err := ContactSheet(nil, SheetOptions{}); fault.CodeOf(err) != fault.Input {
		t.Errorf("no clips: %v", err)
	}
	if _, err := ContactSheet([]SheetItem{{}}, SheetOptions{}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("an empty cell: %v", err)
	}
}

func TestInformativeFrame(t *testing.T) {
	c := New(Uint8, 12, 8, 8, 1)
	for i := range c.Frame(8) {
		c.Frame(8)[i] = uint8(i * 4)
	}
	for i := range c.Frame(0) {
		c.Frame(0)[i] = uint8(i % 2 * 255) // a title card is not in the middle half
	}
	if f := InformativeFrame(c); f != 8 {
		t.Errorf("frame %d", f)
	}
	if f := InformativeFrame(New(Uint8, 12, 8, 8, 1)); f != 6 {
		t.Errorf("of an even clip: frame %d", f)
	}
}
