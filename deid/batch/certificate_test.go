package batch

import (
	"context"
	"encoding/json"
	"html"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom/uid"
)

// What the person who answers for a run reads: the same numbers as the manifest, the codes of what was applied, what was not, and the policy.
func TestCertificate(t *testing.T) {
	in := filepath.Join(t.TempDir(), "in")
	for i, p := range []string{"P1", "P1", "P2", "P3"} { // one study date, one sex: three patients in one month at most, or fewer where days cross a month
		put(t, filepath.Join(in, p+string(rune('a'+i))), ct(p, "10"+string(rune('1'+i))), uid.ExplicitVRLittleEndian)
	}
	out := filepath.Join(t.TempDir(), "out")
	pr := profile(t, "basic")
	s, err := Run(context.Background(), Options{In: in, Out: out, Profile: pr, Key: testKey, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	files := contents(t, out)
	var c Certificate
	if err := json.Unmarshal([]byte(files[CertificateJSON]), &c); err != nil {
		t.Fatal(err)
	}
	if c.Policy != "basic" || c.PolicySHA != pr.Digest || c.Summary.Key != testKey.ID || !strings.Contains(c.Standard, "PS3.15") {
		t.Errorf("%+v", c)
	}
	if c.Summary.Found != 4 || c.Summary.Written != 4 || c.Summary.Quarantined+c.Summary.Skipped+c.Summary.Dropped != 0 || c.Summary.SmallestK != s.SmallestK {
		t.Errorf("%+v, the run says %+v", c.Summary, s)
	}
	var sig Signature
	if err := json.Unmarshal([]byte(files[SignatureFile]), &sig); err != nil {
		t.Fatal(err)
	}
	if c.Manifest != sig || c.Summary.Chain != sig.Chain || sig.Lines != 4 {
		t.Errorf("%+v beside %+v", c.Manifest, sig)
	}
	if !slices.ContainsFunc(c.Methods, func(m Method) bool {
		return m.Code == "113100" && m.Meaning == "Basic Application Confidentiality Profile"
	}) {
		t.Errorf("%+v", c.Methods)
	}
	if slices.ContainsFunc(c.Methods, func(m Method) bool { return m.Code == "113102" }) || !strings.Contains(strings.Join(c.NotDone, " "), "113102") {
		t.Error("faces: applied, or not said to be left")
	}
	// The Basic Profile empties dates and sexes: all three patients are one group.
	if want := (Anonymity{Smallest: 3, Groups: []Group{{Patients: 3}}}); c.Anonymity.Smallest != want.Smallest || c.Anonymity.Alone != 0 || !slices.Equal(c.Anonymity.Groups, want.Groups) {
		t.Errorf("%+v", c.Anonymity)
	}
	yaml, err := pr.Policy.YAML()
	if err != nil || c.YAML != string(yaml) {
		t.Errorf("another policy stands in it: %v", err)
	}
	page := html.UnescapeString(files[CertificateHTML])
	for _, want := range []string{pr.Digest, testKey.ID, sig.Chain, sig.Signature, sig.PublicKey, "113100 Basic Application Confidentiality Profile", string(yaml), "The smallest has 3 patients; 0 groups have one",
		`written, read again and searched</th><td class="n">4<`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %.60q", want)
		}
	}
	for _, no := range []string{"Roe", "19601231", "1.2.826.0.1.3680043.8.1", in} {
		if strings.Contains(files[CertificateJSON]+page, no) {
			t.Errorf("it names %q", no)
		}
	}
}

// What stands in a reason or a station's name does not become the page's HTML.
func TestCertificateEscapes(t *testing.T) {
	out := t.TempDir()
	opt := Options{Out: out, Profile: profile(t, "basic"), Key: testKey}
	s := Summary{Reasons: map[string]int{"<script>alert(1)</script>": 2}}
	k := Anonymity{Smallest: 1, Alone: 1, Groups: []Group{{Site: "<b>CT & MR</b>", Patients: 1}}}
	if err := writeCertificate(opt, s, Signature{}, k); err != nil {
		t.Fatal(err)
	}
	page := contents(t, out)[CertificateHTML]
	if strings.Contains(page, "<script>") || strings.Contains(page, "<b>CT") || !strings.Contains(page, "&lt;b&gt;CT &amp; MR&lt;/b&gt;") {
		t.Error("HTML from outside")
	}
}

// Nine rows by hand. A patient is counted once a group however many objects; months are of the study date, an unknown date is a month of its own; groups come smallest first, then by name.
func TestAnonymityByHand(t *testing.T) {
	row := func(patient, site, sex, age, date string) *Row {
		return &Row{Patient: patient, Site: site, Sex: sex, AgeBand: age, StudyDate: date}
	}
	a := anonymity([]*Row{
		row("1", "CT1", "F", "40-49", "20200131"), row("1", "CT1", "F", "40-49", "20200101"), row("2", "CT1", "F", "40-49", "20200115"), row("3", "CT1", "F", "40-49", "20200120"),
		row("1", "CT1", "F", "40-49", "20200201"),                                // the same patient in another month: a group of one
		row("4", "CT1", "M", "40-49", ""), row("5", "CT1", "M", "40-49", "2020"), // no month
		row("6", "CT2", "F", "40-49", "20200131"), // another station
		row("7", "CT1", "F", "50-59", "20200131"),
	})
	want := []Group{{"CT1", "F", "40-49", "202002", 1}, {"CT1", "F", "50-59", "202001", 1}, {"CT2", "F", "40-49", "202001", 1}, {"CT1", "M", "40-49", "", 2}, {"CT1", "F", "40-49", "202001", 3}}
	if a.Smallest != 1 || a.Alone != 3 || !slices.Equal(a.Groups, want) {
		t.Errorf("%+v, want %+v", a, want)
	}
}
