package pixel

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
)

// TestDigestByHand: what is hashed is worked out here, byte for byte.
func TestDigestByHand(t *testing.T) {
	for _, c := range []struct {
		name  string
		s     shape
		ts    string
		value []byte
		want  []byte // what is hashed
		part  bool   // a partial digest
	}{
		{"bytes, without the pad", shape{rows: 1, columns: 3, allocated: 8}, "", []byte{1, 2, 3, 0}, []byte{1, 2, 3}, false},
		{"words", shape{rows: 1, columns: 2, allocated: 16}, "", []byte{1, 2, 3, 4}, []byte{1, 2, 3, 4}, false},
		{"words in big endian", shape{rows: 1, columns: 2, allocated: 16}, uid.ExplicitVRBigEndian, []byte{1, 2, 3, 4}, []byte{1, 2, 3, 4}, false},
		{"deflated", shape{rows: 1, columns: 2, allocated: 16}, uid.DeflatedExplicitVRLittleEndian, []byte{1, 2, 3, 4}, []byte{1, 2, 3, 4}, false},
		{"planes become pixels", shape{rows: 1, columns: 2, samples: 3, allocated: 8, planar: true, photometric: "RGB"}, "", []byte{1, 2, 3, 4, 5, 6}, []byte{1, 3, 5, 2, 4, 6}, false},
		{"shared chroma stays shared", shape{rows: 1, columns: 2, samples: 3, allocated: 8, photometric: "YBR_FULL_422"}, "", []byte{10, 20, 128, 129}, []byte{10, 20, 128, 129}, false},
		{"single bits of two frames", shape{frames: 2, rows: 1, columns: 5, allocated: 1}, "", []byte{0b10100001, 0b11}, []byte{0b10100001, 0b11}, false},
		{"too short", shape{rows: 2, columns: 2, allocated: 8}, "", []byte{1, 2}, []byte{1, 2}, true},
		{"more than described", shape{rows: 1, columns: 2, allocated: 8}, "", []byte{1, 2, 3, 4}, []byte{1, 2}, false},
	} {
		ds := c.s.dataSet()
		ds.SetBytes(tag.PixelData, vr.OW, c.value)
		im := makeImage(t, ds, c.ts, nil)
		sum := sha256.Sum256(c.want)
		got, partial, err := Digest(im.file)
		if got != hex.EncodeToString(sum[:]) || err != nil || (partial != nil) != c.part {
			t.Errorf("%s: %s, %v, %v", c.name, got, partial, err)
		}
	}
	// The same single bits in frames of their own: each begins at a byte there, and in the digest they follow each other.
	ds := shape{frames: 2, rows: 1, columns: 5, allocated: 1}.dataSet()
	ds.SetBytes(tag.PixelData, vr.OB, []byte{0b10100001, 0b11})
	im := makeImage(t, ds, "", nil)
	want, _, err := Digest(im.file)
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []dicom.TransferSyntax{uid.RLELossless, uid.EncapsulatedUncompressedExplicitVRLittleEndian, uid.DeflatedImageFrameCompression} {
		g, raw, err := transcode(t, im.file, to)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := Digest(g); got != want || err != nil {
			t.Errorf("single bits in %s: %s, %v", to.Name(), got, err)
		}
		if to == uid.EncapsulatedUncompressedExplicitVRLittleEndian && !bytes.Contains(raw, []byte{0xFE, 0xFF, 0x00, 0xE0, 2, 0, 0, 0, 0b00001, 0}) {
			t.Error("the first frame is not five bits in a byte of its own")
		}
		back, _, err := transcode(t, g, uid.ExplicitVRLittleEndian)
		if err != nil {
			t.Fatal(err)
		}
		if b := back.DataSet.Bytes(tag.PixelData); !bytes.Equal(b, []byte{0b10100001, 0b11}) {
			t.Errorf("back from %s: %b", to.Name(), b)
		}
	}
	// Rows or bits that are not said: the bytes are digested, and that is said.
	ds = shape{rows: 1, columns: 2, allocated: 8}.dataSet()
	ds.Delete(tag.Rows)
	ds.SetBytes(tag.PixelData, vr.OB, []byte{7, 8})
	var b bytes.Buffer
	if err := dicom.Write(&b, ds, dicom.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	f, err := dicom.ReadBytes(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte{7, 8})
	if got, partial, err := Digest(f); got != hex.EncodeToString(sum[:]) || partial == nil || err != nil {
		t.Errorf("without rows: %s, %v, %v", got, partial, err)
	}
}

func TestBitPacker(t *testing.T) {
	var p bitPacker
	var got []byte
	for _, part := range [][]byte{{1, 0, 1}, {}, {1, 1, 1, 1, 0, 1, 1}, {0}} {
		got = append(got, p.pack(part)...)
	}
	got = append(got, p.rest()...)
	if want := []byte{0b01111101, 0b011}; !bytes.Equal(got, want) {
		t.Errorf("%b, want %b", got, want)
	}
	if b := (&bitPacker{}).rest(); b != nil {
		t.Errorf("nothing is %v", b)
	}
}

// TestLocateByTables: an extended offset table with lengths, an empty basic one with one fragment a frame, and tables that lie.
func TestLocateByTables(t *testing.T) {
	s := shape{frames: 2, rows: 1, columns: 2, allocated: 8}
	frames := [][]byte{{1, 2}, {3, 4}}
	ds := s.dataSet()
	var b bytes.Buffer
	if err := dicom.Write(&b, ds, dicom.WriteOptions{TransferSyntaxUID: uid.EncapsulatedUncompressedExplicitVRLittleEndian, Frames: frames}); err != nil {
		t.Fatal(err)
	}
	table := []byte{0xFE, 0xFF, 0x00, 0xE0, 8, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0}
	if bytes.Count(b.Bytes(), table) != 1 {
		t.Fatal("no basic offset table of 0 and 10")
	}
	for name, c := range map[string]struct {
		table []byte
		warns bool
	}{
		"as written":      {table, false},
		"empty":           {[]byte{0xFE, 0xFF, 0x00, 0xE0, 0, 0, 0, 0}, false},
		"backwards":       {[]byte{0xFE, 0xFF, 0x00, 0xE0, 8, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0}, true},
		"between":         {[]byte{0xFE, 0xFF, 0x00, 0xE0, 8, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0}, true},
		"of one entry":    {[]byte{0xFE, 0xFF, 0x00, 0xE0, 4, 0, 0, 0, 0, 0, 0, 0}, true},
		"all at one":      {[]byte{0xFE, 0xFF, 0x00, 0xE0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, true},
		"far outside":     {[]byte{0xFE, 0xFF, 0x00, 0xE0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xF0}, true},
		"not from 0":      {[]byte{0xFE, 0xFF, 0x00, 0xE0, 8, 0, 0, 0, 10, 0, 0, 0, 20, 0, 0, 0}, true},
		"three of seven/": {[]byte{0xFE, 0xFF, 0x00, 0xE0, 7, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0}, true},
	} {
		f, err := dicom.ReadBytes(bytes.Replace(b.Bytes(), table, c.table, 1))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		im, err := Open(f)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if (len(im.Warnings) > 0) != c.warns {
			t.Errorf("%s: %v", name, im.Warnings)
		}
		n := 0
		err = im.EachFrame(context.Background(), func(i int, got []byte) error {
			if !bytes.Equal(got, frames[i]) {
				t.Errorf("%s: frame %d is %v", name, i, got)
			}
			n++
			return nil
		})
		if err != nil || n != 2 {
			t.Errorf("%s: %d frames, %v", name, n, err)
		}
	}
}
