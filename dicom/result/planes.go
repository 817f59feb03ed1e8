package result

import (
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
)

// frames sets the functional groups, the dimensions and the pixels.
func (s *Segmentation) frames(ds *dicom.DataSet, placed bool) error {
	ds.SetInts(tag.NumberOfFrames, len(s.Planes))
	organization := uid.Derive("dimensions of", s.SOP)
	ds.SetSequence(tag.DimensionOrganizationSequence, set(tag.DimensionOrganizationUID, organization))
	// A place in the patient, or a frame's place in time: what tells planes of one segment apart.
	second, group := tag.TemporalPositionIndex, tag.FrameContentSequence
	if placed {
		second, group = tag.ImagePositionPatient, tag.PlanePositionSequence
	}
	ds.SetSequence(tag.DimensionIndexSequence, dimension(organization, tag.ReferencedSegmentNumber, tag.SegmentIdentificationSequence),
		dimension(organization, second, group))

	shared := dicom.NewDataSet()
	first := s.Planes[0].Of
	im, _ := imageByUID(s.Images, first.SOP)
	if placed {
		m := dicom.NewDataSet()
		m.SetFloats(tag.PixelSpacing, floats(im, first, tag.PixelSpacing)...)
		if v := floats(im, first, tag.SliceThickness); len(v) == 1 && v[0] > 0 {
			m.SetFloats(tag.SliceThickness, v[0])
		} else {
			m.SetFloats(tag.SliceThickness, 1)
		}
		shared.SetSequence(tag.PixelMeasuresSequence, m)
	}
	ds.SetSequence(tag.SharedFunctionalGroupsSequence, shared)

	place := s.places()
	var per []*dicom.DataSet
	for _, p := range s.Planes {
		g, err := s.plane(p, place[key(p.Of)], placed)
		if err != nil {
			return err
		}
		per = append(per, g)
	}
	ds.SetSequence(tag.PerFrameFunctionalGroupsSequence, per...)
	ds.SetBytes(tag.PixelData, vr.OB, pack(s.Planes, s.Rows*s.Columns))
	return nil
}

// plane are the functional groups of one frame.
func (s *Segmentation) plane(p Plane, place int, placed bool) (*dicom.DataSet, error) {
	g := dicom.NewDataSet()
	content := dicom.NewDataSet()
	content.SetInts(tag.DimensionIndexValues, p.Segment, place)
	if !placed {
		content.SetInts(tag.TemporalPositionIndex, place)
	}
	g.SetSequence(tag.FrameContentSequence, content)
	segment := dicom.NewDataSet()
	segment.SetInts(tag.ReferencedSegmentNumber, p.Segment)
	g.SetSequence(tag.SegmentIdentificationSequence, segment)
	source, err := p.Of.item(s.Images)
	if err != nil {
		return nil, err
	}
	source.SetSequence(tag.PurposeOfReferenceCodeSequence, codeItem(processed))
	source.SetString(tag.SpatialLocationsPreserved, "YES")
	derived := dicom.NewDataSet()
	derived.SetSequence(tag.SourceImageSequence, source)
	derived.SetSequence(tag.DerivationCodeSequence, codeItem(segmentation))
	g.SetSequence(tag.DerivationImageSequence, derived)
	if placed {
		im, _ := imageByUID(s.Images, p.Of.SOP)
		position, orientation := dicom.NewDataSet(), dicom.NewDataSet()
		position.SetFloats(tag.ImagePositionPatient, floats(im, p.Of, tag.ImagePositionPatient)...)
		orientation.SetFloats(tag.ImageOrientationPatient, floats(im, p.Of, tag.ImageOrientationPatient)...)
		g.SetSequence(tag.PlanePositionSequence, position)
		g.SetSequence(tag.PlaneOrientationSequence, orientation)
	}
	return g, nil
}

type frameKey struct {
	sop   string
	frame int
}

func key(r Reference) frameKey {
	if len(r.Frames) > 0 {
		return frameKey{r.SOP, r.Frames[0]}
	}
	return frameKey{r.SOP, 0}
}

// places numbers the frames that have masks, by the order of the images, from 1.
func (s *Segmentation) places() map[frameKey]int {
	has := map[frameKey]bool{}
	for _, p := range s.Planes {
		has[key(p.Of)] = true
	}
	out := map[frameKey]int{}
	for _, im := range s.Images {
		for f := range max(1, im.Frames) {
			if k := (frameKey{im.SOP, f}); has[k] {
				out[k] = len(out) + 1
			}
		}
	}
	return out
}

func set(t tag.Tag, value string) *dicom.DataSet {
	ds := dicom.NewDataSet()
	ds.SetString(t, value)
	return ds
}

func dimension(organization string, pointer, group tag.Tag) *dicom.DataSet {
	ds := set(tag.DimensionOrganizationUID, organization)
	for t, v := range map[tag.Tag]tag.Tag{tag.DimensionIndexPointer: pointer, tag.FunctionalGroupPointer: group} {
		ds.SetBytes(t, vr.AT, attribute(v))
	}
	return ds
}

// attribute is a tag as a value of VR AT.
func attribute(t tag.Tag) []byte {
	g, e := t.Group(), t.Element()
	return []byte{byte(g), byte(g >> 8), byte(e), byte(e >> 8)}
}

// pack is a bit a pixel, the first in the lowest bit, frames one after the other without a gap (PS3.5 8.1.1, annex D), to an even length.
func pack(planes []Plane, pixels int) []byte {
	out := make([]byte, (len(planes)*pixels+15)/16*2)
	at := 0
	for _, p := range planes {
		for _, in := range p.Mask {
			if in {
				out[at>>3] |= 1 << (at & 7)
			}
			at++
		}
	}
	return out
}

// unpack is one frame of packed pixels, which must be there.
func unpack(bits []byte, frame, pixels int) []bool {
	out := make([]bool, pixels)
	for i, at := 0, frame*pixels; i < pixels; i, at = i+1, at+1 {
		out[i] = bits[at>>3]>>(at&7)&1 == 1
	}
	return out
}
