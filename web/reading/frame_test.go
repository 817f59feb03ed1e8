package reading

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"image/jpeg"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
)

// deep writes one frame of 12 bits, signed, with an overlay in the four bits above, MONOCHROME1, two windows and a rescale.
func deep(t testing.TB, dir string, n int) string {
	ds := header(n, 4, 4, 1)
	ds.SetInts(tag.SamplesPerPixel, 1)
	ds.SetString(tag.PhotometricInterpretation, "MONOCHROME1")
	ds.SetInts(tag.BitsAllocated, 16)
	ds.SetInts(tag.BitsStored, 12)
	ds.SetInts(tag.HighBit, 11)
	ds.SetInts(tag.PixelRepresentation, 1)
	ds.SetFloats(tag.RescaleSlope, 2)
	ds.SetFloats(tag.RescaleIntercept, -1000)
	ds.SetInts(tag.PixelPaddingValue, -2000)
	ds.SetInts(tag.PixelPaddingRangeLimit, -1999)
	ds.SetFloats(tag.WindowCenter, 40, 300)
	ds.SetFloats(tag.WindowWidth, 400, 1500)
	b := make([]byte, 32)
	for i := range 16 {
		binary.LittleEndian.PutUint16(b[2*i:], uint16(i-8)&0x0FFF|0xA000)
	}
	ds.SetBytes(tag.PixelData, vr.OW, b)
	return save(t, dir, n, ds, uid.ExplicitVRLittleEndian)
}

func colour(t testing.TB, dir string, n int) string {
	ds := header(n, 2, 2, 2)
	ds.SetInts(tag.SamplesPerPixel, 3)
	ds.SetInts(tag.PlanarConfiguration, 1)
	ds.SetString(tag.PhotometricInterpretation, "RGB")
	ds.SetInts(tag.BitsAllocated, 8)
	ds.SetInts(tag.BitsStored, 8)
	ds.SetInts(tag.HighBit, 7)
	ds.SetInts(tag.PixelRepresentation, 0)
	ds.SetBytes(tag.PixelData, vr.OB, []byte{1, 2, 3, 4, 11, 12, 13, 14, 21, 22, 23, 24, 101, 102, 103, 104, 111, 112, 113, 114, 121, 122, 123, 124})
	return save(t, dir, n, ds, uid.ExplicitVRLittleEndian)
}

func compressed(t testing.TB, dir string, n int) string {
	ds := header(n, 64, 80, 1)
	ds.SetInts(tag.SamplesPerPixel, 3)
	ds.SetInts(tag.PlanarConfiguration, 0)
	ds.SetString(tag.PhotometricInterpretation, "YBR_FULL_422")
	ds.SetInts(tag.BitsAllocated, 8)
	ds.SetInts(tag.BitsStored, 8)
	ds.SetInts(tag.HighBit, 7)
	ds.SetInts(tag.PixelRepresentation, 0)
	name := save(t, dir, n, ds, uid.JPEGBaseline8Bit)
	b := talkative(t)
	if len(b)%2 == 1 {
		b = append(b, 0)
	}
	tail := []byte("\xE0\x7F\x10\x00OB\x00\x00\xFF\xFF\xFF\xFF\xFE\xFF\x00\xE0\x00\x00\x00\x00\xFE\xFF\x00\xE0")
	tail = append(binary.LittleEndian.AppendUint32(tail, uint32(len(b))), b...)
	tail = append(tail, "\xFE\xFF\xDD\xE0\x00\x00\x00\x00"...)
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(tail); err != nil {
		t.Fatal(err)
	}
	f.Close()
	return name
}

