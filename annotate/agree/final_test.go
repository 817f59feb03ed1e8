package agree

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/protocol"
)

// finals are what is taken to be so, one line each.
func finals(t *testing.T, b *book) []string {
	t.Helper()
	list, err := Finals(t.Context(), b.Records)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range list {
		v := "–"
		switch {
		case f.Answer == nil:
		case len(f.Answer.Choice) > 0:
			v = strings.Join(f.Answer.Choice, "|")
		case f.Answer.Mask != nil:
			v = fmt.Sprintf("%d px", f.Answer.Mask.Area())
		case f.Answer.Value != nil:
			v = fmt.Sprintf("%g", *f.Answer.Value)
		}
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s, %s of %d", f.Item, f.Case, v, f.Source, f.N)))
	}
	return out
}

// TestFinalsAssisted: where every reading began with a model's answers, these readings are what is taken to be so; a model's alone are not.
func TestFinalsAssisted(t *testing.T) {
	b := newBook(t, 2, "R1", "ai")
	b.Protocol.Design = protocol.Design{Kind: protocol.Assisted, AI: "net", Readers: 1}
	b.choose("ai", 0, protocol.Unaided, "mild")
	b.choose("ai", 1, protocol.Unaided, "mild")
	b.choose("R1", 0, protocol.Aided, "severe")
	list, err := Finals(t.Context(), b.Records)
	if err != nil || len(list) != 1 || list[0].Answer.Choice[0] != "severe" || list[0].Source != "one reading" {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestFinals goes through every way to a final answer and to none.
func TestFinals(t *testing.T) {
	b := newBook(t, 9, "R1", "R2", "R3", "ai")
	give := func(c int, options ...string) {
		for j, o := range options {
			name := fmt.Sprintf("R%d", j+1)
			if o == "cannot" {
				b.add(name, c, protocol.Unaided, annotate.Answer{Item: "severity", CannotAssess: "poor"})
			} else {
				b.choose(name, c, protocol.Unaided, o)
			}
		}
	}
	give(0, "mild", "mild", "mild")
	give(1, "mild", "mild", "none") // one step: not beyond the limit
	give(2, "none", "severe", "none")
	give(3, "mild")
	give(4, "cannot", "cannot", "cannot")
	give(5, "cannot", "mild", "mild")
	give(6, "none", "severe", "none")
	b.choose("R9", 6, protocol.Deciding, "severe")
	b.choose("R9", 7, protocol.Deciding, "none") // nobody read it unaided
	b.add("R9", 5, protocol.Deciding, annotate.Answer{Item: "severity", CannotAssess: "poor"})
	b.choose("ai", 8, protocol.Unaided, "severe") // a model's alone is no truth
	for c, values := range [][]float64{{50, 54}, {50, 70}, {60}} {
		for j, v := range values {
			b.number(fmt.Sprintf("R%d", j+1), c, v)
		}
	}
	b.add("R1", 0, protocol.Unaided, *box(1, 1, 5, 5))
	b.add("R2", 0, protocol.Unaided, *box(1, 1, 5, 6))
	b.add("R1", 1, protocol.Unaided, *box(0, 0, 3, 3))
	b.add("R2", 1, protocol.Unaided, *box(4, 4, 8, 8))
	b.add("R1", 0, protocol.Unaided, annotate.Answer{Item: "finding", Choice: []string{"clot"}})
	b.add("R2", 0, protocol.Unaided, annotate.Answer{Item: "finding", Choice: []string{"clot"}})
	want := []string{
		"severity c00 mild, agreed of 3", "severity c01 mild, majority of 3", "severity c02 –, undecided of 3", "severity c03 mild, one reading of 1",
		"severity c04 –, cannot assess of 3", "severity c05 –, cannot assess of 3", "severity c06 severe, adjudicated of 3", "severity c07 none, adjudicated of 0",
		"finding c00 clot, agreed of 2",
		"lvef c00 52, mean of 2", "lvef c01 –, undecided of 2", "lvef c02 60, one reading of 1",
		"lv c00 16 px, majority of 2 masks of 2", "lv c01 –, undecided of 2",
	}
	if got := finals(t, b); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	list, _ := Finals(t.Context(), b.Records)
	for _, f := range list {
		switch f.Item + f.Case {
		case "severityc01":
			if math.Abs(f.Soft[0]-1.0/3) > 1e-12 || math.Abs(f.Soft[1]-2.0/3) > 1e-12 || f.Soft[2] != 0 {
				t.Errorf("soft labels %v", f.Soft)
			}
		case "lvefc00":
			if math.Abs(f.SD-math.Sqrt(8)) > 1e-12 || f.Soft != nil {
				t.Errorf("spread %v", f.SD)
			}
		case "lvefc02":
			if !math.IsNaN(f.SD) {
				t.Errorf("one reader has a spread of %v", f.SD)
			}
		}
	}
}

// TestMultiAndFrames: two findings by option, frames by their distance.
func TestMultiAndFrames(t *testing.T) {
	b := newBook(t, 6, "R1", "R2")
	one := [][]string{{"clot"}, {"effusion"}, {"effusion", "clot"}, {"clot"}, {"effusion"}, {"clot"}}
	two := [][]string{{"clot"}, {"effusion"}, {"effusion"}, {"clot"}, {"effusion"}, {"clot"}}
	for i := range one {
		b.add("R1", i, protocol.Unaided, annotate.Answer{Item: "finding", Choice: one[i]})
		b.add("R2", i, protocol.Unaided, annotate.Answer{Item: "finding", Choice: two[i]})
		for j, r := range []string{"R1", "R2"} {
			v := float64(5 + i*(j+1))
			b.add(r, i, protocol.Unaided, annotate.Answer{Item: "ed", Image: 1, Number: &v, Value: &v, Unit: "1"})
		}
	}
	r := report(t, b, Options{})
	it := r.item("finding")
	if a := find(t, it.People, "Krippendorff alpha, effusion"); a.Value != 1 || a.Low.Defined() {
		t.Errorf("%+v", a)
	}
	if a := find(t, it.People, "Krippendorff alpha, clot"); !(a.Value < 1 && a.Value > .5) {
		t.Errorf("%+v", a)
	}
	near(t, "the same", float64(find(t, it.Pairs[0].Measures, "same options").Value), 5.0/6, 1e-12)
	ed := r.item("ed")
	near(t, "frames apart", float64(find(t, ed.Pairs[0].Measures, "mean absolute difference").Value), 2.5, 1e-12) // 0 to 5
	near(t, "bias", float64(find(t, ed.Pairs[0].Measures, "bias").Value), -2.5, 1e-12)
}

// TestPreference: answers a and b are counted as they are; which side was whose is the project's business.
func TestPreference(t *testing.T) {
	p, err := protocol.Read("p", []byte("version: 1\nrevision: 1\ndesign: {kind: preference, ai: net}\nitems: [{name: better, kind: preference, disagreement: {metric: different}}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	b := newBook(t, 4, "R1", "R2")
	b.Protocol = p
	for i, v := range []string{"a", "b", "equal", "neither"} {
		b.add("R1", i, protocol.Preferring, annotate.Answer{Item: "better", Choice: []string{v}})
		b.add("R2", i, protocol.Preferring, annotate.Answer{Item: "better", Choice: []string{[]string{"a", "b", "a", "neither"}[i]}})
	}
	r := report(t, b, Options{})
	it := r.item("better")
	if it == nil || it.Arm != protocol.Preferring {
		t.Fatalf("%+v", r.Items)
	}
	near(t, "agreement", float64(find(t, it.People, "agreement").Value), .75, 1e-12)
	if len(r.Disagreements) != 1 || r.Disagreements[0].Case != "c02" {
		t.Errorf("%+v", r.Disagreements)
	}
}

// TestInvariance: the report does not depend on the order of readings, on names of readers beyond their order, or on units that nobody read.
func TestInvariance(t *testing.T) {
	make := func(order []int, cases int) string {
		b := newBook(t, cases, "R1", "R2")
		for _, i := range order {
			b.choose("R1", i, protocol.Unaided, []string{"none", "mild", "severe"}[i%3])
			b.choose("R2", i, protocol.Unaided, []string{"none", "severe", "severe"}[i%3])
			b.number("R1", i, float64(40+i))
			b.number("R2", i, float64(41+i*i%7))
		}
		r := report(t, b, Options{})
		var out []string
		for _, it := range r.Items {
			for _, m := range it.People {
				out = append(out, fmt.Sprintf("%s %s %.12g %.12g %.12g", it.Name, m.Name, float64(m.Value), float64(m.Low), float64(m.High)))
			}
		}
		return strings.Join(out, "\n")
	}
	want := make([]int{0, 1, 2, 3, 4, 5, 6, 7}, 8)
	if got := make([]int{7, 3, 1, 0, 2, 6, 5, 4}, 8); got != want {
		t.Errorf("another order:\n%s\n%s", got, want)
	}
	if got := make([]int{0, 1, 2, 3, 4, 5, 6, 7}, 12); got != want {
		t.Errorf("more cases:\n%s\n%s", got, want)
	}
}
