package result

import (
	"slices"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

// Image is a picture that a result is about.
type Image struct {
	Study, Series, Class, SOP string         // UIDs
	Frames                    int            // 1 of an image of a single frame; 0 where an SR that was read doesn't tell
	Header                    *dicom.DataSet // without pixels; nil where it was read from a result
}

// ImageOf is the image with this header. Code input where it has no UIDs.
func ImageOf(header *dicom.DataSet) (Image, error) {
	im := Image{Study: header.String(tag.StudyInstanceUID), Series: header.String(tag.SeriesInstanceUID), Class: header.String(tag.SOPClassUID),
		SOP: header.String(tag.SOPInstanceUID), Frames: 1, Header: header}
	if n, ok := header.Int(tag.NumberOfFrames); ok && n > 1 {
		im.Frames = n
	}
	for _, u := range []string{im.Study, im.Series, im.Class, im.SOP} {
		if !uid.Valid(u) {
			return Image{}, fault.New(fault.Input, "an image without the UIDs of study, series and instance can't be referred to")
		}
	}
	return im, nil
}

// Reference is an image of a result, or some of its frames.
type Reference struct {
	SOP    string
	Frames []int // from 0; none: the whole image
}

// imageByUID is the image that is referred to.
func imageByUID(images []Image, sop string) (Image, bool) {
	i := slices.IndexFunc(images, func(im Image) bool { return im.SOP == sop })
	if i < 0 {
		return Image{}, false
	}
	return images[i], true
}

// maxFrames bounds how many frames one reference names.
const maxFrames = 1 << 16

// item is the reference as an item of Referenced SOP Sequence. Frames are named of multi-frame images only (PS3.3 10.3: required if the
// reference does not apply to all frames).
func (r Reference) item(images []Image) (*dicom.DataSet, error) {
	im, ok := imageByUID(images, r.SOP)
	if !ok {
		return nil, fault.New(fault.Usage, "a result refers to an image that is not among its images")
	}
	for _, f := range r.Frames {
		if f < 0 || f >= im.Frames {
			return nil, fault.New(fault.Input, "frame %d of an image of %d", f, im.Frames)
		}
	}
	ds := sopItem(im.Class, im.SOP)
	if im.Frames > 1 && len(r.Frames) > 0 {
		numbers := make([]int, len(r.Frames))
		for i, f := range r.Frames {
			numbers[i] = f + 1
		}
		ds.SetInts(tag.ReferencedFrameNumber, numbers...)
	}
	return ds, nil
}

func sopItem(class, sop string) *dicom.DataSet {
	ds := dicom.NewDataSet()
	ds.SetString(tag.ReferencedSOPClassUID, class)
	ds.SetString(tag.ReferencedSOPInstanceUID, sop)
	return ds
}

// referenceOf reads an item of a sequence of references.
func referenceOf(ds *dicom.DataSet) (Reference, error) {
	r := Reference{SOP: ds.String(tag.ReferencedSOPInstanceUID)}
	if !uid.Valid(r.SOP) {
		return r, fault.New(fault.Input, "a reference to no instance")
	}
	frames := ds.Ints(tag.ReferencedFrameNumber)
	if len(frames) > maxFrames {
		return r, fault.New(fault.Input, "a reference to more than %d frames", maxFrames)
	}
	for _, n := range frames {
		if n < 1 || n > 1<<31-1 {
			return r, fault.New(fault.Input, "a reference to a frame before the first")
		}
		r.Frames = append(r.Frames, int(n-1))
	}
	return r, nil
}

// Attributes of patient and study that a result has from its image (PS3.3 C.7.1.1, C.7.2.1). Those of type 2 are there, empty, where the image doesn't
// have them.
var (
	copied2 = []tag.Tag{tag.PatientName, tag.PatientID, tag.PatientBirthDate, tag.PatientSex, tag.StudyInstanceUID, tag.StudyDate, tag.StudyTime, tag.ReferringPhysicianName,
		tag.StudyID, tag.AccessionNumber}
	copied3 = []tag.Tag{tag.IssuerOfPatientID, tag.PatientAge, tag.PatientSize, tag.PatientWeight, tag.StudyDescription, tag.PatientIdentityRemoved, tag.DeidentificationMethod,
		tag.ClinicalTrialSponsorName, tag.ClinicalTrialProtocolID, tag.ClinicalTrialProtocolName, tag.ClinicalTrialSiteID, tag.ClinicalTrialSiteName, tag.ClinicalTrialSubjectID}
)

// copyIdentity gives ds the patient and study of an image.
func copyIdentity(ds, from *dicom.DataSet) {
	for _, t := range copied2 {
		if v := from.Strings(t); len(v) > 0 {
			ds.SetString(t, v...)
		} else {
			ds.SetEmpty(t)
		}
	}
	for _, t := range copied3 {
		if v := from.Strings(t); len(v) > 0 {
			ds.SetString(t, v...)
		}
	}
	if items := from.Sequence(tag.DeidentificationMethodCodeSequence); len(items) > 0 {
		var codes []*dicom.DataSet
		for _, it := range items {
			codes = append(codes, codeItem(codeOf(it)))
		}
		ds.SetSequence(tag.DeidentificationMethodCodeSequence, codes...)
	}
}

// oneStudy says whether the images are of one study, that of the result.
func oneStudy(images []Image) error {
	if len(images) == 0 || images[0].Header == nil {
		return fault.New(fault.Usage, "a result needs the headers of the images that it is about")
	}
	seen := map[string]bool{}
	for _, im := range images {
		if seen[im.SOP] {
			return fault.New(fault.Usage, "an image is named twice")
		}
		seen[im.SOP] = true
	}
	return nil
}
