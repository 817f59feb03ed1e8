package agree

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

const rules = `version: 1
revision: 1
design: {kind: panel}
items:
  - name: severity
    kind: ordinal
    options: [{name: none}, {name: mild}, {name: severe}]
    positive: [severe]
    confidence: true
    cannot_assess: [poor]
    disagreement: {metric: steps, limit: 1}
  - {name: finding, kind: multi, options: [{name: effusion}, {name: clot}], disagreement: {metric: different}}
  - {name: lvef, kind: number, unit: "%", disagreement: {metric: difference, limit: 10}}
  - {name: lv, kind: mask, disagreement: {metric: dice, limit: 0.8}}
  - {name: ed, kind: frame, disagreement: {metric: frames, limit: 2}}
  - {name: note, kind: text}
`

type book struct{ *annotate.Records }

func newBook(t testing.TB, cases int, readers ...string) *book {
	t.Helper()
	p, err := protocol.Read("p", []byte(rules))
	if err != nil {
		t.Fatal(err)
	}
	b := &book{&annotate.Records{Name: "s", Phase: annotate.Closed, Protocol: p}}
	for i := range cases {
		b.Cases = append(b.Cases, &annotate.Case{ID: fmt.Sprintf("c%02d", i), Patient: fmt.Sprintf("p%02d", i), Images: []annotate.Picture{{Rows: 8, Columns: 8, Frames: 20}}})
	}
	for _, r := range readers {
		b.Readers = append(b.Readers, annotate.ReaderRecord{Mask: r, AI: strings.HasPrefix(r, "ai")})
	}
	return b
}

// add gives a reader's answer to a case, in a reading of its own or one that is there.
func (b *book) add(reader string, c int, arm string, a annotate.Answer) {
	id := fmt.Sprintf("%s %d %s", reader, c, arm)
	for i := range b.Readings {
		if b.Readings[i].ID == id {
			b.Readings[i].Answers = append(b.Readings[i].Answers, &a)
			return
		}
	}
	b.Readings = append(b.Readings, annotate.ReadingRecord{ID: id, Reader: reader, AI: strings.HasPrefix(reader, "ai"), Case: b.Cases[c].ID, Arm: arm, Session: 1, Seconds: 10, Answers: []*annotate.Answer{&a}})
}

func (b *book) choose(reader string, c int, arm, option string) {
	b.add(reader, c, arm, annotate.Answer{Item: "severity", Choice: []string{option}})
}

func (b *book) number(reader string, c int, v float64) {
	b.add(reader, c, protocol.Unaided, annotate.Answer{Item: "lvef", Value: &v, Unit: "%"})
}

func box(x0, y0, x1, y1 int) *annotate.Answer {
	m := annotate.EncodeMask(measure.Shape{Kind: measure.Rectangle, Points: []measure.Point{{X: float64(x0), Y: float64(y0)}, {X: float64(x1), Y: float64(y1)}}}.Fill(8, 8), 8, 8)
	v := float64(m.Area()) * 4
	return &annotate.Answer{Item: "lv", Image: 1, Mask: m, Value: &v, Unit: "mm2", Results: []measure.Result{{X: 2, Y: 2, UnitX: "mm", UnitY: "mm"}}}
}

