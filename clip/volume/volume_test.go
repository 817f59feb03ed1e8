package volume

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/internal/fault"
)

func stream(n uint64) *rand.Rand { return rand.New(rand.NewPCG(n, 7)) }

// block is a volume whose image is its position's number and whose labels are 1 in a box, 2 in another.
func block(d, h, w int) *Volume {
	v := &Volume{C: 1, D: d, H: h, W: w, Image: make([]float32, d*h*w), Label: make([]uint8, d*h*w), Spacing: [3]float64{1, 1, 1}}
	for i := range v.Image {
		v.Image[i] = float32(i)
		switch x := i % w; {
		case x < w/3:
			v.Label[i] = 1
		case x >= 2*w/3:
			v.Label[i] = 2
		}
	}
	return v
}

func TestCropReachesOutside(t *testing.T) {
	v := block(1, 2, 3)
	got := v.Crop([3]int{0, -1, 1}, [3]int{1, 3, 3})
	wantImage := []float32{0, 0, 0, 1, 2, 0, 4, 5, 0}
	wantLabel := []uint8{Unknown, Unknown, Unknown, 0, 2, Unknown, 0, 2, Unknown}
	if !slices.Equal(got.Image, wantImage) || !slices.Equal(got.Label, wantLabel) {
		t.Errorf("crop %v %v", got.Image, got.Label)
	}
	if far := v.Crop([3]int{0, 0, 9}, [3]int{1, 1, 2}); far.Image[0] != 0 || far.Label[1] != Unknown {
		t.Errorf("wholly outside: %v %v", far.Image, far.Label)
	}
}

// TestMirrorIsExact: mirroring alone moves voxels and makes no new values, for image and labels alike.
func TestMirrorIsExact(t *testing.T) {
	v := block(2, 3, 6)
	w := At(v.Size(), [3]float64{0.5, 1, 2.5})
	for i := range 3 {
		w.M[i][2] = -w.M[i][2]
	}
	image, label := make([]float32, v.Voxels()), make([]uint8, v.Voxels())
	v.Sample(w, image, label)
	for i := range image {
		j := i - i%6 + 5 - i%6
		if image[i] != v.Image[j] || label[i] != v.Label[j] {
			t.Fatalf("position %d: %v %d, want %v %d", i, image[i], label[i], v.Image[j], v.Label[j])
		}
	}
}

// TestRotationByAQuarter turns a picture about D: rows become columns.
func TestRotationByAQuarter(t *testing.T) {
	v := block(1, 5, 5)
	w := At(v.Size(), [3]float64{0, 2, 2})
	w.M = times(w.M, rotation(0, math.Pi/2))
	image, label := make([]float32, 25), make([]uint8, 25)
	v.Sample(w, image, label)
	for y := range 5 {
		for x := range 5 {
			// (y, x) − middle turns to (−x, y) in (H, W).
			from := (2-(x-2))*5 + 2 + (y - 2)
			if d := image[y*5+x] - v.Image[from]; d > 1e-4 || d < -1e-4 || label[y*5+x] != v.Label[from] {
				t.Errorf("(%d, %d): %v %d, want %v %d", y, x, image[y*5+x], label[y*5+x], v.Image[from], v.Label[from])
			}
		}
	}
}

// TestImageAndLabelsMoveTogether: where the image says which label its voxel has, it still does after any warp, up to interpolation.
func TestImageAndLabelsMoveTogether(t *testing.T) {
	a := Augment{Mirror: []bool{true, true, true}, RotateDeg: []float64{40, 40, 40}, Scale: []float64{0.7, 1.4}, Elastic: 2, ElasticStep: 6, Prob: 1}
	v := block(12, 14, 15)
	for i, l := range v.Label {
		v.Image[i] = float32(l)
		if l == 2 {
			v.Label[i], v.Image[i] = 1, 1
		}
	}
	for n := range uint64(20) {
		w := a.Draw(stream(n), [3]int{10, 10, 10}, [3]float64{5.5, 6.5, 7}, v.Spacing)
		image, label := make([]float32, 1000), make([]uint8, 1000)
		v.Sample(w, image, label)
		for i, l := range label {
			if l != Unknown && (image[i] > 0.501 && l != 1 || image[i] < 0.499 && l != 0) {
				t.Fatalf("warp %d, position %d: image %v, label %d", n, i, image[i], l)
			}
		}
	}
}

func TestEqualStreamsEqualWarps(t *testing.T) {
	a := Augment{Mirror: []bool{true, true, true}, RotateDeg: []float64{30}, Scale: []float64{0.8, 1.2}, Elastic: 1, Gamma: []float64{0.7, 1.5},
		Noise: 0.2, Blur: 1, Brightness: 0.2, Contrast: 0.2, LowRes: 0.5, IntensityProb: 1, Prob: 1}
	v := block(8, 9, 10)
	draw := func() []float32 {
		rng := stream(3)
		w := a.Draw(rng, v.Size(), [3]float64{3.5, 4, 4.5}, v.Spacing)
		x := make([]float32, v.Voxels())
		v.Sample(w, x, nil)
		a.Change(rng, x, v.Size())
		return x
	}
	one, two := draw(), draw()
	if !slices.Equal(one, two) {
		t.Error("equal streams gave two patches")
	}
	for _, x := range one {
		if x-x != 0 {
			t.Fatal("a value is not a number")
		}
	}
	if v.Image[17] != 17 {
		t.Error("the volume was changed")
	}
}

