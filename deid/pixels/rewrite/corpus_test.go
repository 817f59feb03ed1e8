package rewrite

import (
	"bytes"
	"context"
	"image"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/deid/pixels/jpegblocks"
	"github.com/cineloop/cineloop/deid/pixels/mask"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/pixel/jpeg"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/testdata"
)

// file writes the first n frames of w with the header of f, as the command does.
func file(t testing.TB, f *dicom.File, w *Writer, n int) *dicom.File {
	t.Helper()
	ds, err := f.DataSet.Copy()
	if err != nil {
		t.Fatal(err)
	}
	if w.Header != nil {
		for e := range w.Header.All() {
			b, _ := e.Bytes()
			ds.SetBytes(e.Tag, e.VR, b)
		}
	}
	ds.SetInts(tag.NumberOfFrames, n)
	if ds.String(tag.SOPInstanceUID) == "" {
		ds.SetString(tag.SOPInstanceUID, "1.2.3")
		ds.SetString(tag.SOPClassUID, "1.2.3")
	}
	ds.Delete(tag.ExtendedOffsetTable, tag.ExtendedOffsetTableLengths)
	var frames [][]byte
	var native []byte
	for i := range n {
		b, err := w.Frame(context.Background(), i)
		if err != nil {
			t.Fatal(err)
		}
		frames, native = append(frames, b), append(native, b...)
	}
	opt := dicom.WriteOptions{TransferSyntaxUID: string(w.Syntax), Frames: frames}
	if !w.Syntax.IsEncapsulated() {
		opt.Frames = nil
		v := vr.OW
		if w.im.BitsAllocated == 8 {
			v = vr.OB
		}
		which := tag.PixelData
		for _, o := range []tag.Tag{tag.FloatPixelData, tag.DoubleFloatPixelData} {
			if e, ok := ds.Get(o); ok {
				which, v = o, e.VR
			}
		}
		ds.SetBytes(which, v, native)
	}
	var out bytes.Buffer
	if err := dicom.Write(&out, ds, opt); err != nil {
		t.Fatal(err)
	}
	back, err := dicom.ReadBytes(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return back
}

// check blanks a rectangle of f, writes and reads it again, and compares every pixel of up to three frames. It reports whether f is one that is blanked.
func check(t *testing.T, path string) bool {
	f, err := dicom.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	im, err := pixel.Open(f)
	if err != nil || im.TransferSyntax.IsVideo() || im.Rows*im.Columns > 4<<20 {
		return false
	}
	before, err := im.Frame(0)
	if err != nil {
		return false
	}
	m := mask.New(im.Columns, im.Rows)
	m.Fill(image.Rect(im.Columns/5, im.Rows/5, im.Columns/2, im.Rows/3), mask.Hard)
	m.Fill(image.Rect(im.Columns*3/4, 0, im.Columns, im.Rows), mask.Soft)
	m.Seal()
	w, err := New(im, m)
	if err != nil {
		t.Logf("%s: %v", path, err)
		return false
	}
	n := min(im.Frames, 3)
	for i := range n { // a stream that ends early is held back, and nothing is to be compared
		if _, err := im.Frame(i); err != nil {
			return false
		}
	}
	back := file(t, f, w, n)
	got, err := pixel.Open(back)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	reach := m
	if src, err := im.Encoded(0); err == nil && !im.TransferSyntax.IsBigEndian() {
		if h, err := jpeg.DecodeHeader(src); err == nil && !h.Lossless && !h.Progressive && im.TransferSyntax.IsEncapsulated() {
			if reach, err = jpegblocks.Reach(src, m); err != nil {
				t.Fatal(err)
			}
		}
	}
	size := im.Samples * im.SampleBytes()
	for i := range n {
		if i > 0 {
			before, _ = im.Frame(i)
		}
		after, err := got.Frame(i)
		if err != nil || len(after) != len(before) {
			t.Fatalf("%s: frame %d: %d bytes of %d, %v", path, i, len(after), len(before), err)
		}
		var blank []byte
		for k, v := range m.Pix {
			a, b := after[k*size:(k+1)*size], before[k*size:(k+1)*size]
			if v == mask.Hard {
				if blank == nil {
					blank = bytes.Clone(a)
				}
				if im.Samples == 1 && !bytes.Equal(a, blank) {
					t.Fatalf("%s: frame %d: masked pixels %v and %v", path, i, a, blank)
				}
			}
			if reach.Pix[k] == mask.Keep && !overlayBits(im) && !bytes.Equal(a, b) {
				t.Fatalf("%s: frame %d: pixel %d,%d was %v and is %v", path, i, k%m.W, k/m.W, b, a)
			}
		}
	}
	return true
}

// TestCorpus blanks real images in every transfer syntax there is and finds all other pixels as they were.
func TestCorpus(t *testing.T) {
	syntaxes := map[string]int{}
	for _, dir := range []string{"real", "synthetic"} {
		_ = filepath.WalkDir(testdata.Shared(t, "data", "dicom", dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.Contains(path, "malformed") {
				return nil
			}
			if info, err := d.Info(); err != nil || info.Size() > 700<<10 || testing.Short() && info.Size() > 150<<10 {
				return nil
			}
			if check(t, path) {
				f, err := dicom.Open(path)
				if err == nil {
					syntaxes[string(f.TransferSyntax)]++
					_ = f.Close()
				}
			}
			return nil
		})
	}
	t.Logf("%v", syntaxes)
	if len(syntaxes) < 9 {
		t.Errorf("only %d transfer syntaxes were tested", len(syntaxes))
	}
}
