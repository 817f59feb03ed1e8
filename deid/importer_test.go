package deid

import (
	"testing"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

func TestImportOfACTPScript(t *testing.T) {
	in, err := ImportRules("ctp", []byte(`<script>
<p t="UIDROOT">1.2.3</p>
<e en="T" t="00081030" n="StudyDescription">@keep()</e>
<e en="T" t="00100010" n="PatientName">@empty()</e>
<e en="T" t="00100020" n="PatientID">@hashptid(@SITEID,PatientID)</e>
<e en="T" t="00080020" n="StudyDate">@incrementdate(this,@DATEINC)</e>
<e en="T" t="00120030" n="Site">SITE-7</e>
<e en="T" t="00181000" n="Serial">@if(this,isblank){@remove()}{@empty()}</e>
<e en="F" t="00080080" n="InstitutionName">@keep()</e>
<k en="T" t="0018">Keep group 18</k>
<r en="T" t="unspecifiedelements">Remove</r>
</script>`))
	if err != nil {
		t.Fatal(err)
	}
	pr, err := in.Policy.Compile()
	if err != nil {
		t.Fatal(err)
	}
	for tg, want := range map[tag.Tag]Action{tag.StudyDescription: Clean, tag.PatientName: Empty, tag.PatientID: Code, tag.StudyDate: Clean, 0x00120030: Set,
		tag.DeviceSerialNumber: Code, tag.InstitutionName: Dummy, tag.Laterality: Remove, tag.Rows: Keep, tag.PatientBirthDate: Empty} {
		if got := pr.Rule(tg, tg.VR()); got.Action != want {
			t.Errorf("%s: %v (%s), want %v", tg.Keyword(), got.Action, got.Why, want)
		}
	}
	if len(in.Left) != 2 {
		t.Errorf("%q", in.Left)
	}
}

func TestImportOfGoogleLists(t *testing.T) {
	in, err := ImportRules("g", []byte(`{"dicom": {"keepList": {"tags": ["PatientID", "00080060", "StudyInstanceUID", "NoSuchTag"]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	pr, err := in.Policy.Compile()
	if err != nil {
		t.Fatal(err)
	}
	for tg, want := range map[tag.Tag]Action{tag.PatientID: Code, tag.Modality: Clean, tag.StudyInstanceUID: MapUID, tag.KVP: Remove} {
		if got := pr.Rule(tg, tg.VR()); got.Action != want {
			t.Errorf("%s: %v, want %v", tg.Keyword(), got.Action, want)
		}
	}
	if len(in.Left) != 1 {
		t.Errorf("%q", in.Left)
	}
	removed, err := ImportRules("r", []byte(`{"removeList": {"tags": ["KVP"]}}`))
	if err != nil {
		t.Fatal(err)
	}
	pr, _ = removed.Policy.Compile()
	if got := pr.Rule(tag.KVP, tag.KVP.VR()); got.Action != Remove {
		t.Errorf("%v", got)
	}
	for _, bad := range []string{"", "x", "{", "<script>", "{}"} {
		if _, err := ImportRules("x", []byte(bad)); fault.CodeOf(err) != fault.Input {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
