package pixel

import (
	"math"
	"strings"

	"github.com/cineloop/cineloop/dicom/tag"
)

// Presentation is the last of the grey-scale transformations (PS3.3 C.11.4, C.11.6): from values of interest to what is shown.
type Presentation struct {
	Inverse bool // black and white change places
	LUT     *LUT // before that, over the whole range of its input
}

// Presentation is the file's: its Presentation LUT, else its Presentation LUT Shape, else what MONOCHROME1 means.
func (im *Image) Presentation() Presentation {
	if items := im.ds.Sequence(tag.PresentationLUTSequence); len(items) > 0 {
		if lut, err := readLUT(items[0]); err == nil {
			return Presentation{LUT: lut}
		}
	}
	if s := strings.TrimSpace(im.ds.String(tag.PresentationLUTShape)); s != "" {
		return Presentation{Inverse: s == "INVERSE"}
	}
	return Presentation{Inverse: im.Photometric == "MONOCHROME1"}
}

// Apply maps 0…1 to 0…1.
func (p Presentation) Apply(y float64) float64 {
	if p.LUT != nil {
		y = float64(p.LUT.Data[int(math.Round(y*float64(len(p.LUT.Data)-1)))]) / float64(int(1)<<p.LUT.Bits-1)
	}
	if p.Inverse {
		y = 1 - y
	}
	return y
}
