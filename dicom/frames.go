package dicom

import (
	"cmp"
	"slices"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// FunctionalGroup is the item of a functional group for one frame, counted from 0, of an enhanced multi-frame object (PS3.3 C.7.6.16): that of the
// frame itself, or the shared one. group is the tag of the group's sequence: [tag.PlanePositionSequence]. It is nil if the object has neither.
func (ds *DataSet) FunctionalGroup(frame int, group tag.Tag) *DataSet {
	if frames := ds.Sequence(tag.PerFrameFunctionalGroupsSequence); frame >= 0 && frame < len(frames) {
		if items := frames[frame].Sequence(group); len(items) > 0 {
			return items[0]
		}
	}
	if shared := ds.Sequence(tag.SharedFunctionalGroupsSequence); len(shared) > 0 {
		if items := shared[0].Sequence(group); len(items) > 0 {
			return items[0]
		}
	}
	return nil
}

// FrameElement is an attribute as it holds for one frame, counted from 0: in any of the frame's functional groups, in any shared one, or in ds itself, where plain
// objects have it. So [tag.PixelSpacing] is found in all kinds of images.
func (ds *DataSet) FrameElement(frame int, t tag.Tag) (*Element, bool) {
	look := func(groups *DataSet) (*Element, bool) {
		for g := range groups.All() {
			for _, item := range g.Items() {
				if e, ok := item.Get(t); ok {
					return e, true
				}
			}
		}
		return nil, false
	}
	if frames := ds.Sequence(tag.PerFrameFunctionalGroupsSequence); frame >= 0 && frame < len(frames) {
		if e, ok := look(frames[frame]); ok {
			return e, true
		}
	}
	if shared := ds.Sequence(tag.SharedFunctionalGroupsSequence); len(shared) > 0 {
		if e, ok := look(shared[0]); ok {
			return e, true
		}
	}
	return ds.Get(t)
}

// Part is one instance of a concatenation (PS3.3 C.7.6.16.2.2.4): a multi-frame object that was cut for its size.
type Part struct {
	*DataSet
	First  int // number of its first frame in the whole, from 0
	Frames int
}

// Concatenation puts the parts of one concatenation in their order. Parts of several, a part that comes twice, and frames that are not next to each other
// are errors; complete is false if the end, or a part's number, shows that parts are missing there.
func Concatenation(instances ...*DataSet) (parts []Part, complete bool, err error) {
	if len(instances) == 0 {
		return nil, false, fault.New(fault.Input, "no parts of a concatenation")
	}
	id := instances[0].String(tag.ConcatenationUID)
	number := map[*DataSet]int{}
	for i, ds := range instances {
		n, ok := ds.Int(tag.InConcatenationNumber)
		switch {
		case id == "" || ds.String(tag.ConcatenationUID) != id:
			return nil, false, fault.New(fault.Input, "instance %d is not of the same concatenation, or of none", i+1)
		case !ok || n < 1:
			return nil, false, fault.New(fault.Input, "instance %d has no number in its concatenation", i+1)
		}
		number[ds] = n
		frames, _ := ds.Int(tag.NumberOfFrames)
		p := Part{DataSet: ds, First: -1, Frames: frames}
		if off, ok := ds.Int(tag.ConcatenationFrameOffsetNumber); ok {
			p.First = off
		}
		parts = append(parts, p)
	}
	slices.SortFunc(parts, func(a, b Part) int { return cmp.Compare(number[a.DataSet], number[b.DataSet]) })
	complete = true
	next := 0
	for i := range parts {
		p := &parts[i]
		n := number[p.DataSet]
		if i > 0 && n == number[parts[i-1].DataSet] {
			return nil, false, fault.New(fault.Input, "part %d of the concatenation comes twice", n)
		}
		gap := n != i+1 && (i == 0 || n != number[parts[i-1].DataSet]+1)
		if p.First < 0 {
			p.First = next
		}
		if p.First < next || p.First > next && !gap {
			return nil, false, fault.New(fault.Input, "part %d of the concatenation begins with frame %d where frame %d is next", n, p.First+1, next+1)
		}
		complete = complete && !gap
		next = p.First + p.Frames
	}
	last := parts[len(parts)-1]
	if total, ok := last.Int(tag.InConcatenationTotalNumber); ok && total != len(parts) {
		complete = false
	}
	return parts, complete, nil
}

// Joined is the data set that the parts of a complete concatenation were cut from, without pixel data: all frames' functional groups, and the UID of
// the source where the parts tell it.
func Joined(parts []Part) (*DataSet, error) {
	if len(parts) == 0 {
		return nil, fault.New(fault.Input, "no parts of a concatenation")
	}
	out, err := parts[0].Copy()
	if err != nil {
		return nil, err
	}
	var groups []*DataSet
	frames := 0
	for _, p := range parts {
		frames += p.Frames
		for _, item := range p.Sequence(tag.PerFrameFunctionalGroupsSequence) {
			c, err := item.Copy()
			if err != nil {
				return nil, err
			}
			groups = append(groups, c)
		}
	}
	out.Delete(tag.ConcatenationUID, tag.InConcatenationNumber, tag.InConcatenationTotalNumber, tag.ConcatenationFrameOffsetNumber, tag.SOPInstanceUIDOfConcatenationSource,
		tag.PixelData, tag.FloatPixelData, tag.DoubleFloatPixelData, tag.ExtendedOffsetTable, tag.ExtendedOffsetTableLengths)
	if source := parts[0].String(tag.SOPInstanceUIDOfConcatenationSource); source != "" {
		out.SetString(tag.SOPInstanceUID, source)
	}
	out.SetInts(tag.NumberOfFrames, frames)
	if groups != nil {
		out.SetSequence(tag.PerFrameFunctionalGroupsSequence, groups...)
	}
	return out, out.Err()
}
