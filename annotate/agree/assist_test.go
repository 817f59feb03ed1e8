package agree

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/stats"
)

const assistRules = `version: 1
revision: 1
design: {kind: sequential, ai: net}
items:
  - {name: severity, kind: ordinal, options: [{name: none}, {name: mild}, {name: severe}], prefill: true}
  - {name: lvef, kind: number, unit: "%", prefill: true}
  - {name: lv, kind: mask, prefill: true}
  - {name: whose, kind: origin}
`

// TestEdits: four readings that began with a model's answers. Of four grades two were kept, one changed, one removed; the fractions were moved by
// 0, 4, 0 and 8; of the masks one was moved by a column of 2 mm (Dice 0.75, distance 2 mm), the others left.
func TestEdits(t *testing.T) {
	p, err := protocol.Read("p", []byte(assistRules))
	if err != nil {
		t.Fatal(err)
	}
	b := newBook(t, 4, "R1", "R2", "ai")
	b.Protocol = p
	for i := range 4 {
		reader := fmt.Sprintf("R%d", i/2+1)
		v := 50.0
		grade, ef, mask := annotate.Answer{ID: fmt.Sprint("g", i), Item: "severity", Choice: []string{"mild"}, DerivedFrom: "x"}, annotate.Answer{ID: fmt.Sprint("e", i), Item: "lvef", Number: &v, Value: &v, Unit: "%", DerivedFrom: "x"}, *box(1, 1, 5, 5)
		mask.ID, mask.DerivedFrom = fmt.Sprint("m", i), "x"
		rec := annotate.ReadingRecord{ID: fmt.Sprint(i), Reader: reader, Case: b.Cases[i].ID, Arm: protocol.Aided, Seconds: float64(10 * (i + 1)),
			Prefilled: []*annotate.Answer{&grade, &ef, &mask}}
		now := []annotate.Answer{grade, ef, mask}
		if i == 1 {
			now[0].Choice = []string{"severe"}
			sure := 40
			now[1].Confidence = &sure // is no change
			now[2] = *box(2, 1, 6, 5)
			now[2].ID, now[2].DerivedFrom = "m1", "x"
		}
		if w := v + 4*float64(i-1); i%2 == 1 && i > 1 {
			now[1].Number, now[1].Value = &w, &w
		}
		if i == 0 {
			w := v - 4
			now[1].Number, now[1].Value = &w, &w
		}
		for k := range now {
			if i == 2 && k == 0 { // the grade was removed, and a new one given
				rec.Answers = append(rec.Answers, &annotate.Answer{ID: "new", Item: "severity", Choice: []string{"none"}})
				continue
			}
			rec.Answers = append(rec.Answers, &now[k])
		}
		b.Readings = append(b.Readings, rec, annotate.ReadingRecord{ID: fmt.Sprint("u", i), Reader: reader, Case: b.Cases[i].ID, Arm: protocol.Unaided, Seconds: 100})
	}
	r := report(t, b, Options{})
	get := func(item, reader string) Edits {
		t.Helper()
		for _, e := range r.Edits {
			if e.Item == item && e.Reader == reader {
				return e
			}
		}
		t.Fatalf("no edits of %s by %s: %+v", item, reader, r.Edits)
		return Edits{}
	}
	g := get("severity", everybody)
	if g.Began != 4 || g.Kept != 2 || g.Changed != 1 || g.Removed != 1 || g.Added != 1 {
		t.Errorf("%+v", g)
	}
	want := stats.Wilson(2, 4, .95)
	kept := find(t, g.Measures, "kept as it was")
	near(t, "kept", float64(kept.Value), .5, 1e-12)
	near(t, "low", float64(kept.Low), want.Low, 1e-12)
	if e := get("severity", "R2"); e.Kept != 1 || e.Removed != 1 || e.Added != 1 || e.Changed != 0 {
		t.Errorf("%+v", e)
	}
	change := find(t, get("lvef", everybody).Measures, "mean absolute change")
	near(t, "change", float64(change.Value), 3, 1e-12)
	if change.Unit != "%" || get("lvef", everybody).Changed != 2 {
		t.Errorf("%+v", change)
	}
	dice, far := find(t, get("lv", everybody).Measures, "mean Dice, before and after"), find(t, get("lv", everybody).Measures, "mean HD95, before and after")
	near(t, "Dice", float64(dice.Value), (3+.75)/4, 1e-12)
	near(t, "HD95", float64(far.Value), .5, 1e-12)
	if far.Unit != "mm" {
		t.Errorf("%+v", far)
	}
	times := get("", everybody)
	near(t, "seconds", float64(find(t, times.Measures, "median seconds a case, beginning with the model's answers").Value), 25, 1e-12)
	if m := find(t, times.Measures, "median seconds a case, unaided"); m.Value != 100 || m.Note == "" {
		t.Errorf("%+v", m)
	}
	for _, e := range r.Edits {
		for _, m := range e.Measures {
			if !m.Low.Defined() && m.Note == "" {
				t.Errorf("%s %s: %+v", e.Item, e.Reader, m)
			}
		}
	}
	if s, _ := json.Marshal(r.Edits); strings.Contains(string(s), "NaN") {
		t.Error("NaN in JSON")
	}
}

