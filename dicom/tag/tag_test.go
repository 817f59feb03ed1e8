package tag

import (
	"sort"
	"testing"

	"github.com/cineloop/cineloop/dicom/vr"
)

func TestLookup(t *testing.T) {
	for _, c := range []struct {
		tag          Tag
		keyword, vm  string
		v            vr.VR
		known, retir bool
	}{
		{PatientName, "PatientName", "1", vr.PN, true, false},
		{PixelData, "PixelData", "1", vr.OB, true, false},
		{0x60023000, "OverlayData", "1", vr.OB, true, false},
		{0x60FF3000, "", "", vr.UN, false, false}, // odd groups repeat nothing
		{0x00080000, "GroupLength", "1", vr.UL, true, true},
		{0x00091234, "", "", vr.UN, false, false},
		{0x00090010, "PrivateCreator", "1", vr.LO, true, false},
		{0x00280106, "SmallestImagePixelValue", "1", vr.US, true, false},
		{0x00020010, "TransferSyntaxUID", "1", vr.UI, true, false},
		{0x0FFF0001, "", "", vr.UN, false, false},
	} {
		in, ok := Lookup(c.tag)
		if ok != c.known || in.Keyword != c.keyword || in.VM != c.vm || in.VR != c.v || in.Retired != c.retir {
			t.Errorf("%v: %+v, %v", c.tag, in, ok)
		}
		if c.tag.VR() != c.v {
			t.Errorf("%v.VR() = %v", c.tag, c.tag.VR())
		}
	}
	if in, _ := Lookup(SmallestImagePixelValue); len(in.Choices) != 2 || in.Choices[1] != vr.SS {
		t.Errorf("choices %v", in.Choices)
	}
}

func TestTables(t *testing.T) {
	if !sort.SliceIsSorted(attributes[:], func(i, j int) bool { return attributes[i].tag < attributes[j].tag }) {
		t.Error("attributes are not in the order of their tags")
	}
	if n := len(attributes) + len(repeating); n < 5200 {
		t.Errorf("%d attributes", n)
	}
	for i := range attributes {
		e := &attributes[i]
		if e.keyword == "" {
			continue
		}
		if got, ok := ByKeyword(e.keyword); !ok || got != e.tag {
			t.Fatalf("ByKeyword(%s) = %v, %v", e.keyword, got, ok)
		}
		if v := e.tag.VR(); !v.Known() {
			t.Errorf("%v: VR %v", e.tag, v)
		}
	}
	if !sort.StringsAreSorted(privateCreators) || len(privates) < 10_000 {
		t.Errorf("%d private attributes of %d creators", len(privates), len(privateCreators))
	}
}

func TestParse(t *testing.T) {
	for _, s := range []string{"PatientID", "0010,0020", "(0010,0020)", "00100020"} {
		if got, err := Parse(s); err != nil || got != PatientID {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	if got, err := Parse("OverlayRows"); err != nil || got != 0x60000010 {
		t.Errorf("OverlayRows: %v, %v", got, err)
	}
	for _, s := range []string{"", "Patient", "10,20", "zzzzzzzz", "0010002"} {
		if got, err := Parse(s); err == nil {
			t.Errorf("%q is %v", s, got)
		}
	}
}

func TestPrivate(t *testing.T) {
	for _, c := range []struct {
		creator string
		tag     Tag
		v       vr.VR
		ok      bool
	}{
		{"SIEMENS CSA HEADER", 0x00291010, vr.OB, true},
		{"SIEMENS CSA HEADER", 0x00295510, vr.OB, true}, // the block is wherever it was reserved
		{"Philips Imaging DD 001", 0x2001105F, vr.SQ, true},
		{"nobody", 0x00291010, vr.UN, false},
		{"SIEMENS CSA HEADER", 0x00290010, vr.UN, false},
		{"SIEMENS CSA HEADER", 0x00281010, vr.UN, false},
	} {
		in, ok := LookupPrivate(c.creator, c.tag)
		if ok != c.ok || in.VR != c.v {
			t.Errorf("%s %v: %+v, %v", c.creator, c.tag, in, ok)
		}
	}
	if Tag(0x00291010).Creator() != 0x00290010 || Tag(0x00290010).Creator() != 0 || PatientName.Creator() != 0 {
		t.Error("Creator")
	}
	if !Tag(0x00290010).IsPrivateCreator() || Tag(0x00290001).IsPrivateCreator() || Tag(0x00291010).IsPrivateCreator() {
		t.Error("IsPrivateCreator")
	}
}
