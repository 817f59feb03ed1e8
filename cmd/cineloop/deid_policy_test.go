package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

// What is said of an attribute: the action and the row, as Table E.1-1 of 2026c and E.3.10-1 have them.
func TestExplainAttributes(t *testing.T) {
	const table = "PS3.15 Table E.1-1 (2026c): "
	for _, c := range []struct{ policy, what, want string }{
		{"basic", "PatientName", "(0010,0010) PatientName PN\npseudonym: " + table + "Z by Basic Profile"},
		{"basic", "0010,0020", "(0010,0020) PatientID LO\npseudonym: " + table + "Z/D by Basic Profile"},
		{"basic", "PatientBirthDate", "(0010,0030) PatientBirthDate DA\nempty: " + table + "Z by Basic Profile\n"},
		{"basic", "StudyInstanceUID", "(0020,000D) StudyInstanceUID UI\nmap: " + table + "U by Basic Profile\n"},
		{"basic+retain-uids", "StudyInstanceUID", "(0020,000D) StudyInstanceUID UI\nkeep: " + table + "K by retain_uids\n"},
		{"basic", "StudyDate", "empty: " + table + "Z by Basic Profile\n"},
		{"research", "StudyDate", "clean: " + table + "C by retain_modified_dates\n"},
		{"basic", "6000,3000", "(6000,3000) OverlayData OB\nremove: " + table + "X by Basic Profile\n"},
		{"research", "Rows", "(0028,0010) Rows US\nkeep: not in Table E.1-1"},
		{"research", "SIEMENS MR HEADER,0019,0C", "keep: PS3.15 Table E.3.10-1 (B Value)\n"},
		{"basic", "SIEMENS MR HEADER,0019,0C", "remove: "},
		{"research", "ACME 1,0019,0C", "remove: private, and in no list of safe elements\n"},
	} {
		var out bytes.Buffer
		if err := runDeidExplain(c.policy, "", c.what, ioStreams{Out: &out}); err != nil {
			t.Errorf("%s: %v", c.what, err)
		} else if !strings.Contains(out.String(), c.want) {
			t.Errorf("%s by %s: %q, want %q", c.what, c.policy, &out, c.want)
		}
	}
	for _, what := range []string{"PatientNmae", "60xx", "", "no/such/file.dcm"} {
		if err := runDeidExplain("basic", "", what, ioStreams{Out: &bytes.Buffer{}}); fault.CodeOf(err) != fault.NotFound {
			t.Errorf("%q: %v", what, err)
		}
	}
	if err := runDeidExplain("nosuch", "", "PatientName", ioStreams{Out: &bytes.Buffer{}}); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("no such policy: %v", err)
	}
}

// Of a file every element is listed, those in items with their path, and no value.
func TestExplainAFile(t *testing.T) {
	item := dicom.NewDataSet()
	item.SetText(tag.ReferencedSOPInstanceUID, vr.UI, "1.2.826.0.1.3680043.9.77")
	item.SetText(tag.PatientName, vr.PN, "Doe^Inside")
	ds := dicom.NewDataSet()
	for e, s := range map[tag.Tag]string{tag.SOPClassUID: uid.CTImageStorage, tag.SOPInstanceUID: "1.2.826.0.1.3680043.9.1", tag.PatientName: "Doe^Jane", tag.PatientID: "4711", tag.StudyDate: "20200310", tag.Modality: "CT"} {
		ds.SetText(e, e.VR(), s)
	}
	ds.SetSequence(tag.ReferencedImageSequence, item)
	path := filepath.Join(t.TempDir(), "a.dcm")
	if err := dicom.WriteFile(path, ds, dicom.WriteOptions{TransferSyntaxUID: uid.ExplicitVRLittleEndian}); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := runDeidExplain("basic", "", path, ioStreams{Out: &out}); err != nil {
		t.Fatal(err)
	}
	actions := map[string]string{}
	for line := range strings.Lines(out.String()) {
		f := strings.Fields(line)
		actions[f[0]] = f[3]
	}
	for where, want := range map[string]string{"(0008,0016)": "keep", "(0008,0018)": "map", "(0008,0020)": "empty", "(0010,0010)": "pseudonym", "(0010,0020)": "pseudonym"} {
		if actions[where] != want {
			t.Errorf("%s: %q, want %q", where, actions[where], want)
		}
	}
	inside := strings.Count(out.String(), "(0008,1140)[1] > (")
	if inside != 2 {
		t.Errorf("%d elements of the item are listed:\n%s", inside, &out)
	}
	for _, no := range []string{"Doe", "4711", "20200310", "3680043"} {
		if strings.Contains(out.String(), no) {
			t.Errorf("it prints the value %s", no)
		}
	}
}