// TestFlatPicturesStayFlat: with D = 1 every sample lies in the picture's plane.
func TestFlatPicturesStayFlat(t *testing.T) {
	a := Augment{RotateDeg: []float64{90, 90, 90}, Scale: []float64{0.5, 2}, Elastic: 3, Prob: 1}
	for n := range uint64(10) {
		w := a.Draw(stream(n), [3]int{1, 20, 20}, [3]float64{0, 10, 10}, [3]float64{})
		for y := range 20 {
			if p := w.position(0, y, 7); p[0] != 0 {
				t.Fatalf("a flat patch leaves its plane: %v", p)
			}
		}
	}
}

func TestVoteNeverInvents(t *testing.T) {
	v := &Volume{C: 1, D: 1, H: 1, W: 4, Image: make([]float32, 4), Label: []uint8{1, 1, 3, 3}, Spacing: [3]float64{1, 1, 1}}
	got := v.Resize([3]int{1, 1, 13})
	for _, l := range got.Label {
		if l != 1 && l != 3 {
			t.Errorf("labels %v: a class between 1 and 3 appeared", got.Label)
			break
		}
	}
	if got.Label[0] != 1 || got.Label[12] != 3 {
		t.Errorf("labels %v", got.Label)
	}
}

func TestResampleKeepsExtent(t *testing.T) {
	v := block(4, 6, 6)
	v.Spacing = [3]float64{3, 1, 1}
	r := v.Resample([3]float64{1, 2, 1})
	if r.Size() != [3]int{12, 3, 6} || r.Spacing != [3]float64{1, 2, 1} {
		t.Errorf("%v at %v mm", r.Size(), r.Spacing)
	}
	if same := v.Resample([3]float64{}); same != v {
		t.Error("nothing to do made a copy")
	}
	// A ramp along W survives a change along D: linear interpolation is exact on it.
	for i := range r.Image {
		if x := i % 6; math.Abs(float64(r.Image[i]-r.Image[i-x])-float64(x)) > 1e-3 {
			t.Fatalf("position %d is not on the ramp", i)
		}
	}
}

// TestDistances against all pairs.
func TestDistances(t *testing.T) {
	rng := stream(5)
	size, mm := [3]int{4, 7, 6}, [3]float64{2.5, 1, 0.7}
	in := make([]bool, 4*7*6)
	for i := range in {
		in[i] = rng.Float64() < 0.05
	}
	in[30] = true
	got := Distances(in, size, mm)
	for i := range in {
		want := math.Inf(1)
		for j, on := range in {
			if !on {
				continue
			}
			dz, dy, dx := float64(i/42-j/42)*mm[0], float64(i/6%7-j/6%7)*mm[1], float64(i%6-j%6)*mm[2]
			want = math.Min(want, math.Sqrt(dz*dz+dy*dy+dx*dx))
		}
		if math.Abs(got[i]-want) > 1e-9 {
			t.Fatalf("position %d: %v, want %v", i, got[i], want)
		}
	}
	for _, d := range Distances(make([]bool, 8), [3]int{2, 2, 2}, mm) {
		if !math.IsInf(d, 1) {
			t.Errorf("with nothing to be near to, the distance is %v", d)
		}
	}
}

func TestSignedDistances(t *testing.T) {
	got := SignedDistances([]uint8{0, 0, 1, 1, 1, 0}, 1, [3]int{1, 1, 6}, [3]float64{1, 1, 1})
	if want := []float32{2, 1, 0, -1, 0, 1}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for _, l := range [][]uint8{{0, 0, 0}, {1, 1, 1}} {
		if got := SignedDistances(l, 1, [3]int{1, 1, 3}, [3]float64{1, 1, 1}); !slices.Equal(got, []float32{0, 0, 0}) {
			t.Errorf("%v: %v", l, got)
		}
	}
}

func TestComponents(t *testing.T) {
	in := []bool{
		true, false, false, true,
		true, false, true, false,
		false, false, false, false,
	}
	shape := [3]int{1, 3, 4}
	if _, size := Components(in, shape, false); !slices.Equal(size, []int{8, 2, 1, 1}) {
		t.Errorf("by faces: %v", size)
	}
	piece, size := Components(in, shape, true)
	if !slices.Equal(size, []int{8, 2, 2}) || piece[3] != 2 || piece[6] != 2 {
		t.Errorf("by corners: %v %v", size, piece)
	}
	label := []uint8{1, 0, 0, 1, 1, 0, 2, 0, 2, 0, 0, 0}
	KeepLargest(label, shape, 3)
	if want := []uint8{1, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0}; !slices.Equal(label, want) {
		t.Errorf("%v, want %v", label, want)
	}
}

func TestLabels(t *testing.T) {
	mask := func(values ...uint8) *clip.Clip {
		c := clip.New(clip.Uint8, 1, 1, len(values), 1)
		copy(c.Data, values)
		c.Photometric = clip.Mask
		return c
	}
	if got, err := Labels(mask(0, 255, 255), 2); err != nil || !slices.Equal(got, []uint8{0, 1, 1}) {
		t.Errorf("255 for the one class: %v, %v", got, err)
	}
	for _, bad := range []*clip.Clip{mask(0, 255, 1), mask(0, 3)} {
		classes := 2
		if bad.W == 2 {
			classes = 3
		}
		if _, err := Labels(bad, classes); fault.CodeOf(err) != fault.Input {
			t.Errorf("values %v: %v", bad.Data, err)
		}
	}
	if _, err := FromClips(mask(0, 1), mask(0, 1, 1), 2); fault.CodeOf(err) != fault.Input {
		t.Errorf("sizes that differ: %v", err)
	}
}