func report(t *testing.T, b *book, o Options) *Report {
	t.Helper()
	o.Resamples = 200
	r, err := Analyse(t.Context(), b.Records, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *Report) item(name string) *Item {
	for i := range r.Items {
		if r.Items[i].Name == name {
			return &r.Items[i]
		}
	}
	return nil
}

func find(t *testing.T, list []Measure, name string) Measure {
	t.Helper()
	for _, m := range list {
		if m.Name == name {
			return m
		}
	}
	t.Fatalf("no %s in %+v", name, list)
	return Measure{}
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// TestLabels: two readers' table of none, mild, severe is 4 0 0 / 1 2 0 / 0 1 2: agreement 8/10, expected (4·5 + 3·3 + 3·2)/100 = 0.35, kappa
// (0.8 − 0.35)/0.65 = 9/13. The model and an unassessable case do not count among people's answers.
func TestLabels(t *testing.T) {
	b := newBook(t, 12, "R1", "R2", "ai")
	one := []string{"none", "none", "none", "none", "mild", "mild", "mild", "severe", "severe", "severe"}
	two := []string{"none", "none", "none", "none", "none", "mild", "mild", "mild", "severe", "severe"}
	for i := range one {
		b.choose("R1", i, protocol.Unaided, one[i])
		b.choose("R2", i, protocol.Unaided, two[i])
		b.choose("ai", i, protocol.Unaided, one[i])
	}
	b.choose("R1", 10, protocol.Unaided, "severe")
	b.add("R2", 10, protocol.Unaided, annotate.Answer{Item: "severity", CannotAssess: "poor"})
	b.Drafts = 2
	r := report(t, b, Options{})
	it := r.item("severity")
	if it.Units != 11 || it.Both != 11 || it.CannotAssess != 1 || r.Drafts != 2 || len(r.Notes) != 1 {
		t.Errorf("%+v", it)
	}
	near(t, "agreement", float64(find(t, it.People, "agreement").Value), .8, 1e-12)
	if len(it.Pairs) != 3 {
		t.Fatalf("%d pairs", len(it.Pairs))
	}
	p := it.Pairs[0]
	near(t, "kappa", float64(find(t, p.Measures, "kappa").Value), 9.0/13, 1e-12)
	if p.N != 10 || p.AI || !find(t, p.Measures, "kappa, quadratic weights").Low.Defined() {
		t.Errorf("%+v", p)
	}
	ai := it.Pairs[1]
	if !ai.AI || ai.A != "ai" || ai.B != "R1" || find(t, ai.Measures, "kappa").Value != 1 || find(t, ai.Measures, "kappa").Note == "" {
		t.Errorf("%+v", ai)
	}
	// Fleiss of two readers: shares none 9/20, mild 6/20, severe 5/20 (the case of one answer counts too, a little): above is kappa.
	if f := find(t, it.People, "Fleiss kappa"); math.Abs(float64(f.Value)-9.0/13) > .02 || f.N != 10 {
		t.Errorf("%+v", f)
	}
	if a := find(t, it.People, "Krippendorff alpha, ordinal"); !(a.Low < a.Value && a.Value < a.High) || a.Method != "bootstrap-percentile" {
		t.Errorf("%+v", a)
	}
	again := report(t, b, Options{})
	x, _ := json.Marshal(r)
	y, _ := json.Marshal(again)
	if string(x) != string(y) {
		t.Error("the same readings, another report")
	}
}

// TestNumbers: differences 2, −2, 4, 0 of readers 1 and 2: bias 1, SD √(20/3). The third is 3 above the first: consistent with it wholly.
func TestNumbers(t *testing.T) {
	b := newBook(t, 5, "R1", "R2", "R3")
	for i, v := range []float64{30, 40, 54, 60} {
		b.number("R1", i, v)
		b.number("R2", i, v-[]float64{2, -2, 4, 0}[i])
		b.number("R3", i, v+3)
	}
	px := 12.0
	b.add("R1", 4, protocol.Unaided, annotate.Answer{Item: "lvef", Value: &px, Unit: "{pixels}"})
	r := report(t, b, Options{})
	it := r.item("lvef")
	if it.OtherUnit != 1 || !strings.Contains(strings.Join(it.Notes, " "), "not in %") {
		t.Errorf("%+v", it)
	}
	p := it.Pairs[0]
	near(t, "bias", float64(find(t, p.Measures, "bias").Value), 1, 1e-12)
	near(t, "upper", float64(find(t, p.Measures, "upper limit").Value), 1+1.959963984540054*math.Sqrt(20.0/3), 1e-9)
	if u := find(t, p.Measures, "upper limit"); u.Method != "carkeet" || u.Unit != "%" || p.N != 4 || len(p.Points) != 4 {
		t.Errorf("%+v", p)
	}
	values := [][]float64{{30, 28, 33}, {40, 42, 43}, {54, 50, 57}, {60, 60, 63}}
	want := stats.ICCOf(values, .95)
	near(t, "ICC", float64(find(t, it.People, "ICC(2,1), agreement").Value), want.Agreement, 1e-12)
	near(t, "ICC", float64(find(t, it.People, "ICC(3,1), consistency").High), want.ConsistencyCI.High, 1e-12)
	find(t, it.People, "Krippendorff alpha, interval")
}

// TestMasks: boxes of 4 × 4 pixels of 2 mm, shifted by one column: Dice 12/16; surfaces are 2 mm apart at most.
func TestMasks(t *testing.T) {
	b := newBook(t, 3, "R1", "R2", "R3")
	for i := range 3 {
		b.add("R1", i, protocol.Unaided, *box(1, 1, 5, 5))
		b.add("R2", i, protocol.Unaided, *box(2, 1, 6, 5))
		b.add("R3", i, protocol.Unaided, *box(1, 1, 5, 5+i))
	}
	r := report(t, b, Options{})
	it := r.item("lv")
	p := it.Pairs[0]
	near(t, "Dice", float64(find(t, p.Measures, "mean Dice").Value), .75, 1e-12)
	far := find(t, p.Measures, "mean HD95")
	near(t, "HD95", float64(far.Value), 2, 1e-12)
	if far.Unit != "mm" {
		t.Errorf("%+v", far)
	}
	if d := find(t, it.People, "mean Dice"); d.N != 3 || !(d.Value > .7 && d.Value < 1) {
		t.Errorf("%+v", d)
	}
	// Below 0.8: cases 0 to 2, all.
	n := 0
	for _, d := range r.Disagreements {
		if d.Item == "lv" {
			n++
		}
	}
	if n != 3 {
		t.Errorf("%+v", r.Disagreements)
	}
	// Majority of three: columns 2 to 4 of rows 1 to 4 have three, column 1 two, column 5 one.
	res, err := Settle(t.Context(), b.Records, "majority")
	if err != nil {
		t.Fatal(err)
	}
	var lv *annotate.Answer
	for _, a := range res[0].Answers {
		if a.Item == "lv" {
			lv = a
		}
	}
	if lv.Mask.Area() != 16 || *lv.Value != 64 || lv.Unit != "mm2" || len(res[0].DerivedFrom) != 3 {
		t.Errorf("%+v", lv)
	}
	st, err := Settle(t.Context(), b.Records, "staple")
	if err != nil || st[0].Answers[0].Mask.Area() != 16 {
		t.Errorf("%+v, %v", st, err)
	}
}

// TestQueue: what goes beyond the limits, the worst first, and what is decided last.
func TestQueue(t *testing.T) {
	b := newBook(t, 6, "R1", "R2", "ai")
	for i, v := range []float64{0, 11, 25, 10} {
		b.number("R1", i, 50)
		b.number("R2", i, 50+v)
		b.number("ai", i, 0) // a model starts no adjudication
	}
	b.choose("R1", 4, protocol.Unaided, "none")
	b.choose("R2", 4, protocol.Unaided, "severe")
	b.choose("R1", 5, protocol.Unaided, "none")
	b.add("R2", 5, protocol.Unaided, annotate.Answer{Item: "severity", CannotAssess: "poor"})
	b.add("R1", 0, protocol.Unaided, annotate.Answer{Item: "finding", Choice: []string{"clot"}})
	b.add("R2", 0, protocol.Unaided, annotate.Answer{Item: "finding", Choice: []string{"effusion", "clot"}})
	f, g := 3.0, 6.0
	b.add("R1", 0, protocol.Unaided, annotate.Answer{Item: "ed", Image: 1, Number: &f, Value: &f, Unit: "1"})
	b.add("R2", 0, protocol.Unaided, annotate.Answer{Item: "ed", Image: 1, Number: &g, Value: &g, Unit: "1"})
	form := func() (out []string) {
		for _, d := range Queue(b.Records) {
			out = append(out, fmt.Sprintf("%s %s %v %v", d.Item, d.Case, d.Value, d.Decided))
		}
		return out
	}
	want := []string{"ed c00 3 false", "finding c00 1 false", "lvef c02 25 false", "lvef c01 11 false", "severity c05 NaN false", "severity c04 2 false"}
	if got := form(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	b.add("R9", 2, protocol.Deciding, annotate.Answer{Item: "lvef", Value: &f, Unit: "%"})
	if got := form(); got[len(got)-1] != "lvef c02 25 true" {
		t.Errorf("%q", got)
	}
}

func TestSettle(t *testing.T) {
	b := newBook(t, 3, "R1", "R2", "R3")
	for i, row := range [][]string{{"none", "none", "mild"}, {"none", "mild", "severe"}, {"severe", "severe", "severe"}} {
		for j, v := range row {
			b.choose(fmt.Sprintf("R%d", j+1), i, protocol.Unaided, v)
			b.number(fmt.Sprintf("R%d", j+1), i, float64(10*i+[]int{1, 2, 6}[j]))
		}
	}
	get := func(method string, c int, item string) *annotate.Answer {
		t.Helper()
		res, err := Settle(t.Context(), b.Records, method)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range res {
			for _, a := range r.Answers {
				if r.Case == b.Cases[c].ID && a.Item == item {
					return a
				}
			}
		}
		return nil
	}
	if a := get("majority", 0, "severity"); a == nil || a.Choice[0] != "none" {
		t.Errorf("%+v", a)
	}
	if a := get("majority", 1, "severity"); a != nil {
		t.Errorf("three opinions have a majority: %+v", a)
	}
	if a := get("staple", 2, "severity"); a == nil || a.Choice[0] != "severe" {
		t.Errorf("%+v", a)
	}
	near(t, "mean", *get("mean", 1, "lvef").Value, 13, 1e-12)
	near(t, "median", *get("median", 1, "lvef").Value, 12, 1e-12)
	if a := get("majority", 0, "lvef"); a != nil {
		t.Errorf("a majority of numbers: %+v", a)
	}
	for _, r := range []string{"R7", "R8"} {
		b.choose(r, 1, protocol.Deciding, "mild")
	}
	if a := get("panel", 1, "severity"); a == nil || a.Choice[0] != "mild" {
		t.Errorf("%+v", a)
	}
	if _, err := Settle(t.Context(), b.Records, "third"); fault.CodeOf(err) != fault.Usage {
		t.Error(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Settle(gone, b.Records, "staple"); err == nil {
		t.Error("cancelled, and no error")
	}
}

// TestHeadToHead: 20 cases, 10 severe. R1 calls 8 of 10 and 9 of 10 right, the model all; aided everybody is right once more.
func TestHeadToHead(t *testing.T) {
	b := newBook(t, 21, "R1", "R2", "R3", "ai")
	truth := Truth{}
	for i := range 20 {
		sick := i < 10
		name := map[bool]string{true: "severe", false: "none"}[sick]
		other := map[bool]string{true: "mild", false: "severe"}[sick]
		truth[b.Cases[i].ID] = map[string]string{"severity": name}
		b.choose("ai", i, protocol.Unaided, name)
		for j := range 3 {
			call, aided := name, name
			if (i+j)%10 < 2 && sick || (i+j)%10 < 1 && !sick {
				call = other
			}
			if (i+j)%10 < 1 {
				aided = other
			}
			b.choose(fmt.Sprintf("R%d", j+1), i, protocol.Unaided, call)
			b.choose(fmt.Sprintf("R%d", j+1), i, protocol.Aided, aided)
		}
	}
	truth[b.Cases[20].ID] = map[string]string{"severity": "none"} // nobody read it
	r := report(t, b, Options{Truth: truth, Margin: .1})
	if len(r.HeadToHead) != 1 {
		t.Fatalf("%+v", r.HeadToHead)
	}
	h := r.HeadToHead[0]
	if h.Cases != 20 || h.Positives != 10 || h.LeftOut != 1 || h.Truth != "given" || len(h.Readers) != 7 {
		t.Errorf("%+v", h)
	}
	p := h.Readers[0]
	near(t, "sensitivity", float64(find(t, p.Measures, "sensitivity").Value), .8, 1e-12)
	near(t, "specificity", float64(find(t, p.Measures, "specificity").Value), .9, 1e-12)
	if len(h.AgainstAI) != 6 || len(h.WithAI) != 6 || h.AgainstAI[0].Readers != "random" || h.AgainstAI[1].Readers != "fixed" || len(h.EachAgainstAI) != 9 || len(h.EachWithAI) != 9 {
		t.Fatalf("%+v", h)
	}
	// All readers are as good as each other: chance of readers has nothing to go by, and rounding is no spread.
	if c := h.WithAI[2]; c.Figure != "sensitivity" || c.Readers != "random" || c.Difference.Low.Defined() || !strings.HasPrefix(c.Verdict, "Nothing can be said") {
		t.Errorf("%+v", c)
	}
	for _, c := range h.AgainstAI {
		if c.Figure == "sensitivity" {
			near(t, "model", float64(c.ValueA), 1, 1e-12)
			near(t, "people", float64(c.ValueB), .8, 1e-12)
			if c.NonInferior == nil || !c.NonInferior.Shown || c.Difference.Low > c.Difference.Value {
				t.Errorf("%+v", c)
			}
		}
	}
	for _, c := range h.WithAI {
		if c.Figure == "sensitivity" {
			near(t, "aided", float64(c.Difference.Value), .1, 1e-12)
		}
	}
	// With confidence, the same option twice ranks by it.
	fifty, ninety := 50, 90
	it := b.Protocol.Item("severity")
	lo := score(it, &annotate.Answer{Choice: []string{"severe"}, Confidence: &fifty})
	hi := score(it, &annotate.Answer{Choice: []string{"severe"}, Confidence: &ninety})
	no := score(it, &annotate.Answer{Choice: []string{"mild"}, Confidence: &ninety})
	yes := score(it, &annotate.Answer{Choice: []string{"mild"}, Confidence: &fifty})
	if !(no < yes && yes < lo && lo < hi) {
		t.Errorf("%v %v %v %v", no, yes, lo, hi)
	}
	// From the study's own results.
	for i := range 20 {
		b.choose("R9", i, protocol.Deciding, truth[b.Cases[i].ID]["severity"])
	}
	if h := report(t, b, Options{}).HeadToHead[0]; h.Cases != 20 || h.Truth == "given" {
		t.Errorf("%+v", h)
	}
}

func TestRepeats(t *testing.T) {
	b := newBook(t, 4, "R1")
	b.Protocol.Design = protocol.Design{Kind: protocol.Independent, Readers: 1, Repeat: 50}
	for i, v := range []float64{50, 60, 70, 80} {
		b.number("R1", i, v)
	}
	for i, v := range []float64{53, 61} {
		b.Readings = append(b.Readings, annotate.ReadingRecord{ID: fmt.Sprint("again", i), Reader: "R1", Case: b.Cases[i].ID, Arm: protocol.Unaided, Session: 2,
			Answers: []*annotate.Answer{{Item: "lvef", Value: &v, Unit: "%"}}})
	}
	it := report(t, b, Options{}).item("lvef")
	if len(it.Repeats) != 1 || it.Repeats[0].N != 2 || it.Units != 4 {
		t.Fatalf("%+v", it)
	}
	near(t, "bias", float64(find(t, it.Repeats[0].Measures, "bias").Value), -2, 1e-12)
}

func TestEdges(t *testing.T) {
	b := newBook(t, 2)
	if r := report(t, b, Options{}); len(r.Items) != 0 || len(r.Disagreements) != 0 {
		t.Errorf("nothing was read: %+v", r)
	}
	b.choose("R1", 0, protocol.Unaided, "none")
	if r := report(t, b, Options{}); r.item("severity").Both != 0 || len(r.item("severity").Pairs) != 0 {
		t.Errorf("one reading: %+v", r)
	}
	for _, o := range []Options{{Level: 2}, {Resamples: 3}, {Margin: -1}} {
		if _, err := Analyse(t.Context(), b.Records, o); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if _, err := Analyse(t.Context(), &annotate.Records{}, Options{}); fault.CodeOf(err) != fault.Input {
		t.Error(err)
	}
}
