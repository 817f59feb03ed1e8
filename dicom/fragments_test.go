package dicom

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

// encapsulated is a file of frames in fragments as given, with a basic or an extended offset table of their beginnings.
func encapsulated(frames [][]string, extended bool, change func([]int64)) []byte {
	var body []byte
	var offsets []int64
	for _, frame := range frames {
		offsets = append(offsets, int64(len(body)))
		for _, frag := range frame {
			body = append(body, le(tag.Item, "", int64(len(frag)), frag)...)
		}
	}
	if change != nil {
		change(offsets)
	}
	var basic, wide []byte
	for _, o := range offsets {
		basic = binary.LittleEndian.AppendUint32(basic, uint32(o))
		wide = binary.LittleEndian.AppendUint64(wide, uint64(o))
	}
	parts := [][]byte{el(tag.SOPClassUID, "UI", "1.2\x00"), el(tag.SOPInstanceUID, "UI", "1.2.3\x00"), el(tag.NumberOfFrames, "IS", fmt.Sprintf("%-2d", len(frames)))}
	if extended {
		head := append([]byte{0xE0, 0x7F, 0x01, 0x00, 'O', 'V', 0, 0}, binary.LittleEndian.AppendUint32(nil, uint32(len(wide)))...)
		parts = append(parts, append(head, wide...))
		basic = nil
	}
	parts = append(parts, le(tag.PixelData, "OB", undefinedLength, ""), le(tag.Item, "", int64(len(basic)), string(basic)), body, le(tag.SequenceDelimitationItem, "", 0, ""),
		el(tag.DataSetTrailingPadding, "OB", "ab"))
	return part10(uid.JPEGBaseline8Bit, parts...)
}

// With trust in the table each frame is read whole, whether it is one fragment or several, and the file around the pixel data is the same.
func TestTrustOffsets(t *testing.T) {
	frames := [][]string{{"aaaa"}, {"bb", "cc", "dd"}, {"eeeeee"}, {"ff", "gg"}}
	want := []string{"aaaa", "bbccdd", "eeeeee", "ffgg"}
	for _, extended := range []bool{false, true} {
		raw := encapsulated(frames, extended, nil)
		f := read(t, raw, TrustOffsets())
		e, _ := f.DataSet.Get(tag.PixelData)
		fr := e.Fragments()
		if fr.Len() != 5 || fr.loose != 3 || !f.DataSet.Has(tag.DataSetTrailingPadding) || len(f.Warnings) > 0 || f.Incomplete != nil {
			t.Fatalf("%d fragments, %d of them frames, %v %v", fr.Len(), fr.loose, f.Warnings, f.Incomplete)
		}
		for i, w := range want {
			to := i + 1
			if i == 3 {
				to = fr.Len()
			}
			if b, err := fr.Join(i, to); err != nil || string(b) != w {
				t.Errorf("frame %d: %q, %v", i, b, err)
			}
		}
		pixels := raw[e.Offset() : e.Offset()+e.Len()]
		// Written as it was, and after a change, and with the pixel data encoded anew.
		var same, changed bytes.Buffer
		if err := f.Write(&same); err != nil || !bytes.Equal(same.Bytes(), raw) {
			t.Errorf("not written back: %v", err)
		}
		f.DataSet.SetString(tag.PatientID, "42")
		if err := f.Write(&changed); err != nil || !bytes.Contains(changed.Bytes(), pixels) {
			t.Errorf("the pixel data changed: %v", err)
		}
		var again bytes.Buffer
		enc := &encoder{w: &again}
		enc.fragments(fr)
		if enc.err != nil || !bytes.Equal(again.Bytes(), pixels) {
			t.Errorf("% x", again.Bytes())
		}
	}
	// A file of many frames: only the table and the last frame are looked at.
	many := make([][]string, 300)
	for i := range many {
		many[i] = []string{string(bytes.Repeat([]byte{byte(i)}, 20_000))}
	}
	raw := encapsulated(many, false, nil)
	src := &countingReader{r: bytes.NewReader(raw)}
	f, err := Read(src, int64(len(raw)), TrustOffsets())
	if err != nil || src.n > 200_000 {
		t.Fatalf("opening read %d bytes of %d, %v", src.n, len(raw), err)
	}
	e, _ := f.DataSet.Get(tag.PixelData)
	if b, err := e.Fragments().Read(211); err != nil || string(b) != many[211][0] {
		t.Errorf("frame 211: %v", err)
	}
}

// Tables that can't be right are not trusted; one that may be, and is not, is an error of the frame.
func TestTrustHasLimits(t *testing.T) {
	frames := [][]string{{"aaaa"}, {"bbbb"}, {"cccc"}}
	for name, c := range map[string]struct {
		change func([]int64)
		loose  int
	}{
		"right": {nil, 2}, "not in order": {func(o []int64) { o[1], o[2] = o[2], o[1] }, 0}, "past the end": {func(o []int64) { o[2] = 1 << 30 }, 0},
		"the last one between items": {func(o []int64) { o[2]++ }, 0}, "does not begin with 0": {func(o []int64) { o[0] = 4 }, 0}, "too near": {func(o []int64) { o[1] = 2 }, 0},
	} {
		f := read(t, encapsulated(frames, false, c.change), TrustOffsets())
		e, _ := f.DataSet.Get(tag.PixelData)
		if e.Fragments().loose != c.loose || e.Fragments().Len() != 3 {
			t.Errorf("%s: %d fragments, %d trusted", name, e.Fragments().Len(), e.Fragments().loose)
		}
		if b, err := e.Fragments().Read(1); err != nil || string(b) != "bbbb" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	f := read(t, encapsulated(frames, false, func(o []int64) { o[1] += 2 }), TrustOffsets())
	e, _ := f.DataSet.Get(tag.PixelData)
	if _, err := e.Fragments().Read(1); fault.CodeOf(err) != fault.Input {
		t.Errorf("a frame that is not where the table says: %v", err)
	}
	if f := read(t, encapsulated([][]string{{"aa"}}, false, nil), TrustOffsets()); f.Incomplete != nil {
		t.Error(f.Incomplete)
	}
}
