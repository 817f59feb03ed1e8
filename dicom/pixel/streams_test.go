package pixel

import (
	"bytes"
	"context"
	"image"
	stdjpeg "image/jpeg"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/dicom/pixel/jpeg"
	"github.com/cineloop/cineloop/dicom/pixel/jpeg2000"
	"github.com/cineloop/cineloop/dicom/pixel/jpegls"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

// redJPEG is a JPEG whose three components are 76, 85 and 255 throughout: pure red in YCbCr, a blue in RGB.
func redJPEG(t *testing.T, marks []byte) []byte {
	t.Helper()
	img := image.NewYCbCr(image.Rect(0, 0, 8, 8), image.YCbCrSubsampleRatio420)
	for i := range img.Y {
		img.Y[i] = 76
	}
	for i := range img.Cb {
		img.Cb[i], img.Cr[i] = 85, 255
	}
	var b bytes.Buffer
	if err := stdjpeg.Encode(&b, img, &stdjpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	return slices.Concat(b.Bytes()[:2], marks, b.Bytes()[2:])
}

// TestColourOfJPEG: an Adobe mark decides, then JFIF or subsampling, then the components' names, then the header.
func TestColourOfJPEG(t *testing.T) {
	adobe := func(v byte) []byte { return append([]byte("\xFF\xEE\x00\x0EAdobe\x00\x64\x00\x00\x00\x00"), v) }
	for _, c := range []struct {
		name        string
		marks       []byte
		photometric string
		red         bool
		after       string
	}{
		{"subsampled, labelled YBR", nil, "YBR_FULL_422", true, "YBR_FULL"},
		{"subsampled, labelled RGB", nil, "RGB", true, "YBR_FULL"},
		{"Adobe says RGB", adobe(0), "YBR_FULL_422", false, "RGB"},
		{"Adobe says YCbCr", adobe(1), "RGB", true, "YBR_FULL"},
		{"JFIF", []byte("\xFF\xE0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"), "RGB", true, "YBR_FULL"},
	} {
		ds := shape{rows: 8, columns: 8, samples: 3, allocated: 8, photometric: c.photometric}.dataSet()
		im := makeImage(t, ds, uid.JPEGBaseline8Bit, [][]byte{redJPEG(t, c.marks)})
		stored, err := im.Frame(0)
		if err != nil {
			t.Fatal(err)
		}
		rgb, err := im.RGB(0)
		if err != nil {
			t.Fatal(err)
		}
		near := func(got []byte, want ...int) bool {
			for i, v := range want {
				if d := int(got[i]) - v; d < -3 || d > 3 {
					return false
				}
			}
			return true
		}
		want := []int{76, 85, 255}
		if c.red {
			want = []int{254, 0, 0}
		}
		if !near(stored, 76, 85, 255) || !near(rgb[3*27:], want...) {
			t.Errorf("%s: stored %v, colour %v, want %v", c.name, stored[:3], rgb[3*27:3*27+3], want)
		}
		g, _, err := transcode(t, im.file, uid.RLELossless)
		if err != nil {
			t.Fatal(err)
		}
		jm, err := Open(g)
		if err != nil {
			t.Fatal(err)
		}
		again, err := jm.RGB(0)
		if err != nil || jm.Photometric != c.after || !near(again[3*27:], want...) {
			t.Errorf("%s, as RLE: %s, %v, %v", c.name, jm.Photometric, again[:3], err)
		}
		if g.DataSet.String(tag.LossyImageCompression) != "01" || g.DataSet.String(tag.LossyImageCompressionMethod) != "ISO_10918_1" || g.DataSet.String(tag.LossyImageCompressionRatio) == "" {
			t.Errorf("%s: nothing says that it was lossy", c.name)
		}
		grey, err := im.Grey8(0)
		if err != nil || c.red && !near(grey, 76) {
			t.Errorf("%s: grey %v, %v", c.name, grey[0], err)
		}
	}
}

// TestStreamsDecide: what a frame is is seen from its bytes, whatever the transfer syntax says; its samples are held against the header.
func TestStreamsDecide(t *testing.T) {
	bytes8 := []byte{1, 2, 200, 4}
	ll, err := jpeg.EncodeLossless(jpeg.Image{Rows: 2, Columns: 2, Components: 1, Precision: 8, Samples: bytes8})
	if err != nil {
		t.Fatal(err)
	}
	ls, err := jpegls.Encode(jpegls.Image{Rows: 2, Columns: 2, Components: 1, Precision: 8, Samples: bytes8})
	if err != nil {
		t.Fatal(err)
	}
	streams := map[string][]byte{"JPEG Lossless": ll, "JPEG-LS": ls}
	if CanEncode(uid.JPEG2000Lossless) == nil {
		if streams["JPEG 2000"], err = jpeg2000.Encode(context.Background(), jpeg2000.Image{Rows: 2, Columns: 2, Components: 1, Precision: 8, Samples: bytes8}); err != nil {
			t.Fatal(err)
		}
	}
	for name, src := range streams {
		for _, ts := range []string{uid.JPEGLosslessSV1, uid.JPEGLSLossless, uid.JPEG2000, uid.JPEGBaseline8Bit} {
			for _, c := range []struct {
				s    shape
				want []byte // nil: an error
			}{
				{shape{rows: 2, columns: 2, allocated: 8}, bytes8},
				{shape{rows: 2, columns: 2, allocated: 16, stored: 8}, []byte{1, 0, 2, 0, 200, 0, 4, 0}},
				{shape{rows: 2, columns: 2, samples: 3, allocated: 8, photometric: "RGB"}, nil},
				{shape{rows: 4, columns: 1, allocated: 8}, nil},
				{shape{rows: 2, columns: 1, allocated: 8}, nil},
			} {
				im := makeImage(t, c.s.dataSet(), ts, [][]byte{src})
				got, err := im.Frame(0)
				if c.want == nil && fault.CodeOf(err) != fault.Input || c.want != nil && (err != nil || !bytes.Equal(got, c.want)) {
					t.Errorf("%s as %s, %+v: %v, %v", name, ts, c.s, got, err)
				}
			}
		}
	}
	// Twelve bits do not go into bytes.
	deep, err := jpegls.Encode(jpegls.Image{Rows: 1, Columns: 1, Components: 1, Precision: 12, Samples: []byte{0, 8}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := makeImage(t, shape{rows: 1, columns: 1, allocated: 8}.dataSet(), uid.JPEGLSLossless, [][]byte{deep}).Frame(0); fault.CodeOf(err) != fault.Input {
		t.Errorf("12 bits in 8: %v", err)
	}
	for name, src := range map[string][]byte{"nothing": {}, "text": []byte("no picture at all"), "a lone marker": {0xFF, 0xD8, 0xFF, 0xD9}} {
		for _, ts := range []string{uid.JPEGBaseline8Bit, uid.JPEG2000Lossless, uid.JPEGXL, uid.RLELossless, uid.DeflatedImageFrameCompression} {
			im := makeImage(t, shape{rows: 2, columns: 2, allocated: 8}.dataSet(), ts, [][]byte{src})
			if b, err := im.Frame(0); fault.CodeOf(err) != fault.Input {
				t.Errorf("%s as %s: %v, %v", name, ts, b, err)
			}
		}
	}
}

// TestFit widens by the sign of the stream and narrows what fits.
func TestFit(t *testing.T) {
	im := &Image{Samples: 1, BitsAllocated: 16, BitsStored: 16}
	for _, c := range []struct {
		in        []byte
		precision int
		signed    bool
		allocated int
		want      []byte
	}{
		{[]byte{0xFE, 1}, 8, true, 16, []byte{0xFE, 0xFF, 1, 0}},
		{[]byte{0xFE, 1}, 8, false, 16, []byte{0xFE, 0, 1, 0}},
		{[]byte{0xFE, 0xFF}, 12, true, 32, []byte{0xFE, 0xFF, 0xFF, 0xFF}},
		{[]byte{1, 2, 3, 4}, 32, false, 32, []byte{1, 2, 3, 4}},
		{[]byte{1, 0, 0, 0}, 17, false, 16, nil},
		{[]byte{1}, 8, false, 8, []byte{1}},
	} {
		im.BitsAllocated = c.allocated
		got, err := im.fit(c.in, 1, c.precision, c.signed)
		if (err != nil) != (c.want == nil) || !bytes.Equal(got, c.want) {
			t.Errorf("%+v: %v, %v", c, got, err)
		}
	}
	if _, err := im.fit([]byte{1}, 3, 8, false); fault.CodeOf(err) != fault.Input {
		t.Errorf("three samples for one: %v", err)
	}
	ds := shape{rows: 1, columns: 1, allocated: 8}.dataSet()
	ds.SetBytes(tag.PixelData, vr.OB, []byte{5, 0})
	if b, err := makeImage(t, ds, "", nil).Encoded(0); err != nil || !bytes.Equal(b, []byte{5}) {
		t.Errorf("%v, %v", b, err)
	}
}