// TestFrames: pixels come at their own depth, interleaved, with nothing else that their cells or their JPEG held.
func TestFrames(t *testing.T) {
	s := serveIt(t, newStudy(t, "panel", loop, deep, colour, compressed), Options{})
	ann := s.as("ann")
	seen := map[string]bool{}
	for _, task := range s.tasks("ann") {
		path := "/api/cases/" + task.Assignment
		var c caseView
		r := ann.get(path)
		r.into(t, &c)
		im := c.Images[0]
		frame := ann.get(path + "/images/1/frames/0")
		if frame.status != 200 {
			t.Fatalf("%d %s", frame.status, frame.body)
		}
		switch {
		case im.Columns == 80 && im.Samples == 1:
			seen["loop"] = true
			if im.Frames != 4 || im.Bits != 8 || im.Signed || im.Inverse || len(im.TimesMS) != 4 || im.TimesMS[3] != 120 || im.Aspect != 1 || im.Rescale != nil {
				t.Errorf("%+v", im)
			}
			if len(im.Marks) != 2 || im.Marks[0] != (mark{0, "ED"}) || im.Marks[1] != (mark{2, "ED"}) { // 3 ms and 79 ms; 9 s is not in the loop
				t.Errorf("marks %+v", im.Marks)
			}
			last := ann.get(path + "/images/1/frames/3")
			if len(last.body) != 64*80 || last.body[0] != 3 || last.header.Get("Cineloop-Frame") != "rows=64, columns=80, samples=1, bits=8, signed=false" {
				t.Errorf("%d bytes, %q", len(last.body), last.header.Get("Cineloop-Frame"))
			}
			if cc := last.header.Get("Cache-Control"); cc != "private, max-age=86400, immutable" || last.header.Get("Vary") != "Cookie" {
				t.Errorf("cache %q", cc)
			}
			again := ann.request("GET", path+"/images/1/frames/3", nil)
			again.Header.Set("If-None-Match", last.header.Get("ETag"))
			if r := ann.do(again); r.status != http.StatusNotModified || r.body != "" {
				t.Errorf("%d", r.status)
			}
			if r := s.as("bob").do(func() *http.Request {
				q := again.Clone(t.Context())
				q.Header.Set("Cookie", CookieName+"="+s.as("bob").cookie)
				return q
			}()); r.status != http.StatusNotFound || r.header.Get("ETag") != "" {
				t.Errorf("another's frame by its tag: %d", r.status)
			}
		case im.Bits == 16:
			seen["deep"] = true
			if !im.Signed || im.Stored != 12 || !im.Inverse || im.Rescale == nil || *im.Rescale != (rescale{2, -1000}) || len(im.Windows) != 2 || im.Padding == nil || *im.Padding != [2]int{-2000, -1999} || im.Windows[1] != (window{300, 1500, "linear"}) {
				t.Errorf("%+v", im)
			}
			for i := range 16 {
				if v := int16(binary.LittleEndian.Uint16([]byte(frame.body)[2*i:])); int(v) != i-8 {
					t.Errorf("pixel %d is %d", i, v)
				}
			}
		case im.Columns == 2:
			seen["colour"] = true
			if got := []byte(ann.get(path + "/images/1/frames/1").body); !bytes.Equal(got, []byte{101, 111, 121, 102, 112, 122, 103, 113, 123, 104, 114, 124}) {
				t.Errorf("%v", got)
			}
		default:
			seen["compressed"] = true
			if frame.header.Get("Content-Type") != "image/jpeg" || strings.Contains(frame.body, "tells") || strings.Contains(frame.body, "Exif") {
				t.Errorf("%s: %q", frame.header.Get("Content-Type"), frame.body[:40])
			}
			got, err := jpeg.Decode(strings.NewReader(frame.body))
			if err != nil {
				t.Fatal(err)
			}
			want, _ := jpeg.Decode(bytes.NewReader(talkative(t)))
			for _, at := range [][2]int{{0, 0}, {13, 50}, {79, 63}} {
				if got.At(at[0], at[1]) != want.At(at[0], at[1]) {
					t.Errorf("pixel %v", at)
				}
			}
		}
		for _, none := range []string{"/images/0/frames/0", "/images/2/frames/0", "/images/1/frames/-1", "/images/1/frames/99", "/images/x/frames/0", "/images/1/frames/x"} {
			if r := ann.get(path + none); r.status != http.StatusNotFound {
				t.Errorf("%s: %d", none, r.status)
			}
		}
		for _, word := range secrets {
			if b, _ := json.Marshal(frame.header); strings.Contains(r.body+frame.body+string(b), word) {
				t.Errorf("%q is told", word)
			}
		}
	}
	if len(seen) != 4 {
		t.Errorf("%v", seen)
	}
}

// TestPictureGone: a file that was changed or taken away is refused, in words that do not name it.
func TestPictureGone(t *testing.T) {
	st := newStudy(t, "panel", loop)
	s := serveIt(t, st, Options{})
	ds := header(7, 64, 80, 4)
	ds.SetInts(tag.SamplesPerPixel, 1)
	ds.SetString(tag.PhotometricInterpretation, "MONOCHROME2")
	ds.SetInts(tag.BitsAllocated, 8)
	ds.SetInts(tag.BitsStored, 8)
	ds.SetInts(tag.HighBit, 7)
	ds.SetInts(tag.PixelRepresentation, 0)
	ds.SetBytes(tag.PixelData, vr.OB, make([]byte, 4*64*80))
	if err := dicom.WriteFile(st.Dir()+"/picture0.dcm", ds, dicom.WriteOptions{TransferSyntaxUID: uid.ExplicitVRLittleEndian}); err != nil {
		t.Fatal(err)
	}
	r := s.as("ann").get("/api/cases/" + s.tasks("ann")[0].Assignment + "/images/1/frames/0")
	if r.status != http.StatusUnprocessableEntity || strings.Contains(r.body, "picture0") || r.header.Get("ETag") != "" || r.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %s %v", r.status, r.body, r.header)
	}
}
