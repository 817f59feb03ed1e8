package protocol

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// TestAsked: what each arm asks, and what it takes for an answer to who made it.
func TestAsked(t *testing.T) {
	p, err := Read("p", []byte(`version: 1
revision: 1
design: {kind: sequential, ai: net}
items:
  - {name: grade, kind: ordinal, options: [{name: none}, {name: severe}], prefill: true}
  - {name: lv, kind: mask, prefill: true}
  - {name: whose, kind: origin, label: "Who made it?"}
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		arm     string
		asked   []string
		origins []string
	}{
		{Unaided, []string{"grade", "lv"}, nil},
		{Deciding, []string{"grade", "lv"}, nil},
		{Aided, nil, []string{"ai", "human", "unknown"}},
		{Preferring, nil, []string{"a", "b", "unknown"}},
	} {
		if got := p.AskedIn(c.arm); !slices.Equal(got, c.asked) {
			t.Errorf("%s asks %v, want %v", c.arm, got, c.asked)
		}
		if got := Origins(c.arm); !slices.Equal(got, c.origins) {
			t.Errorf("%s takes %v", c.arm, got)
		}
		if p.Item("whose").Asked(c.arm) != (c.origins != nil) || !p.Item("lv").Asked(c.arm) {
			t.Errorf("%s", c.arm)
		}
	}
	if got := p.Prefilled(); !slices.Equal(got, []string{"grade", "lv"}) {
		t.Errorf("prefilled %v", got)
	}
	if p.Design.Order != ByChance || p.Design.First() != Unaided || (Design{Kind: Assisted}).First() != Aided {
		t.Errorf("%+v", p.Design)
	}
	if a := (Design{Kind: Assisted}).Arms(); !slices.Equal(a, []string{Aided}) {
		t.Errorf("an assisted design has %v", a)
	}
	if a := (Design{Kind: Preference}).Arms(); !slices.Equal(a, []string{Preferring}) {
		t.Errorf("%v", a)
	}
}

// TestDefaultsOfAssisted: one reader a case, in an order by chance, unless the file says otherwise.
func TestDefaultsOfAssisted(t *testing.T) {
	for _, c := range []struct {
		design  string
		readers int
		order   string
	}{
		{"assisted, ai: net", 1, ByChance},
		{"assisted, ai: net, readers: 3, order: priority", 3, ByPriority},
		{"independent", 2, ByChance},
		{"independent, order: chance", 2, ByChance},
		{"panel", 0, ByChance},
	} {
		p, err := Read("p", []byte("version: 1\nrevision: 1\ndesign: {kind: "+c.design+"}\nitems:\n  - {name: note, kind: text}\n"))
		if err != nil {
			t.Fatal(err)
		}
		if p.Design.Readers != c.readers || p.Design.Order != c.order {
			t.Errorf("%s: %+v", c.design, p.Design)
		}
	}
}

// TestWhatFitsTogether: of all protocols made of these parts, those that pass keep the promises that readings rest on, and those that do not are
// refused in words that name a key. Nothing of AI can be in an arm that is unaided; nothing orders cases where readers are compared; nobody is asked
// about what nobody shows them.
func TestWhatFitsTogether(t *testing.T) {
	rng := stats.Seed(6).Stream("protocols")
	kinds := []DesignKind{Independent, Sequential, Crossed, Preference, Panel, Assisted}
	items := []string{"kind: text", `kind: number, unit: "%"`, "kind: mask", "kind: frame", "kind: ejection", "kind: origin", "kind: preference", "kind: choice, options: [{name: a}, {name: b}]"}
	passed, refused := map[DesignKind]int{}, 0
	for range 6000 {
		d := kinds[rng.IntN(len(kinds))]
		text := "version: 1\nrevision: 1\ndesign: {kind: " + string(d)
		ai := rng.IntN(3) > 0
		if ai {
			text += ", ai: net"
		}
		if rng.IntN(4) == 0 {
			text += ", order: " + []string{"priority", "chance", "size"}[rng.IntN(3)]
		}
		if rng.IntN(4) == 0 {
			text += fmt.Sprintf(", readers: %d", rng.IntN(4))
		}
		if rng.IntN(5) == 0 {
			text += fmt.Sprintf(", repeat: %d", rng.IntN(120))
		}
		text += "}\nitems:\n"
		for i := range 1 + rng.IntN(3) {
			text += fmt.Sprintf("  - {name: q%d, %s", i, items[rng.IntN(len(items))])
			if rng.IntN(4) == 0 {
				text += ", prefill: true"
			}
			if rng.IntN(5) == 0 {
				text += ", scope: " + []string{"exam", "image", "frame", "interval", "series"}[rng.IntN(5)]
			}
			text += "}\n"
		}
		p, err := Read("p", []byte(text))
		if err != nil {
			refused++
			if fault.CodeOf(err) != fault.Usage || !strings.Contains(err.Error(), ".") && !strings.Contains(err.Error(), "items") {
				t.Fatalf("%s\n%v", text, err)
			}
			continue
		}
		passed[d]++
		aided, prefers := slices.Contains(p.Design.Arms(), Aided), 0
		for i := range p.Items {
			it := &p.Items[i]
			if it.Prefill && (!aided || it.Kind == Origin || it.Kind == Prefer) {
				t.Fatalf("an answer of AI begins a reading of\n%s", text)
			}
			if it.Kind == Origin && !aided && d != Preference {
				t.Fatalf("asked about nothing:\n%s", text)
			}
			if it.Kind == Prefer {
				prefers++
			}
			if it.Asked(Unaided) && it.Kind == Origin {
				t.Fatalf("an unaided reading asks who it was:\n%s", text)
			}
		}
		if (prefers > 0) != (d == Preference) {
			t.Fatalf("preferences and their design are apart:\n%s", text)
		}
		if p.Design.Order == ByPriority && d != Independent && d != Assisted {
			t.Fatalf("readers who are compared have an order by doubt:\n%s", text)
		}
		if (aided || d == Preference) != (ai && (d == Sequential || d == Crossed || d == Preference || d == Assisted)) {
			t.Fatalf("readings are shown and nobody's:\n%s", text)
		}
		if again, err := Read("p", []byte(text)); err != nil || fmt.Sprint(*again) != fmt.Sprint(*p) {
			t.Fatal("the same file is another protocol")
		}
	}
	if refused < 500 {
		t.Errorf("%d of 6000 refused: the parts do not try enough", refused)
	}
	for _, d := range kinds {
		if passed[d] == 0 {
			t.Errorf("no %s protocol passed", d)
		}
	}
}