// guessing makes a preference study in which R1 always knows and R2 says A throughout; the AI is A in even cases.
func guessing(t *testing.T) *book {
	t.Helper()
	p, err := protocol.Read("p", []byte("version: 1\nrevision: 1\ndesign: {kind: preference, ai: net}\nitems:\n  - {name: better, kind: preference}\n  - {name: whose, kind: origin}\n"))
	if err != nil {
		t.Fatal(err)
	}
	b := newBook(t, 12, "R1", "R2", "ai")
	b.Protocol = p
	for i := range 12 {
		id := b.Cases[i].ID
		b.Readings = append(b.Readings, annotate.ReadingRecord{ID: "ai" + id, Reader: "ai", AI: true, Case: id, Arm: protocol.Unaided},
			annotate.ReadingRecord{ID: "h" + id, Reader: "R9", Case: id, Arm: protocol.Unaided})
		shown, right := []string{"ai" + id, "h" + id}, "a"
		if i%2 == 1 {
			shown, right = []string{"h" + id, "ai" + id}, "b"
		}
		for _, reader := range []string{"R1", "R2"} {
			said := right
			if reader == "R2" {
				said = "a"
			}
			if i == 11 {
				said = protocol.Unknown
			}
			b.Readings = append(b.Readings, annotate.ReadingRecord{ID: reader + id, Reader: reader, Case: id, Arm: protocol.Preferring, Shown: shown,
				Answers: []*annotate.Answer{{Item: "whose", Choice: []string{said}}, {Item: "better", Choice: []string{"equal"}}}})
		}
	}
	return b
}

func TestBlinding(t *testing.T) {
	b := guessing(t)
	r := report(t, b, Options{})
	get := func(reader string) Blinding {
		t.Helper()
		for _, x := range r.Blinding {
			if x.Reader == reader && x.Item == "whose" {
				return x
			}
		}
		t.Fatalf("nothing of %s in %+v", reader, r.Blinding)
		return Blinding{}
	}
	one, two, all := get("R1"), get("R2"), get(everybody)
	if one.Right != 11 || one.Wrong != 0 || one.Unknown != 1 || two.Right != 6 || two.Wrong != 5 || all.Right != 17 {
		t.Errorf("%+v %+v", one, two)
	}
	near(t, "who knows", float64(find(t, one.Measures, "Bang index, AI was A").Value), 1, 1e-12)
	near(t, "who knows", float64(find(t, one.Measures, "Bang index, AI was B").Value), 5.0/6, 1e-12)
	near(t, "who always says A", float64(find(t, two.Measures, "Bang index, AI was B").Value), -5.0/6, 1e-12)
	james := stats.JamesIndex(stats.Guesses{Right: 6}, stats.Guesses{Wrong: 5, Unknown: 1})
	m := find(t, two.Measures, "James index")
	near(t, "James", float64(m.Value), james.Value, 1e-12)
	near(t, "its low end", float64(m.Low), james.Interval(.95).Low, 1e-12)
	// Two readers guess about one patient: patients are resampled.
	if m := find(t, all.Measures, "James index"); m.Method != "bootstrap-percentile" || m.N != 24 {
		t.Errorf("%+v", m)
	}
	// Preferences are counted as they were, and no question about origin stands among them.
	if r.item("whose") != nil || r.item("better") == nil {
		t.Errorf("%+v", r.Items)
	}
	// Both sides by people: there is no truth, and nothing is said.
	for i := range b.Readings {
		b.Readings[i].AI = false
	}
	if r := report(t, b, Options{}); len(r.Blinding) != 0 {
		t.Errorf("%+v", r.Blinding)
	}
}

// TestBlindingAided: where AI is always what is shown, an index of one arm is all there is, and the report says why.
func TestBlindingAided(t *testing.T) {
	p, err := protocol.Read("p", []byte(assistRules))
	if err != nil {
		t.Fatal(err)
	}
	b := newBook(t, 5, "R1", "ai")
	b.Protocol = p
	for i := range 5 {
		id := b.Cases[i].ID
		b.Readings = append(b.Readings, annotate.ReadingRecord{ID: "ai" + id, Reader: "ai", AI: true, Case: id, Arm: protocol.Unaided},
			annotate.ReadingRecord{ID: "r" + id, Reader: "R1", Case: id, Arm: protocol.Aided, Shown: []string{"ai" + id}, Answers: []*annotate.Answer{{Item: "whose", Choice: []string{[]string{"ai", "human", "unknown", "ai", "ai"}[i]}}}})
	}
	r := report(t, b, Options{})
	if len(r.Blinding) != 2 || len(r.Blinding[0].Measures) != 1 || !strings.Contains(strings.Join(r.Blinding[0].Notes, ""), "takes both kinds") {
		t.Fatalf("%+v", r.Blinding)
	}
	near(t, "Bang", float64(find(t, r.Blinding[0].Measures, "Bang index, AI was shown").Value), .4, 1e-12)
}
