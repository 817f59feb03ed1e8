package pixel

import (
	"encoding/binary"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

// locate finds which fragments make each frame: by the extended offset table, the basic one, by their number, or by what they begin with.
func (im *Image) locate() error {
	f := im.elem.Fragments()
	n := f.Len()
	switch {
	case n == 0:
		return fault.New(fault.Input, "encapsulated pixel data without fragments")
	case im.TransferSyntax.IsVideo() || im.Frames == 1:
		im.frames = []span{{0, n}}
		return nil
	case im.locateByTable(im.extendedOffsets(), "extended"):
		return nil
	case im.locateByTable(basicOffsets(f.Offsets), "basic"):
		return nil
	case n == im.Frames:
		im.frames = make([]span, n)
		for i := range im.frames {
			im.frames[i] = span{i, i + 1}
		}
		return nil
	}
	return im.locateByLooking()
}

func basicOffsets(table []uint32) []int64 {
	out := make([]int64, len(table))
	for i, o := range table {
		out[i] = int64(o)
	}
	return out
}

func (im *Image) extendedOffsets() []int64 {
	b := im.ds.Bytes(tag.ExtendedOffsetTable)
	out := make([]int64, len(b)/8)
	for i := range out {
		out[i] = int64(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return out
}

// locateByTable uses a table of where frames begin. One that points between fragments, or isn't in order, is not believed.
func (im *Image) locateByTable(offsets []int64, name string) bool {
	f := im.elem.Fragments()
	if len(offsets) == 0 {
		return false
	}
	if len(offsets) != im.Frames {
		im.warn("the %s offset table has %d entries for %d frames", name, len(offsets), im.Frames)
		return false
	}
	spans := make([]span, 0, len(offsets))
	frag := 0
	for i, off := range offsets {
		for frag < f.Len() && f.Start(frag) < off {
			frag++
		}
		if frag == f.Len() || f.Start(frag) != off || i == 0 && frag != 0 {
			im.warn("the %s offset table does not point to fragments", name)
			return false
		}
		if i > 0 {
			if frag == spans[i-1].from {
				im.warn("the %s offset table is not in order", name)
				return false
			}
			spans[i-1].to = frag
		}
		spans = append(spans, span{frag, f.Len()})
	}
	im.frames = spans
	return true
}

// locateByLooking begins a frame at every fragment that begins as a frame of the transfer syntax does.
func (im *Image) locateByLooking() error {
	f := im.elem.Fragments()
	var spans []span
	for i := range f.Len() {
		if f.Size(i) == 0 {
			continue
		}
		b, err := f.Read(i)
		if err != nil {
			return err
		}
		if len(spans) == 0 || im.beginsFrame(b) {
			if len(spans) > 0 {
				spans[len(spans)-1].to = i
			}
			spans = append(spans, span{i, f.Len()})
		}
	}
	if len(spans) < im.Frames {
		im.warn("%d frames are there of %d", len(spans), im.Frames)
	}
	if len(spans) > im.Frames {
		if im.Frames > 1 {
			im.warn("%d fragments begin like frames where there are %d frames", len(spans), im.Frames)
		}
		spans = spans[:im.Frames]
	}
	im.frames = spans
	return nil
}

func (im *Image) beginsFrame(b []byte) bool {
	if im.TransferSyntax == uid.RLELossless {
		return len(b) >= 64 && int(binary.LittleEndian.Uint32(b)) == im.Samples*im.SampleBytes() && binary.LittleEndian.Uint32(b[4:]) == 64
	}
	switch {
	case len(b) < 4:
		return false
	case b[0] == 0xFF && b[1] == 0xD8 && b[2] == 0xFF: // JPEG, JPEG-LS
	case b[0] == 0xFF && b[1] == 0x4F && b[2] == 0xFF && b[3] == 0x51: // JPEG 2000
	case b[0] == 0 && b[1] == 0 && b[2] == 0 && b[3] == 12: // JP2
	case b[0] == 0xFF && b[1] == 0x0A: // JPEG XL
	default:
		return false
	}
	return true
}

// encodedFrame joins the fragments of frame i.
func (im *Image) encodedFrame(i int) ([]byte, error) {
	if i >= len(im.frames) {
		return nil, fault.New(fault.Input, "the pixel data have %d frames of %d", len(im.frames), im.Frames)
	}
	s := im.frames[i]
	return im.elem.Fragments().Join(s.from, s.to)
}
