package volume

import (
	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/internal/fault"
)

// Unknown is the label of a position whose class is not known.
const Unknown = 255

// Volume is an image and the labels of its voxels.
type Volume struct {
	C, D, H, W int
	Image      []float32  // [C, D, H, W]
	Label      []uint8    // [D, H, W]; nil: no labels
	Spacing    [3]float64 // mm along D, H, W; 0: unknown
}

// Voxels is D·H·W.
func (v *Volume) Voxels() int { return v.D * v.H * v.W }

// Size is [D, H, W].
func (v *Volume) Size() [3]int { return [3]int{v.D, v.H, v.W} }

// FromClips makes a volume of an image and, where mask is not nil, its labels. classes is the number of classes with the background;
// other values in the mask are an error of code input, as are sizes that differ.
func FromClips(image, mask *clip.Clip, classes int) (*Volume, error) {
	v := &Volume{C: image.C, D: image.T, H: image.H, W: image.W,
		Spacing: [3]float64{image.Spacing.Slice, image.Spacing.Row, image.Spacing.Column}}
	in := clip.InputSpec{Normalise: "none"}
	v.Image = make([]float32, v.C*v.Voxels())
	if err := clip.Prepare(image, in, v.Image, nil, clip.AugmentSpec{}, 0); err != nil {
		return nil, err
	}
	if mask == nil {
		return v, nil
	}
	label, err := Labels(mask, classes)
	if err != nil {
		return nil, err
	}
	if mask.T != v.D || mask.H != v.H || mask.W != v.W {
		return nil, fault.New(fault.Input, "the mask has %d×%d×%d positions, the image %d×%d×%d", mask.T, mask.H, mask.W, v.D, v.H, v.W).
			WithHint("export both on one grid")
	}
	v.Label = label
	return v, nil
}

// Labels are a mask's classes [D, H, W]. A mask of one foreground class may hold any one value above 0 (255 in many PNGs) for it.
func Labels(mask *clip.Clip, classes int) ([]uint8, error) {
	if mask.C != 1 {
		return nil, fault.New(fault.Input, "the mask has %d channels", mask.C).WithHint("labels are one number a position")
	}
	raw := make([]float32, mask.T*mask.H*mask.W)
	if err := clip.Prepare(mask, clip.InputSpec{Normalise: "none"}, raw, nil, clip.AugmentSpec{}, 0); err != nil {
		return nil, err
	}
	out := make([]uint8, len(raw))
	var on float32
	for i, x := range raw {
		switch {
		case x == 0:
		case classes == 2 && x > 0 && (on == 0 || on == x):
			on, out[i] = x, 1
		case classes == 2 && x > 0:
			return nil, fault.New(fault.Input, "the mask holds %g and %g where its target has one class", on, x)
		case x != float32(int(x)) || x < 0 || int(x) >= classes:
			return nil, fault.New(fault.Input, "the mask holds %g, which is none of its %d classes", x, classes)
		default:
			out[i] = uint8(x)
		}
	}
	return out, nil
}

// Crop is the box of v; what lies outside is 0 and [Unknown].
func (v *Volume) Crop(lo, size [3]int) *Volume {
	out := &Volume{C: v.C, D: size[0], H: size[1], W: size[2], Spacing: v.Spacing, Image: make([]float32, v.C*size[0]*size[1]*size[2])}
	if v.Label != nil {
		out.Label = make([]uint8, out.Voxels())
	}
	v.copyBox(lo, size, out.Image, out.Label)
	return out
}

// copyBox fills image [C, size] and label [size] (which may be nil) from the box at lo.
func (v *Volume) copyBox(lo, size [3]int, image []float32, label []uint8) {
	clear(image)
	for i := range label {
		label[i] = Unknown
	}
	x0, x1 := max(lo[2], 0), min(lo[2]+size[2], v.W)
	if x0 >= x1 {
		return
	}
	for z := max(lo[0], 0); z < min(lo[0]+size[0], v.D); z++ {
		for y := max(lo[1], 0); y < min(lo[1]+size[1], v.H); y++ {
			to := ((z-lo[0])*size[1]+y-lo[1])*size[2] - lo[2]
			from := (z*v.H + y) * v.W
			for c := range v.C {
				copy(image[c*size[0]*size[1]*size[2]+to+x0:], v.Image[c*v.Voxels()+from+x0:c*v.Voxels()+from+x1])
			}
			if label != nil && v.Label != nil {
				copy(label[to+x0:], v.Label[from+x0:from+x1])
			}
		}
	}
}
