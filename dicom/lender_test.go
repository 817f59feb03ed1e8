package dicom

import (
	"bytes"
	"testing"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
)

// lending has the first bytes in memory and counts what is read of the others.
type lending struct {
	*bytes.Reader
	front []byte
	read  int
}

func (l *lending) ReadAt(p []byte, off int64) (int, error) {
	n, err := l.Reader.ReadAt(p, off)
	l.read += n
	return n, err
}

func (l *lending) Lend(off, n int64) []byte {
	if off >= int64(len(l.front)) {
		return nil
	}
	return l.front[off:min(off+n, int64(len(l.front)))]
}

// A file reads the same wherever what is lent ends: between elements, inside headers and values.
func TestLender(t *testing.T) {
	ds := NewDataSet()
	ds.SetString(tag.SOPClassUID, "1.2.840.10008.5.1.4.1.1.7")
	ds.SetString(tag.SOPInstanceUID, "2.25.1")
	ds.SetString(tag.PatientName, "Roe^Jane")
	item := NewDataSet()
	item.SetString(tag.CodeMeaning, "Left")
	ds.SetSequence(tag.ViewCodeSequence, item, NewDataSet())
	ds.SetBytes(tag.ICCProfile, vr.OB, bytes.Repeat([]byte("ab"), 3000)) // longer than what is kept from a window
	ds.SetBytes(tag.PixelData, vr.OW, bytes.Repeat([]byte("pixels"), 1000))
	var file bytes.Buffer
	if err := Write(&file, ds, WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	b := file.Bytes()
	cuts := []int{0, 1, 100, 131, 132, 133, len(b) - 6001, len(b) - 6000, len(b) - 1, len(b)}
	for i := 132; i < len(b)-12100; i++ {
		cuts = append(cuts, i)
	}
	for _, cut := range cuts {
		l := &lending{Reader: bytes.NewReader(b), front: b[:cut]}
		f, err := Read(l, int64(len(b)), Strict())
		if err != nil {
			t.Fatalf("front of %d: %v", cut, err)
		}
		if cut == len(b) && l.read != 0 {
			t.Errorf("%d bytes were read although all are in memory", l.read)
		}
		if f.DataSet.Len() != ds.Len() || len(f.Warnings) > 0 {
			t.Fatalf("front of %d: %d elements, %v", cut, f.DataSet.Len(), f.Warnings)
		}
		for e := range ds.All() {
			got, ok := f.DataSet.Get(e.Tag)
			if !ok || len(got.Items()) != len(e.Items()) {
				t.Fatalf("front of %d: %v is another", cut, e.Tag)
			}
			if e.IsSequence() {
				if s := got.Items()[0].String(tag.CodeMeaning); s != "Left" {
					t.Fatalf("front of %d: %q in the item", cut, s)
				}
				continue
			}
			have, err := got.Bytes()
			want, _ := e.Bytes()
			if err != nil || !bytes.Equal(have, want) {
				t.Fatalf("front of %d: %v is %q, %v", cut, e.Tag, have[:min(20, len(have))], err)
			}
		}
	}
	if !bytes.Equal(b, file.Bytes()) {
		t.Error("what was lent was changed")
	}
}
