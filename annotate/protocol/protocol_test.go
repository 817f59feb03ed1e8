package protocol

import (
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
)

const good = `version: 1
revision: 1
title: Ejection fraction, read twice
design: {kind: independent}
items:
  - name: view
    kind: choice
    scope: image
    code: {scheme: SCT, value: "399214001", meaning: Apical four chamber}
    options: [{name: A4C}, {name: A2C}, {name: other}]
    required: true
    disagreement: {metric: different}
  - name: lvef
    kind: ejection
    cannot_assess: [poor picture]
    disagreement: {metric: difference, limit: 5}
  - name: septum
    kind: measurement
    shape: length
  - name: severity
    kind: ordinal
    options: [{name: none}, {name: mild}, {name: severe}]
    positive: [severe]
    confidence: true
  - {name: lv, kind: mask, disagreement: {metric: dice, limit: 0.9}}
  - {name: note, kind: text}
`

func TestRead(t *testing.T) {
	p, err := Read("p.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if p.Design.Readers != 2 || p.Adjudication.Method != "third" || !p.Adjudication.SeeReads {
		t.Errorf("defaults: %+v %+v", p.Design, p.Adjudication)
	}
	s := p.Item("septum")
	if s.Scope != Image || s.Value != "length" || s.Unit != "mm" || s.Label != "septum" {
		t.Errorf("%+v", s)
	}
	if p.Item("lvef").Unit != "%" || p.Item("lv").Scope != Image || p.Item("absent") != nil {
		t.Error("items are filled wrongly")
	}
	if v := p.Item("severity"); v.Option("mild") != 1 || v.Option("fatal") != -1 {
		t.Error("options")
	}
	if Digest([]byte(good)) == Digest([]byte(good+"\n")) || len(Digest(nil)) != 64 {
		t.Error("digests")
	}
	if a := p.Design.Arms(); len(a) != 1 {
		t.Errorf("arms %v", a)
	}
	if a := (Design{Kind: Crossed}).Arms(); len(a) != 2 || a[0] != Unaided {
		t.Errorf("arms %v", a)
	}
}

func TestFaults(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"title:", "titel:", `"title"`}, // strict, with the nearest key
		{"version: 1", "version: 2", "version"},
		{"revision: 1", "revision: 0", "revision"},
		{"kind: independent", "kind: crossed", "design.ai"},
		{"kind: independent", "kind: panel, readers: 3", "every reader"},
		{"kind: independent", "kind: duel", "design.kind"},
		{"kind: independent", "kind: independent, washout_days: 3", "washout_days"},
		{"kind: independent", "kind: panel, repeat: 10", "repeat"},
		{"kind: independent", "kind: preference, ai: net", "go together"},
		{"name: view", "name: View", "name"},
		{"name: view", "name: reader", "name"},
		{"name: view", "name: lvef", "already"},
		{"kind: ejection", "kind: guess", "kind"},
		{"kind: text", "kind: text, options: [{name: a}, {name: b}]", "options"},
		{"options: [{name: none}, {name: mild}, {name: severe}]", "options: [{name: none}]", "options"},
		{"positive: [severe]", "positive: [fatal]", "positive"},
		{"scope: image", "scope: organ", "scope"},
		{"kind: ejection", "kind: ejection\n    scope: frame", "scope"},
		{"shape: length", "shape: blob", "shape"},
		{"shape: length", "shape: length\n    value: area", "value"},
		{"shape: length", "shape: length\n    unit: cm", "unit"},
		{"kind: text", "kind: number", "unit"},
		{"metric: dice", "metric: different", "metric"},
		{"limit: 5", "limit: -5", "limit"},
		{"kind: text", "kind: number, unit: mm, min: 3, max: 2", "min"},
		{`value: "399214001"`, `value: "39921400100000000"`, "code"},
		{"kind: text", "kind: origin", "aided readings or preferences"},
		{"kind: text", "kind: text, prefill: true", "prefill"},
		{"kind: independent", "kind: assisted", "design.ai"},
		{"kind: independent", "kind: panel, order: priority", "would tell readers"},
		{"kind: independent", "kind: independent, order: alphabet", "design.order"},
		{"items:", "adjudication: {method: dice}\nitems:", "adjudication.method"},
	} {
		text := strings.Replace(good, c.old, c.new, 1)
		if text == good {
			t.Fatalf("%q is not there", c.old)
		}
		_, err := Read("p.yaml", []byte(text))
		if err == nil || fault.CodeOf(err) != fault.Usage || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s → %s: %v", c.old, c.new, err)
		}
	}
	if _, err := Read("p.yaml", nil); fault.CodeOf(err) != fault.Usage {
		t.Errorf("an empty file: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("version: 1\nitems: [{}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Read("f", data)
		if err == nil && (len(p.Items) == 0 || p.Revision < 1) {
			t.Fatal("passed without items")
		}
	})
}
