package result

import (
	"bytes"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/iod"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

// captured are drawn frames of an image, each of its own colour, enlarged by scale.
func captured(im Image, scale int, frames ...int) *Capture {
	c := &Capture{Made: made("sc"), Image: im, Rows: 6 * scale, Columns: 8 * scale, Segmented: true}
	c.Label = "Reading by R-1"
	for _, f := range frames {
		c.Frames = append(c.Frames, CaptureFrame{Of: f, RGB: bytes.Repeat([]byte{byte(f), 100, 200}, c.Rows*c.Columns)})
	}
	return c
}

func dataSet(t testing.TB, from interface {
	DataSet() (*dicom.DataSet, error)
}) *dicom.DataSet {
	t.Helper()
	ds, err := from.DataSet()
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

// TestCapture: what a capture says of itself: burned in, of which image and frames, how it was made, whose it is.
func TestCapture(t *testing.T) {
	ds := reread(t, dataSet(t, captured(cine(t), 1, 0, 2)))
	if ds.String(tag.SOPClassUID) != uid.MultiFrameTrueColorSecondaryCaptureImageStorage || ds.String(tag.BurnedInAnnotation) != "YES" || ds.String(tag.PatientID) != "P-17" ||
		ds.String(tag.StudyDate) != "20260102" || ds.String(tag.StudyID) != "S 4" || !slices.Equal(ds.Strings(tag.ImageType), []string{"DERIVED", "SECONDARY"}) {
		t.Error(ds.String(tag.SOPClassUID))
	}
	src := first(ds, tag.SourceImageSequence)
	if src.String(tag.ReferencedSOPInstanceUID) != uid.Derive("echo") || !slices.Equal(src.Ints(tag.ReferencedFrameNumber), []int64{1, 3}) || src.String(tag.SpatialLocationsPreserved) != "YES" ||
		codeOf(first(src, tag.PurposeOfReferenceCodeSequence)).Value != "121322" {
		t.Errorf("source %v", src.Ints(tag.ReferencedFrameNumber))
	}
	var codes []string
	for _, c := range ds.Sequence(tag.DerivationCodeSequence) {
		codes = append(codes, codeOf(c).Value)
	}
	if !slices.Equal(codes, []string{"graphics_burned", "113076"}) {
		t.Error(codes)
	}
	if v := ds.Strings(tag.FrameLabelVector); !slices.Equal(v, []string{"frame 1", "frame 3"}) {
		t.Error(v)
	}
	e, _ := ds.Get(tag.PixelData)
	b, err := e.Bytes()
	if err != nil || len(b) != 2*3*48 || b[0] != 0 || b[3*48] != 2 || b[3*48+1] != 100 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	// One frame of an image of one, enlarged: no frame numbers, resampled, not the same places.
	one := reread(t, dataSet(t, captured(picture(t, uid.UltrasoundImageStorage, "still", 1), 4, 0)))
	src = first(one, tag.SourceImageSequence)
	if _, has := src.Get(tag.ReferencedFrameNumber); has || one.String(tag.SOPClassUID) != uid.SecondaryCaptureImageStorage || src.String(tag.SpatialLocationsPreserved) != "" {
		t.Error("one frame")
	}
	if list := one.Sequence(tag.DerivationCodeSequence); codeOf(list[len(list)-1]).Value != "113085" {
		t.Error("nothing says that it was enlarged")
	}
	if _, has := one.Get(tag.NumberOfFrames); has {
		t.Error("a single frame counts its frames")
	}
	for _, x := range []*dicom.DataSet{ds, one} {
		if _, has := x.Get(tag.PixelSpacing); has {
			t.Error("a picture with words in it is measured in")
		}
		for tag_, want := range map[tag.Tag]string{tag.PatientName: "Müller^Ä", tag.AccessionNumber: "A5", tag.ConversionType: "WSD", tag.SpecificCharacterSet: "ISO_IR 192"} {
			if got := x.String(tag_); got != want {
				t.Errorf("%v: %q", tag_, got)
			}
		}
		if list, known := iod.Check(x); !known || len(list) > 0 {
			t.Errorf("%v", list)
		}
	}
}

func TestCaptureAspect(t *testing.T) {
	for _, c := range []struct {
		spacing    []float64
		aspect     []int
		high, wide int
	}{{nil, nil, 1, 1}, {[]float64{.5, .25}, nil, 2, 1}, {[]float64{.3, .2}, nil, 3, 2}, {[]float64{.5, .5}, nil, 1, 1}, {nil, []int{4, 3}, 4, 3}, {[]float64{0, 1}, nil, 1, 1}, {[]float64{1e9, 1}, nil, 1, 1},
		{[]float64{1}, nil, 1, 1}} {
		ds := dicom.NewDataSet()
		if c.spacing != nil {
			ds.SetFloats(tag.PixelSpacing, c.spacing...)
		}
		if c.aspect != nil {
			ds.SetInts(tag.PixelAspectRatio, c.aspect...)
		}
		if high, wide := aspect(ds); high != c.high || wide != c.wide {
			t.Errorf("%v %v: %d to %d", c.spacing, c.aspect, high, wide)
		}
	}
	im := cine(t)
	im.Header.SetFloats(tag.PixelSpacing, .5, .25)
	if v := dataSet(t, captured(im, 1, 1)).Ints(tag.PixelAspectRatio); !slices.Equal(v, []int64{2, 1}) {
		t.Error(v)
	}
}

func TestCapturesThatCannotBe(t *testing.T) {
	for name, change := range map[string]func(*Capture){
		"no frame":          func(c *Capture) { c.Frames = nil },
		"of no frame":       func(c *Capture) { c.Frames[0].Of = 3 },
		"before the first":  func(c *Capture) { c.Frames[0].Of = -1 },
		"of another size":   func(c *Capture) { c.Frames[0].RGB = c.Frames[0].RGB[1:] },
		"without an image":  func(c *Capture) { c.Image.Header = nil },
		"without a time":    func(c *Capture) { c.At = made("x").At.AddDate(-2026, -2, -3); c.SOP = "" },
		"of no size":        func(c *Capture) { c.Rows = 0 },
		"larger than files": func(c *Capture) { c.Rows, c.Columns = 60000, 60000 },
	} {
		c := captured(cine(t), 1, 0)
		change(c)
		if _, err := c.DataSet(); fault.CodeOf(err) != fault.Usage && fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestJudgeCapture: dicom3tools find nothing wrong.
func TestJudgeCapture(t *testing.T) {
	for name, c := range map[string]*Capture{"frames": captured(cine(t), 1, 0, 2), "one": captured(picture(t, uid.UltrasoundImageStorage, "still", 1), 4, 0)} {
		t.Run(name, func(t *testing.T) {
			silent(t, judge(t, dataSet(t, c), "dciodvfy", "-new"), "Unrecognized defined term = <99CINELOOP>", "Laterality(0020,0060)> - is only permitted to be empty when actually unknown")
		})
	}
}

// TestReportClass: with a frame of reference Comprehensive 3D SR, without Comprehensive SR; both have the same tree.
func TestReportClass(t *testing.T) {
	r := sample(t)
	plain := dataSet(t, r)
	if c := plain.String(tag.SOPClassUID); c != uid.ComprehensiveSRStorage {
		t.Error(c)
	}
	r.Images[1].Header.SetString(tag.FrameOfReferenceUID, "1.2.3")
	placed := dataSet(t, r)
	if c := placed.String(tag.SOPClassUID); c != uid.Comprehensive3DSRStorage {
		t.Error(c)
	}
	placed.SetString(tag.SOPClassUID, uid.ComprehensiveSRStorage)
	if !bytes.Equal(mustJSON(t, plain), mustJSON(t, placed)) {
		t.Error("the trees differ")
	}
	silent(t, judge(t, plain, "dciodvfy", "-new"), "Unrecognized defined term = <99CINELOOP>")
}
