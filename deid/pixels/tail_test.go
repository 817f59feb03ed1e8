package pixels

import (
	"bytes"
	"context"
	"testing"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/deid/pixels/plant"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/stats"
)

// Bytes after a frame's end are no reason to hold an object back: it is masked, and they are gone.
func TestBytesAfterTheFrames(t *testing.T) {
	g, _, err := plant.Phantom(1, 2, 240)
	if err != nil {
		t.Fatal(err)
	}
	for i, ts := range plant.Syntaxes {
		if !ts.IsEncapsulated() || testing.Short() && i > 2 {
			continue
		}
		o, err := plant.Plant(stats.Seed(3).Stream("tail", i), g, plant.Builtin(), 3, ts)
		if err != nil {
			t.Fatal(err)
		}
		f, err := dicom.ReadBytes(o.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		im, err := pixel.Open(f)
		if err != nil {
			t.Fatal(err)
		}
		var frames [][]byte
		for k := range im.Frames {
			b, err := im.Encoded(k)
			if err != nil {
				t.Fatal(err)
			}
			frames = append(frames, append(bytes.Clone(b), "JOHN DOE AFTER"...))
		}
		f.DataSet.Delete(tag.ExtendedOffsetTable, tag.ExtendedOffsetTableLengths)
		var out bytes.Buffer
		if err := dicom.Write(&out, f.DataSet, dicom.WriteOptions{TransferSyntaxUID: string(ts), Frames: frames}); err != nil {
			t.Fatal(err)
		}
		if f, err = dicom.ReadBytes(out.Bytes()); err != nil {
			t.Fatal(err)
		}
		m, err := New().Mask(context.Background(), deid.MaskInput{File: f, Pixels: deid.PixelPolicy{Clean: true, Unsure: "quarantine", Outside: true}})
		if err != nil || m.Verdict != deid.Blanked {
			t.Errorf("%s: %v, verdict %d: %s", ts.Name(), err, m.Verdict, m.Reason)
			continue
		}
		for k := range m.New.Frames {
			b, err := m.New.Frame(context.Background(), k)
			if err != nil || bytes.Contains(b, []byte("JOHN")) {
				t.Errorf("%s, frame %d: %v", ts.Name(), k, err)
			}
		}
	}
}
