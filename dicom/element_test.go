package dicom

import (
	"bytes"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

func TestWhatAnElementSaysOfItself(t *testing.T) {
	raw := part10(explicit, el(tag.PatientName, "PN", "Doe^Jane"), le(tag.ConceptNameCodeSequence, "SQ", undefinedLength, ""), le(tag.Item, "", undefinedLength, ""),
		el(tag.CodeValue, "SH", "ab"), le(tag.ItemDelimitationItem, "", 0, ""), le(tag.SequenceDelimitationItem, "", 0, ""), le(tag.PixelData, "OB", 100, "abcd"))
	f := read(t, raw)
	if f.Size() != int64(len(raw)) {
		t.Errorf("size %d", f.Size())
	}
	for _, c := range []struct {
		t                          tag.Tag
		undefined, sequence, short bool
		n                          int64
	}{{tag.PatientName, false, false, false, 8}, {tag.ConceptNameCodeSequence, true, true, false, 26}, {tag.PixelData, false, false, true, 4}} {
		e, ok := f.DataSet.Get(c.t)
		if !ok || e.UndefinedLength() != c.undefined || e.IsSequence() != c.sequence || e.Truncated() != c.short || e.Len() != c.n {
			t.Errorf("%v: undefined %v, sequence %v, truncated %v, %d bytes", c.t, e.UndefinedLength(), e.IsSequence(), e.Truncated(), e.Len())
		}
	}
	e, _ := f.DataSet.Get(tag.PatientName)
	if string(raw[e.Offset():e.Offset()+e.Len()]) != "Doe^Jane" {
		t.Error("the offset is not where the value is")
	}
	f.DataSet.SetString(tag.PatientName, "Roe")
	if e, _ := f.DataSet.Get(tag.PatientName); e.Offset() != -1 || e.Len() != 4 {
		t.Errorf("a set value is at %d with %d bytes", e.Offset(), e.Len())
	}
	if x, ok := f.DataSet.Float(tag.PatientName); ok || x != 0 {
		t.Error("a name is no number")
	}
}

func TestSyntaxes(t *testing.T) {
	for ts, want := range map[TransferSyntax][6]bool{ // implicit, big, deflated, encapsulated, video, known
		uid.ImplicitVRLittleEndian:                         {true, false, false, false, false, true},
		uid.ExplicitVRLittleEndian:                         {false, false, false, false, false, true},
		uid.ExplicitVRBigEndian:                            {false, true, false, false, false, true},
		uid.DeflatedExplicitVRLittleEndian:                 {false, false, true, false, false, true},
		uid.EncapsulatedUncompressedExplicitVRLittleEndian: {false, false, false, true, false, true},
		uid.RLELossless:                                    {false, false, false, true, false, true},
		uid.JPEGBaseline8Bit:                               {false, false, false, true, false, true},
		uid.HTJ2KLossless:                                  {false, false, false, true, false, true},
		uid.MPEG2MPML:                                      {false, false, false, true, true, true},
		uid.HEVCMP51:                                       {false, false, false, true, true, true},
		uid.JPEGXLLossless:                                 {false, false, false, true, false, true},
		uid.DeflatedImageFrameCompression:                  {false, false, false, true, false, true},
		uid.JPIPReferencedDeflate:                          {false, false, true, false, false, true},
		implicitGE:                                         {true, false, false, false, false, true},
		"1.2.3.4":                                          {false, false, false, false, false, false},
		uid.Verification:                                   {false, false, false, false, false, false},
	} {
		if got := [6]bool{ts.IsImplicit(), ts.IsBigEndian(), ts.IsDeflated(), ts.IsEncapsulated(), ts.IsVideo(), ts.Known()}; got != want {
			t.Errorf("%s: %v, want %v", ts.Name(), got, want)
		}
	}
}

// Private elements take their VR from the private dictionary, wherever their block is; a private SQ that is none stays bytes.
func TestPrivateBlocks(t *testing.T) {
	creator := el(tag.New(0x0019, 0x0023), "LO", "GEMS_ACQU_01")
	f := read(t, part10(implicit, le(tag.New(0x0019, 0x0023), "", 12, "GEMS_ACQU_01"), le(tag.New(0x0019, 0x2302), "", 2, "7 "), le(tag.New(0x0019, 0x2402), "", 2, "7 ")))
	e, ok := f.DataSet.GetPrivate(0x0019, "GEMS_ACQU_01", 0x02)
	if !ok || e.VR != vr.SL && e.VR != vr.IS {
		t.Errorf("%v, %v", e, ok)
	}
	if e, _ := f.DataSet.Get(tag.New(0x0019, 0x2402)); e.VR != vr.UN {
		t.Errorf("a block without a creator has VR %v", e.VR)
	}
	f = read(t, part10(explicit, creator, el(tag.New(0x0019, 0x2302), "IS", "12")))
	if n, ok := f.DataSet.Int(tag.New(0x0019, 0x2302)); !ok || n != 12 {
		t.Errorf("%d", n)
	}
	// A value set without a VR takes the dictionary's of its block.
	ds := minimal()
	ds.SetText(tag.New(0x0019, 0x10), vr.LO, "GEMS_ACQU_01")
	ds.SetInts(tag.New(0x0019, 0x1002), 5)
	if ds.Err() != nil {
		t.Error(ds.Err())
	}
}

// Sequences of undefined length stay so when an item in them is changed; those of given length get the right one.
func TestEditsInsideSequences(t *testing.T) {
	open, end, stop := le(tag.Item, "", undefinedLength, ""), le(tag.ItemDelimitationItem, "", 0, ""), le(tag.SequenceDelimitationItem, "", 0, "")
	item := func(undefined bool) []byte {
		body := el(tag.CodeValue, "SH", "ab")
		if undefined {
			return slices.Concat(open, body, end)
		}
		return append(le(tag.Item, "", int64(len(body)), ""), body...)
	}
	for _, c := range []struct{ seq, items bool }{{true, true}, {true, false}, {false, true}, {false, false}} {
		body := slices.Concat(item(c.items), item(c.items))
		seq := el(tag.ConceptNameCodeSequence, "SQ", string(body))
		if c.seq {
			seq = slices.Concat(le(tag.ConceptNameCodeSequence, "SQ", undefinedLength, ""), body, stop)
		}
		for _, ts := range []TransferSyntax{explicit, implicit, uid.ExplicitVRBigEndian} {
			f := read(t, part10(explicit, el(tag.PatientID, "LO", "42"), seq))
			f.Meta.SetString(tag.MediaStorageSOPClassUID, "1.2")
			f.DataSet.Sequence(tag.ConceptNameCodeSequence)[1].SetString(tag.CodeValue, "longer")
			var b bytes.Buffer
			if err := f.WriteAs(&b, ts); err != nil {
				t.Fatal(err)
			}
			g := read(t, b.Bytes())
			e, _ := g.DataSet.Get(tag.ConceptNameCodeSequence)
			if len(g.Warnings) > 0 || len(e.Items()) != 2 || e.Items()[0].String(tag.CodeValue) != "ab" || e.Items()[1].String(tag.CodeValue) != "longer" ||
				e.UndefinedLength() != c.seq || g.DataSet.String(tag.PatientID) != "42" {
				t.Errorf("%+v to %s: %v, %d items", c, ts, g.Warnings, len(e.Items()))
			}
		}
	}
}

func TestWriteAsRefuses(t *testing.T) {
	cut := read(t, part10(explicit, el(tag.PatientName, "PN", "Doe^Jane"), le(tag.PatientID, "LO", 10, "ab")))
	ge := read(t, part10(string(implicitGE), le(tag.PatientName, "", 8, "Doe^Jane")))
	if err := cut.WriteAs(&bytes.Buffer{}, implicit); fault.CodeOf(err) != fault.Input {
		t.Errorf("a file that was cut: %v", err)
	}
	if err := ge.WriteAs(&bytes.Buffer{}, explicit); fault.CodeOf(err) != fault.Input {
		t.Errorf("GE's syntax: %v", err)
	}
	bare := read(t, slices.Concat(el(tag.SOPClassUID, "UI", "1.2\x00"), el(tag.SOPInstanceUID, "UI", "1.2.3\x00"), el(tag.PatientID, "LO", "42")))
	bare.DataSet.SetString(tag.PatientID, "43")
	var b bytes.Buffer
	if err := bare.Write(&b); err != nil {
		t.Fatal(err)
	}
	if f := read(t, b.Bytes()); f.Meta.String(tag.MediaStorageSOPInstanceUID) != "1.2.3" || f.DataSet.String(tag.PatientID) != "43" {
		t.Error("a changed bare data set becomes a file")
	}
}
