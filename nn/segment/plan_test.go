package segment

import (
	"slices"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
)

// TestPlanHippocampus: the patch, strides and stages that nnU-Net's authors publish for MSD task 4 (3D full resolution: patch 40×56×40, three
// poolings along each axis, so the patch divides by 8). Ours rounds the median up likewise.
func TestPlanHippocampus(t *testing.T) {
	p, err := PlanUNet(Request{Name: "unet", Channels: 1, Classes: 3, Size: [3]int{36, 50, 35}, Spacing: [3]float64{1, 1, 1}, Cases: 260, MemoryMiB: 8192})
	if err != nil {
		t.Fatal(err)
	}
	if p.Patch != [3]int{40, 56, 40} || !slices.Equal(p.Spec.Divisor(), []int64{8, 8, 8}) {
		t.Errorf("patch %v, divisor %v", p.Patch, p.Spec.Divisor())
	}
	if !slices.Equal(p.Spec.Features, []int64{32, 64, 128, 256}) {
		t.Errorf("features %v", p.Spec.Features)
	}
	// 5 % of 260·63,000 voxels are 9.1 patches of 89,600: nnU-Net's batch of 9.
	if p.Batch != 9 {
		t.Errorf("batch %d", p.Batch)
	}
}

// TestPlanAnisotropic: slices of 5 mm against 1 mm in plane. Depth is not pooled, and its kernels are 1, until the plane is as coarse.
func TestPlanAnisotropic(t *testing.T) {
	p, err := PlanUNet(Request{Name: "resenc_unet", Channels: 1, Classes: 2, Size: [3]int{20, 256, 256}, Spacing: [3]float64{5, 1, 1}, Cases: 100, MemoryMiB: 4096, Features: 16})
	if err != nil {
		t.Fatal(err)
	}
	s := p.Spec
	for i, want := range [][]int64{{1, 3, 3}, {1, 3, 3}, {3, 3, 3}} {
		if !slices.Equal(s.Kernels[i], want) {
			t.Errorf("stage %d: kernel %v, want %v", i, s.Kernels[i], want)
		}
	}
	for i, want := range [][]int64{{1, 1, 1}, {1, 2, 2}, {1, 2, 2}, {2, 2, 2}} {
		if !slices.Equal(s.Strides[i], want) {
			t.Errorf("stage %d: stride %v, want %v", i, s.Strides[i], want)
		}
	}
	if p.MiB > 4096*1.01 || p.Batch < 2 {
		t.Errorf("%v MiB for a batch of %d", p.MiB, p.Batch)
	}
	if !slices.Equal(s.Blocks[:4], []int64{1, 3, 4, 6}) {
		t.Errorf("blocks %v", s.Blocks)
	}
}

// TestPlanShrinks: a smaller budget gives a smaller patch, never a larger one, and always one that divides.
func TestPlanShrinks(t *testing.T) {
	last := [3]int{1 << 20, 1 << 20, 1 << 20}
	for _, mib := range []float64{16384, 4096, 1024, 256} {
		p, err := PlanUNet(Request{Name: "unet", Channels: 2, Classes: 4, Size: [3]int{150, 200, 170}, MemoryMiB: mib, Features: 16})
		if err != nil {
			t.Fatal(err)
		}
		for i, d := range p.divisor() {
			if p.Patch[i]%d != 0 || p.Patch[i] > last[i] {
				t.Errorf("%v MiB: patch %v, divisor %v, before %v", mib, p.Patch, p.divisor(), last)
			}
		}
		if p.MiB > mib {
			t.Errorf("%v MiB asked for, %v planned", mib, p.MiB)
		}
		last = p.Patch
	}
}

func TestPlanFlat(t *testing.T) {
	p, err := PlanUNet(Request{Name: "unet", Channels: 3, Classes: 2, Size: [3]int{1, 250, 300}, Batch: 5, Patch: [3]int{1, 128, 128}})
	if err != nil {
		t.Fatal(err)
	}
	if p.Spec.Dims() != 2 || p.Patch != [3]int{1, 128, 128} || p.Batch != 5 {
		t.Errorf("dims %d, patch %v, batch %d", p.Spec.Dims(), p.Patch, p.Batch)
	}
}

func TestPlanRefusals(t *testing.T) {
	ok := Request{Name: "unet", Channels: 1, Classes: 2, Size: [3]int{32, 32, 32}}
	for name, c := range map[string]struct {
		change func(*Request)
		code   fault.Code
	}{
		"not a U-Net":     {func(r *Request) { r.Name = "deeplabv3_resnet50" }, fault.Usage},
		"no size":         {func(r *Request) { r.Size[1] = 0 }, fault.Usage},
		"one class":       {func(r *Request) { r.Classes = 1 }, fault.Usage},
		"nothing to pool": {func(r *Request) { r.Size = [3]int{4, 4, 4} }, fault.Usage},
		"no memory":       {func(r *Request) { r.MemoryMiB = 0.01 }, fault.Resource},
		"none in a plane": {func(r *Request) { r.MemoryMiB, r.Size[0] = 0.01, 1 }, fault.Resource},
	} {
		r := ok
		c.change(&r)
		if _, err := PlanUNet(r); err == nil || fault.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}
