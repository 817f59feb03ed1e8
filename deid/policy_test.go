package deid

import (
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

func TestPolicyRoundTrip(t *testing.T) {
	for _, name := range Presets() {
		p, _ := Preset(name)
		text, err := p.YAML()
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParsePolicy("p.yaml", text)
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		if back.Digest() != p.Digest() {
			t.Errorf("%s: the digest changed on the way", name)
		}
	}
	a, _ := Preset("research")
	b, _ := Preset("basic")
	if a.Digest() == b.Digest() {
		t.Error("two policies with one digest")
	}
}

func TestPolicyFaults(t *testing.T) {
	const head = "version: 1\nname: x\n"
	for doc, want := range map[string]string{
		"":                               "needs a name",
		"name: x\n":                      "version 1",
		head + "option: []\n":            `did you mean "options"?`,
		head + "options: [retain_uid]\n": `did you mean "retain_uids"?`,
		head + "unlisted: all\n":         "unlisted: want clean or remove or keep",
		head + "dates: {min_days: 0}\n":  "min_days",
		head + "dates: {min_days: 5, max_days: 9}\n":                                       "can be guessed",
		head + "options: [retain_full_dates, retain_modified_dates]\n":                     "exclude each other",
		head + "attributes: [{tag: PatientNam, action: keep}]\n":                           "neither a keyword nor a tag",
		head + "attributes: [{tag: PatientName, action: keep, value: x}]\n":                "a value belongs to the action replace",
		head + "private: [{creator: X, group: \"0018\", element: \"01\", action: keep}]\n": "odd group",
		head + "private: [{group: \"0019\", element: \"01\", action: keep}]\n":             "known by its creator",
		head + "documents: pass\n":                                                         "documents: want quarantine or drop",
		head + "pixels: {devices: [{action: mask, rectangles: [[1, 2, 3]]}]}\n":            "x0, y0, x1, y1",
	} {
		_, err := ParsePolicy("p.yaml", []byte(doc))
		if err == nil || !strings.Contains(err.Error(), want) || fault.CodeOf(err) != fault.Usage {
			t.Errorf("%q: %v, want %s", doc, err, want)
		}
	}
	if _, err := LoadPolicy("reserch"); err == nil || !strings.Contains(err.Error(), `did you mean "research"`) {
		t.Errorf("%v", err)
	}
}

func TestSiteRulesComeFirst(t *testing.T) {
	p, err := ParsePolicy("p.yaml", []byte(`
version: 1
name: site
options: [retain_safe_private]
attributes:
- {tag: InstitutionName, action: keep, why: agreed with the other sites}
- {tag: "0012,0030", action: replace, value: SITE-A}
- {tag: "60xx,0010", action: quarantine}
private:
- {creator: ACME, group: "0029", element: "10", action: keep}
`))
	if err != nil {
		t.Fatal(err)
	}
	pr, err := p.Compile()
	if err != nil {
		t.Fatal(err)
	}
	if r := pr.Rule(tag.InstitutionName, tag.InstitutionName.VR()); r.Action != Keep || !strings.Contains(r.Why, "agreed") {
		t.Errorf("%v", r)
	}
	if r := pr.Rule(0x00120030, 0); r.Action != Set {
		t.Errorf("%v", r)
	}
	if r := pr.Rule(0x60080010, 0); r.Action != Withhold {
		t.Errorf("%v", r)
	}
	if r := pr.PrivateRule("ACME", tag.New(0x29, 0x1110)); r.Action != Keep {
		t.Errorf("%v", r)
	}
}

func FuzzPolicy(f *testing.F) {
	p, _ := Preset("research")
	text, _ := p.YAML()
	f.Add(text)
	f.Add([]byte("version: 1\nname: x\nattributes: [{tag: \"60xx,0010\", action: keep}]\n"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		p, err := ParsePolicy("f.yaml", doc)
		if err != nil {
			return
		}
		if _, err := p.Compile(); err != nil {
			t.Fatalf("a policy that was read does not compile: %v", err)
		}
		out, err := p.YAML()
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParsePolicy("again.yaml", out)
		if err != nil || back.Digest() != p.Digest() {
			t.Fatalf("%v\n%s", err, out)
		}
	})
}
