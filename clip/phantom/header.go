package phantom

import (
	"crypto/sha256"
	"fmt"
	"math"
	"math/big"
	"slices"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
)

// derivedUID is a UID of the UUID form (PS3.5 B.2) from a digest of what it names.
func derivedUID(parts ...any) string {
	sum := sha256.Sum256(fmt.Append(nil, parts...))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80 // version 8, RFC 9562 variant
	return "2.25." + new(big.Int).SetBytes(sum[:16]).String()
}

// header is the data set of one clip without its pixels: ultrasound multi-frame (PS3.3 A.7), compressed size bytes in total.
func (c *Cohort) header(p *Patient, t *Truth, size int) *dicom.DataSet {
	d := dicom.NewDataSet()
	id := &p.Identity
	digest := c.cfg.pictureDigest()
	view := slices.Index(Views, t.View) + 1
	frames := len(t.Phases)

	d.SetString(tag.SpecificCharacterSet, "ISO_IR 192")
	d.SetString(tag.ImageType, "ORIGINAL", "PRIMARY", "", "0001")
	d.SetString(tag.SOPClassUID, uid.UltrasoundMultiFrameImageStorage)
	d.SetString(tag.SOPInstanceUID, derivedUID("instance", digest, p.Index, t.View))
	d.SetString(tag.StudyInstanceUID, derivedUID("study", digest, p.Index))
	d.SetString(tag.SeriesInstanceUID, derivedUID("series", digest, p.Index))
	d.SetString(tag.Modality, "US")
	d.SetString(tag.Manufacturer, "Cineloop phantom")
	d.SetString(tag.ManufacturerModelName, p.Device)
	d.SetString(tag.SoftwareVersions, Version)
	d.SetString(tag.StudyDescription, "Transthoracic echocardiogram")
	d.SetString(tag.SeriesDescription, "Simulated cine loops")
	d.SetString(tag.SeriesNumber, "1")
	d.SetString(tag.InstanceNumber, fmt.Sprint(view))
	d.SetString(tag.StudyID, "1")
	d.SetString(tag.BodyPartExamined, "HEART")

	d.SetString(tag.PatientName, id.Name)
	d.SetString(tag.PatientID, id.ID)
	d.SetString(tag.PatientBirthDate, id.BirthDate)
	d.SetString(tag.PatientSex, p.Sex)
	d.SetString(tag.PatientAge, fmt.Sprintf("%03dY", p.Age))
	d.SetFloats(tag.PatientSize, math.Round(p.Height)/100)
	d.SetFloats(tag.PatientWeight, math.Round(p.Weight))
	d.SetString(tag.StudyDate, id.StudyDate)
	d.SetString(tag.ContentDate, id.StudyDate)
	d.SetString(tag.StudyTime, id.StudyTime)
	d.SetString(tag.ContentTime, id.StudyTime)
	d.SetString(tag.AccessionNumber, id.Accession)
	d.SetString(tag.InstitutionName, id.Institution)
	d.SetString(tag.ReferringPhysicianName, id.Physician)
	d.SetEmpty(tag.PatientOrientation)

	d.SetString(tag.StageName, "REST")
	d.SetInts(tag.StageNumber, 1)
	d.SetInts(tag.NumberOfStages, 1)
	d.SetString(tag.ViewName, string(t.View))
	d.SetInts(tag.ViewNumber, view)
	d.SetInts(tag.NumberOfViewsInStage, len(c.cfg.Views))
	d.SetInts(tag.HeartRate, int(math.Round(t.HR)))

	d.SetInts(tag.NumberOfFrames, frames)
	d.SetFloats(tag.FrameTime, 1000/t.FPS)
	d.SetInts(tag.CineRate, int(math.Round(t.FPS)))
	d.SetInts(tag.RecommendedDisplayFrameRate, int(math.Round(t.FPS)))
	d.SetFloats(tag.EffectiveDuration, float64(frames)/t.FPS)
	d.SetInts(tag.FrameIncrementPointer, int(tag.FrameTime))

	H, W := c.cfg.Height, c.cfg.Width
	d.SetInts(tag.SamplesPerPixel, 3)
	d.SetString(tag.PhotometricInterpretation, "YBR_FULL_422")
	d.SetInts(tag.PlanarConfiguration, 0)
	d.SetInts(tag.Rows, H)
	d.SetInts(tag.Columns, W)
	d.SetInts(tag.BitsAllocated, 8)
	d.SetInts(tag.BitsStored, 8)
	d.SetInts(tag.HighBit, 7)
	d.SetInts(tag.PixelRepresentation, 0)
	d.SetString(tag.LossyImageCompression, "01")
	d.SetFloats(tag.LossyImageCompressionRatio, math.Round(10*float64(frames*H*W*3)/float64(size))/10)
	d.SetString(tag.LossyImageCompressionMethod, "ISO_10918_1")
	annotated, colour := "YES", 0
	if c.cfg.Tissue {
		annotated = "NO"
	}
	if t.Doppler != nil {
		colour = 1
	}
	d.SetString(tag.BurnedInAnnotation, annotated)
	d.SetInts(tag.UltrasoundColorDataPresent, colour)

	regions := []*dicom.DataSet{t.region(t.Sector, 1)}
	if t.Doppler != nil {
		regions = append(regions, t.region(*t.Doppler, 2))
	}
	d.SetSequence(tag.SequenceOfUltrasoundRegions, regions...)
	return d
}

// region is an item of the ultrasound region calibration (PS3.3 C.8.5.5): a two-dimensional region in centimetres whose origin is
// the probe's face. kind is the Region Data Type: 1 tissue, 2 colour flow.
func (t *Truth) region(box [4]int, kind int) *dicom.DataSet {
	const twoD, centimetre = 1, 3
	d := dicom.NewDataSet()
	d.SetInts(tag.RegionSpatialFormat, twoD)
	d.SetInts(tag.RegionDataType, kind)
	d.SetInts(tag.RegionFlags, 0)
	d.SetInts(tag.RegionLocationMinX0, box[0])
	d.SetInts(tag.RegionLocationMinY0, box[1])
	d.SetInts(tag.RegionLocationMaxX1, box[2])
	d.SetInts(tag.RegionLocationMaxY1, box[3])
	d.SetInts(tag.PhysicalUnitsXDirection, centimetre)
	d.SetInts(tag.PhysicalUnitsYDirection, centimetre)
	d.SetFloats(tag.PhysicalDeltaX, t.PixelMM/10)
	d.SetFloats(tag.PhysicalDeltaY, t.PixelMM/10)
	// The reference pixel is relative to the region's corner.
	d.SetInts(tag.ReferencePixelX0, t.Origin[0]-box[0])
	d.SetInts(tag.ReferencePixelY0, t.Origin[1]-box[1])
	d.SetFloats(tag.ReferencePixelPhysicalValueX, 0)
	d.SetFloats(tag.ReferencePixelPhysicalValueY, 0)
	d.SetInts(tag.TransducerFrequency, 2500)
	return d
}
