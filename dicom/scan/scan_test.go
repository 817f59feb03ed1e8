package scan

import (
	"math"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
)

func with(pairs ...any) *dicom.DataSet {
	ds := dicom.NewDataSet()
	for i := 0; i < len(pairs); i += 2 {
		t := pairs[i].(tag.Tag)
		switch v := pairs[i+1].(type) {
		case string:
			ds.SetText(t, t.VR(), v)
		case []string:
			ds.SetText(t, t.VR(), v...)
		case float64:
			ds.SetFloats(t, v)
		}
	}
	return ds
}

// The first attribute of the chain decides; a rate is never assumed.
func TestFrameRate(t *testing.T) {
	for _, c := range []struct {
		ds   *dicom.DataSet
		want float64
		from string
	}{
		{with(tag.CineRate, "40", tag.FrameTime, "20"), 40, "CineRate"},
		{with(tag.RecommendedDisplayFrameRate, "25", tag.FrameTime, "20"), 25, "RecommendedDisplayFrameRate"},
		{with(tag.FrameTime, "20"), 50, "FrameTime"},
		{with(tag.FrameTimeVector, []string{"0", "10", "30"}), 50, "FrameTimeVector"},
		{with(tag.EffectiveDuration, "2", tag.NumberOfFrames, "60"), 30, "EffectiveDuration"},
		{with(tag.CineRate, "0"), 0, ""},
		{with(), 0, ""},
	} {
		if got, from := FrameRate(c.ds); got != c.want || from != c.from {
			t.Errorf("%v from %q, want %v from %q", got, from, c.want, c.from)
		}
	}
}

func TestMRClass(t *testing.T) {
	for _, c := range []struct {
		ds   *dicom.DataSet
		want string
	}{
		{with(tag.ScanningSequence, "SE", tag.RepetitionTime, "500", tag.EchoTime, "12"), "T1"},
		{with(tag.ScanningSequence, "SE", tag.RepetitionTime, "4000", tag.EchoTime, "100"), "T2"},
		{with(tag.ScanningSequence, "SE", tag.RepetitionTime, "3000", tag.EchoTime, "20"), "PD"},
		{with(tag.ScanningSequence, []string{"SE", "IR"}, tag.RepetitionTime, "9000", tag.EchoTime, "120", tag.InversionTime, "2500"), "FLAIR"},
		{with(tag.ScanningSequence, []string{"GR", "IR"}, tag.RepetitionTime, "2300", tag.EchoTime, "3", tag.InversionTime, "900", tag.FlipAngle, "9"), "T1"},
		{with(tag.ScanningSequence, "GR", tag.EchoTime, "20", tag.FlipAngle, "20"), "T2*"},
		{with(tag.AngioFlag, "Y", tag.ScanningSequence, "GR"), "angiography"},
		{with(tag.SeriesDescription, "DWI b800"), "DWI"},
		{with(), ""},
	} {
		if got, rule, sure := MRContrast(c.ds); got != c.want || (got != "") != (rule != "" && sure > 0 && sure <= 1) {
			t.Errorf("%q by %q (%v), want %q", got, rule, sure, c.want)
		}
	}
	enhanced := dicom.NewDataSet()
	item, inner := dicom.NewDataSet(), with(tag.EchoTime, "100", tag.RepetitionTime, "4000")
	item.SetSequence(tag.MREchoSequence, inner)
	enhanced.SetSequence(tag.SharedFunctionalGroupsSequence, item)
	if got, _, _ := MRContrast(enhanced); got != "T2" {
		t.Errorf("in functional groups: %q", got)
	}
	private := with()
	private.SetText(tag.New(0x19, 0x10), vr.LO, "SIEMENS MR HEADER")
	private.SetText(tag.New(0x19, 0x100C), vr.IS, "1000")
	if got, _, _ := MRContrast(private); got != "DWI" {
		t.Errorf("private b-value: %q", got)
	}
}

