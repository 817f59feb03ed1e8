package cohort

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/clip/volume"
	"github.com/cineloop/cineloop/internal/fault"
)

// maskStudy writes four volumes of 6×8×10 with masks (the fourth has none) and a table, and loads them. Each image is its patient's number
// everywhere but in the mask, where it is 10 more.
func maskStudy(t *testing.T) *Cohort {
	t.Helper()
	dir := t.TempDir()
	table := "name\n"
	for n, name := range []string{"a", "b", "c", "d"} {
		image, mask := clip.New(clip.Float32, 6, 8, 10, 1), clip.New(clip.Uint8, 6, 8, 10, 1)
		image.Spacing = clip.Spacing{Slice: 2, Row: 1, Column: 1}
		mask.Spacing, mask.Photometric = image.Spacing, clip.Mask
		x := clip.Samples[float32](image)
		for i := range x {
			x[i] = float32(n)
			if at := i % 10; at == 8 && i/80 < 3 {
				mask.Data[i], x[i] = 1, x[i]+10
			}
		}
		save := func(path string, c *clip.Clip) {
			if err := clip.Save(filepath.Join(dir, path), c); err != nil {
				t.Fatal(err)
			}
		}
		save("image_"+name+".nii.gz", image)
		if name != "d" {
			save("mask_"+name+".nii.gz", mask)
		}
		table += name + "\n"
	}
	if err := os.WriteFile(filepath.Join(dir, "index.csv"), []byte(table), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := Load(context.Background(), Spec{Root: dir, Table: "index.csv", File: "image_{name}.nii.gz",
		Targets: []TargetSpec{{Name: "organ", Kind: Mask, File: "mask_{name}.nii.gz", Classes: []string{"organ"}}}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestMaskTarget(t *testing.T) {
	c := maskStudy(t)
	if len(c.Rows) != 4 || c.Rows[0].Masks["organ"] == "" || c.Rows[3].Masks["organ"] != "" || !math.IsNaN(c.Rows[3].Truth["organ"][0]) {
		t.Fatalf("rows %+v", c.Rows)
	}
	if w := c.Spec.Targets[0].Width(); w != 2 {
		t.Errorf("%d classes with the background", w)
	}
	for name, bad := range map[string]TargetSpec{
		"no file":    {Name: "m", Kind: Mask, Classes: []string{"x"}},
		"no classes": {Name: "m", Kind: Mask, File: "mask_{name}.nii.gz"},
		"no column":  {Name: "m", Kind: Mask, File: "mask_{nome}.nii.gz", Classes: []string{"x"}},
	} {
		spec := c.Spec
		spec.Targets = []TargetSpec{bad}
		if _, err := Load(context.Background(), spec); err == nil || fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMaskCaseAndBack: a case is normalised and resampled; what comes back lies where it was stored.
func TestMaskCaseAndBack(t *testing.T) {
	c := maskStudy(t)
	m, err := NewMaskCases(c, "", clip.InputSpec{Channels: 1, SpacingMM: []float64{1, 1, 1}, Crop: "centre", CropSize: []int{6, 8, 12}}, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.Case(context.Background(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if got.Size() != [3]int{12, 8, 12} || got.Box != [3]int{0, 0, -1} || got.Stored != [3]int{6, 8, 10} {
		t.Errorf("size %v, box %v", got.Size(), got.Box)
	}
	var mean float64
	for _, x := range got.Image {
		mean += float64(x) / float64(len(got.Image))
	}
	if math.Abs(mean) > 1e-5 || got.Label[0] != volume.Unknown {
		t.Errorf("mean %v, label beside the image %d", mean, got.Label[0])
	}
	// The case's own labels as probabilities come back as the stored mask.
	prob := make([]float32, 2*got.Voxels())
	for i, l := range got.Label {
		if l == 1 {
			prob[got.Voxels()+i] = 1
		} else {
			prob[i] = 1
		}
	}
	label := got.Back(prob)
	for i, l := range label {
		want := uint8(0)
		if i%10 == 8 && i/80 < 3 {
			want = 1
		}
		if l != want {
			t.Fatalf("stored position %d: %d, want %d", i, l, want)
		}
	}
	if again, _ := m.Case(context.Background(), 1); again != got {
		t.Error("a case that fits was read twice")
	}
	if plain, err := m.Case(context.Background(), 3); err != nil || plain.Label != nil {
		t.Errorf("a row without a mask: %v", err)
	}
	if _, err := NewMaskCases(c, "liver", clip.InputSpec{}, 0); fault.CodeOf(err) != fault.Usage {
		t.Errorf("an unknown target: %v", err)
	}
	if _, err := NewMaskCases(c, "", clip.InputSpec{Normalise: "kinetics"}, 0); fault.CodeOf(err) != fault.Usage {
		t.Errorf("a normalisation of others: %v", err)
	}
}

// TestPatches: equal (seed, epoch, batch) give equal batches whatever came before; every row is drawn once a pass; forced patches hold
// foreground.
func TestPatches(t *testing.T) {
	c := maskStudy(t)
	m, err := NewMaskCases(c, "", clip.InputSpec{Channels: 1}, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	p := &Patches{Cases: m, Rows: []int{0, 1, 2}, Size: [3]int{2, 4, 3}, BatchSize: 3, Oversample: 0.34, Seed: 5,
		Augment: volume.Augment{Mirror: []bool{true, true, true}, Scale: []float64{0.9, 1.1}, Prob: 1}}
	ctx := context.Background()
	for b := range 20 {
		one, err := p.Batch(ctx, 2, b, 20)
		if err != nil {
			t.Fatal(err)
		}
		two, err := (&Patches{Cases: m, Rows: p.Rows, Size: p.Size, BatchSize: 3, Oversample: 0.34, Seed: 5, Augment: p.Augment}).Batch(ctx, 2, b, 20)
		if err != nil || !slices.Equal(one.Image, two.Image) || !slices.Equal(one.Label, two.Label) {
			t.Fatalf("batch %d differs between two draws: %v", b, err)
		}
		rows := slices.Clone(one.Rows)
		slices.Sort(rows)
		if !slices.Equal(rows, []int{0, 1, 2}) {
			t.Errorf("batch %d has rows %v", b, one.Rows)
		}
		if forced := one.Label[2*24:]; !slices.Contains(forced, 1) {
			t.Errorf("batch %d: the forced patch has no foreground", b)
		}
	}
	other, _ := p.Batch(ctx, 3, 0, 20)
	same, _ := p.Batch(ctx, 2, 0, 20)
	if slices.Equal(other.Image, same.Image) {
		t.Error("two epochs have equal patches")
	}
}

// TestPatchesStandIn: a broken file's place is taken by another row, and the reason is told.
func TestPatchesStandIn(t *testing.T) {
	c := maskStudy(t)
	if err := os.WriteFile(c.Rows[1].Path, []byte("no image"), 0o644); err != nil {
		t.Fatal(err)
	}
	m, err := NewMaskCases(c, "", clip.InputSpec{Channels: 1}, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := &Patches{Cases: m, Rows: []int{0, 1, 2}, Size: [3]int{2, 4, 4}, BatchSize: 3, Seed: 5}
	b, err := p.Batch(context.Background(), 0, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(b.Rows, 1) || len(b.Bad) == 0 || b.Bad[0].Line != c.Rows[1].Line {
		t.Errorf("rows %v, told %+v", b.Rows, b.Bad)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Batch(ctx, 0, 0, 1); err == nil {
		t.Error("cancelled, and a batch came")
	}
	if _, err := (&Patches{Cases: m, Size: p.Size, BatchSize: 1}).Batch(context.Background(), 0, 0, 1); fault.CodeOf(err) != fault.Input {
		t.Errorf("no rows: %v", err)
	}
}
