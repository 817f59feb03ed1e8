package pixel

import (
	"slices"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// Concatenation says which part of a multi-frame image that was split into several instances a file is (PS3.3 C.7.6.16.1.3, table
// C.7.6.16-1).
type Concatenation struct {
	UID    string // the same in all parts
	Source string // SOP Instance UID of the image that was split
	Number int    // of this part, from 1
	Total  int    // parts; 0 if the file does not say
	Offset int    // frames in the parts before it
}

// Concatenation is that of the file; ok is false for a file that is whole.
func (im *Image) Concatenation() (c Concatenation, ok bool) {
	c.UID = im.ds.String(tag.ConcatenationUID)
	if c.UID == "" {
		return c, false
	}
	c.Source = im.ds.String(tag.SOPInstanceUIDOfConcatenationSource)
	c.Number, _ = im.ds.Int(tag.InConcatenationNumber)
	c.Total, _ = im.ds.Int(tag.InConcatenationTotalNumber)
	c.Offset, _ = im.ds.Int(tag.ConcatenationFrameOffsetNumber)
	return c, true
}

// Joined is a concatenation with all its parts: the image as it was before it was split.
type Joined struct {
	Parts  []*Image // in the order of their frames
	Frames int
	first  []int // frame that each part begins with
}

// Join puts the parts of one concatenation together, in whatever order they are given. Parts of another one, of another shape, twice the
// same, or with frames missing between them or after them are an error.
func Join(parts ...*Image) (*Joined, error) {
	if len(parts) == 0 {
		return nil, fault.New(fault.Input, "a concatenation without parts")
	}
	j := &Joined{Parts: slices.Clone(parts)}
	offset := func(im *Image) int { c, _ := im.Concatenation(); return c.Offset }
	slices.SortStableFunc(j.Parts, func(a, b *Image) int { return offset(a) - offset(b) })
	head, ok := j.Parts[0].Concatenation()
	if !ok {
		return nil, fault.New(fault.Input, "the file is no part of a concatenation")
	}
	total := 0
	for i, im := range j.Parts {
		c, _ := im.Concatenation()
		a := j.Parts[0]
		switch {
		case c.UID != head.UID:
			return nil, fault.New(fault.Input, "the files are of different concatenations")
		case im.Rows != a.Rows || im.Columns != a.Columns || im.Samples != a.Samples || im.BitsAllocated != a.BitsAllocated || im.Signed != a.Signed:
			return nil, fault.New(fault.Input, "part %d of the concatenation has pixels of another kind", i+1)
		case c.Offset < j.Frames:
			return nil, fault.New(fault.Input, "frame %d of the concatenation is there twice", c.Offset)
		case c.Offset > j.Frames:
			return nil, fault.New(fault.Input, "frames %d to %d of the concatenation are missing", j.Frames, c.Offset-1)
		}
		total = max(total, c.Total)
		j.first = append(j.first, j.Frames)
		j.Frames += im.Frames
	}
	if total > len(j.Parts) {
		return nil, fault.New(fault.Input, "the concatenation has %d parts of %d", len(j.Parts), total)
	}
	return j, nil
}

// Locate is the part that frame i of the whole is in, and its number there.
func (j *Joined) Locate(i int) (*Image, int, error) {
	if i < 0 || i >= j.Frames {
		return nil, 0, fault.New(fault.Input, "frame %d of %d", i, j.Frames)
	}
	k, found := slices.BinarySearch(j.first, i)
	if !found {
		k--
	}
	return j.Parts[k], i - j.first[k], nil
}

// Frame is frame i of the whole, as [Image.Frame] gives it.
func (j *Joined) Frame(i int) ([]byte, error) {
	im, k, err := j.Locate(i)
	if err != nil {
		return nil, err
	}
	return im.Frame(k)
}