func TestCTPhase(t *testing.T) {
	for _, c := range []struct {
		ds   *dicom.DataSet
		want string
	}{
		{with(tag.NominalPercentageOfCardiacPhase, 70.0), "cardiac 70 %"},
		{with(tag.ContrastBolusStartTime, "101500", tag.AcquisitionTime, "101525.5"), "arterial"},
		{with(tag.ContrastBolusStartTime, "101500", tag.AcquisitionTime, "101610"), "portal venous"},
		{with(tag.ContrastBolusStartTime, "101500", tag.AcquisitionTime, "102500"), "delayed"},
		{with(tag.ContrastBolusStartTime, "101500", tag.AcquisitionTime, "101400", tag.SeriesDescription, "Abdomen arterial"), "arterial"}, // before the bolus: the clock tells nothing
		{with(tag.ContrastBolusStartTime, "9", tag.AcquisitionTime, "101400"), ""},
		{with(tag.ContrastBolusStartTime, "109900", tag.AcquisitionTime, "101400"), ""},
		{with(tag.SeriesDescription, "CHEST W/O CONTRAST"), "native"},
		{with(tag.SeriesDescription, "Thorax 5.0"), ""},
	} {
		if got, rule, sure := CTPhase(c.ds); got != c.want || (got != "") != (rule != "" && sure > 0 && sure <= 1) {
			t.Errorf("%q by %q (%v), want %q", got, rule, sure, c.want)
		}
	}
}

func TestSpacing(t *testing.T) {
	us := with()
	us.SetSequence(tag.SequenceOfUltrasoundRegions, set(2, 1, 4, 0.01, 0.02), set(1, 1, 3, 0.05, -0.04))
	for _, c := range []struct {
		ds          *dicom.DataSet
		row, column float64
		from        string
	}{
		{with(tag.PixelSpacing, []string{"0.5", "0.25"}, tag.ImagerPixelSpacing, []string{"1", "1"}), 0.5, 0.25, "PixelSpacing"},
		{with(tag.ImagerPixelSpacing, []string{"0.1", "0.2"}), 0.1, 0.2, "ImagerPixelSpacing"},
		{with(tag.PixelSpacing, []string{"0", "0.2"}), 0, 0, ""},
		{us, 0.4, 0.5, "SequenceOfUltrasoundRegions"}, // the M-mode region is in seconds and is passed over
		{with(), 0, 0, ""},
	} {
		row, column, from := Spacing(c.ds)
		if math.Abs(row-c.row) > 1e-12 || math.Abs(column-c.column) > 1e-12 || from != c.from {
			t.Errorf("%v, %v by %q: want %+v", row, column, from, c)
		}
	}
}

// set is a region with numbers as DICOM stores them.
func set(format, kind, unit uint16, dx, dy float64) *dicom.DataSet {
	ds := dicom.NewDataSet()
	for t, v := range map[tag.Tag]uint16{tag.RegionSpatialFormat: format, tag.RegionDataType: kind, tag.PhysicalUnitsXDirection: unit, tag.PhysicalUnitsYDirection: unit} {
		ds.SetInts(t, int(v))
	}
	ds.SetFloats(tag.PhysicalDeltaX, dx)
	ds.SetFloats(tag.PhysicalDeltaY, dy)
	return ds
}

func TestUSModes(t *testing.T) {
	ds := with()
	ds.SetSequence(tag.SequenceOfUltrasoundRegions, set(1, 1, 3, 1, 1), set(1, 2, 3, 1, 1), set(3, 3, 4, 1, 1), set(3, 4, 4, 1, 1), set(2, 1, 4, 1, 1), set(1, 1, 3, 1, 1))
	if got := USModes(ds); got != "2D+CW+M+PW+colour" {
		t.Errorf("%q", got)
	}
	if got := USModes(with()); got != "" {
		t.Errorf("%q", got)
	}
}

func TestViewLateralityLossy(t *testing.T) {
	code := with()
	code.SetSequence(tag.ViewCodeSequence, with(tag.CodeMeaning, "Apical four chamber"))
	for want, ds := range map[string]*dicom.DataSet{"MLO": with(tag.ViewPosition, "MLO", tag.ViewName, "x"), "A4C": with(tag.ViewName, "A4C"), "Apical four chamber": code, "": with()} {
		if got := View(ds); got != want {
			t.Errorf("view %q, want %q", got, want)
		}
	}
	if got := Laterality(with(tag.Laterality, "L", tag.ImageLaterality, "R")); got != "R" {
		t.Errorf("laterality %q", got)
	}
	for want, ds := range map[string]*dicom.DataSet{
		"":    with(),
		"no":  with(tag.LossyImageCompression, "00"),
		"yes": with(tag.LossyImageCompression, "01"),
		"yes, ISO_10918_1 12:1, ISO_15444_1 5:1": with(tag.LossyImageCompression, "01", tag.LossyImageCompressionMethod, []string{"ISO_10918_1", "ISO_15444_1"},
			tag.LossyImageCompressionRatio, []string{"12", "5"}),
		"yes, 8:1": with(tag.LossyImageCompression, "01", tag.LossyImageCompressionRatio, "8"),
	} {
		if got := Lossy(ds); got != want {
			t.Errorf("lossy %q, want %q", got, want)
		}
	}
}
