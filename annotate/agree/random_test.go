package agree

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/stats"
)

const everyKind = `version: 1
revision: 1
design: {kind: sequential, ai: net}
items:
  - {name: label, kind: choice, options: [{name: a}, {name: b}, {name: c}], cannot_assess: [poor], disagreement: {metric: different}}
  - {name: grade, kind: ordinal, options: [{name: none}, {name: mild}, {name: severe}], positive: [severe], cannot_assess: [poor], prefill: true, disagreement: {metric: steps, limit: 1}}
  - {name: finding, kind: multi, options: [{name: clot}, {name: effusion}]}
  - {name: size, kind: number, unit: mm, prefill: true, disagreement: {metric: percent, limit: 20}}
  - {name: ed, kind: frame}
  - {name: lv, kind: mask, prefill: true, disagreement: {metric: hd95, limit: 3}}
  - {name: note, kind: text}
  - {name: whose, kind: origin}
`

// randomBook is a study of anything: readers who read some, cases of one to three images, patients with one or several, answers of every kind that
// may be missing, empty, not assessable or in another unit.
func randomBook(t *testing.T, seed int) (*book, Truth) {
	t.Helper()
	rng := stats.Seed(seed).Stream("random book")
	p, err := protocol.Read("p", []byte(everyKind))
	if err != nil {
		t.Fatal(err)
	}
	b, truth := newBook(t, rng.IntN(14), "R1", "R2", "R3", "ai1", "ai2"), Truth{}
	b.Protocol = p
	for i, c := range b.Cases {
		c.Patient = fmt.Sprintf("p%d", i/(1+rng.IntN(2)))
		if rng.IntN(4) > 0 {
			truth[c.ID] = map[string]string{"grade": []string{"none", "mild", "severe"}[rng.IntN(3)]}
		}
	}
	answer := func(it *protocol.Item) *annotate.Answer {
		a := &annotate.Answer{ID: fmt.Sprint(rng.Uint64()), Item: it.Name}
		if len(it.CannotAssess) > 0 && rng.IntN(6) == 0 {
			a.CannotAssess = "poor"
			return a
		}
		v := float64(rng.IntN(6)) * 10
		switch it.Kind {
		case protocol.Choice, protocol.Ordinal:
			a.Choice = []string{it.Options[rng.IntN(len(it.Options))].Name}
		case protocol.Multi:
			for _, o := range it.Options {
				if rng.IntN(2) == 0 {
					a.Choice = append(a.Choice, o.Name)
				}
			}
		case protocol.Number:
			a.Number, a.Value, a.Unit = &v, &v, "mm"
			if rng.IntN(8) == 0 {
				a.Unit = measure.Pixels
			}
		case protocol.Frame:
			a.Image, a.Number, a.Value, a.Unit = 1, &v, &v, measure.One
		case protocol.Mask:
			x := rng.IntN(4)
			id := a.ID
			a = box(x, 1, x+rng.IntN(4), 5)
			a.ID = id
		case protocol.Text:
			a.Text = "x"
		case protocol.Origin:
			a.Choice = []string{[]string{"ai", "human", "unknown"}[rng.IntN(3)]}
		}
		return a
	}
	for i, c := range b.Cases {
		for _, who := range []string{"ai1", "ai2", "R1", "R2", "R3"} {
			arms := []string{protocol.Unaided, protocol.Aided}
			if strings.HasPrefix(who, "ai") {
				arms = arms[:1]
			}
			for _, arm := range arms {
				if rng.IntN(4) == 0 {
					continue
				}
				r := annotate.ReadingRecord{ID: fmt.Sprint(who, i, arm), Reader: who, AI: len(arms) == 1, Case: c.ID, Arm: arm, Session: 1, Seconds: float64(rng.IntN(100))}
				for k := range p.Items {
					it := &p.Items[k]
					if rng.IntN(5) == 0 || !it.Asked(arm) {
						continue
					}
					a := answer(it)
					if arm == protocol.Aided && it.Prefill && rng.IntN(2) == 0 {
						was := answer(it)
						was.ID, a.DerivedFrom = a.ID, "x"
						if rng.IntN(2) == 0 {
							*a = *was
						}
						r.Prefilled = append(r.Prefilled, was)
						if rng.IntN(5) == 0 {
							continue
						}
					}
					r.Answers = append(r.Answers, a)
				}
				if arm == protocol.Aided {
					r.Shown = []string{fmt.Sprint("ai1", i, protocol.Unaided)}
				}
				b.Readings = append(b.Readings, r)
			}
		}
	}
	return b, truth
}

func analysed(t *testing.T, b *book, truth Truth) (*Report, string) {
	t.Helper()
	r, err := Analyse(t.Context(), b.Records, Options{Resamples: 20, Seed: 5, Truth: truth, Margin: .1})
	if err != nil {
		t.Fatal(err)
	}
	s, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return r, string(s)
}

// TestRandomBooks: whatever was read, every number has an interval or a reason, nothing is NaN in JSON, shares are shares, and what a reading began
// with is kept, changed or removed. A model more changes nothing that is said of people; the order of readings and cases changes nothing; a case
// that nobody read changes the number of cases alone.
func TestRandomBooks(t *testing.T) {
	n := 14
	if testing.Short() {
		n = 6
	}
	for seed := range n {
		b, truth := randomBook(t, seed)
		r, text := analysed(t, b, truth)
		if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
			t.Fatalf("seed %d: %s", seed, text)
		}
		explained(t, r)
		plausible(t, seed, r)

		shuffled := &book{&annotate.Records{}}
		*shuffled.Records = *b.Records
		shuffled.Readings, shuffled.Cases = slices.Clone(b.Readings), slices.Clone(b.Cases)
		rng := stats.Seed(seed).Stream("shuffle")
		rng.Shuffle(len(shuffled.Readings), func(i, j int) {
			shuffled.Readings[i], shuffled.Readings[j] = shuffled.Readings[j], shuffled.Readings[i]
		})
		if again, _ := analysed(t, shuffled, truth); peoplesNumbers(again) != peoplesNumbers(r) {
			t.Errorf("seed %d: the order in which readings were opened changes what is said of people", seed)
		}
		without := &book{&annotate.Records{}}
		*without.Records = *b.Records
		without.Readings = slices.DeleteFunc(slices.Clone(b.Readings), func(x annotate.ReadingRecord) bool { return x.Reader == "ai2" })
		if w, _ := analysed(t, without, truth); peoplesNumbers(w) != peoplesNumbers(r) && sameUnits(w, r) {
			t.Errorf("seed %d: a model more changes what is said of people", seed)
		}
		more := &book{&annotate.Records{}}
		*more.Records = *b.Records
		more.Cases = append(slices.Clone(b.Cases), &annotate.Case{ID: "unread", Patient: "p99", Images: []annotate.Picture{{Rows: 8, Columns: 8, Frames: 1}}})
		if w, _ := analysed(t, more, truth); peoplesNumbers(w) != peoplesNumbers(r) {
			t.Errorf("seed %d: a case that nobody read changes what is said of people", seed)
		}
	}
}

// peoplesNumbers are what is said of people alone.
func peoplesNumbers(r *Report) string {
	out := map[string]any{}
	for _, it := range r.Items {
		out[it.Name+it.Arm] = it.People
		for _, p := range it.Pairs {
			if !p.AI {
				out[it.Name+it.Arm+p.A+p.B] = p.Measures
			}
		}
	}
	s, _ := json.Marshal(out)
	return string(s)
}

// sameUnits says whether both reports are of the same units: a model may be the only one who answered for one, and patients are drawn from all.
func sameUnits(a, b *Report) bool {
	units := func(r *Report) map[string]int {
		out := map[string]int{}
		for _, it := range r.Items {
			out[it.Name+it.Arm] = it.Units
		}
		return out
	}
	return maps.Equal(units(a), units(b))
}

func plausible(t *testing.T, seed int, r *Report) {
	t.Helper()
	within := func(where string, list []Measure) {
		for _, m := range list {
			low, high := -1.0, 1.0
			switch {
			case m.Name == "agreement" || m.Name == "same options" || strings.HasSuffix(m.Name, "Dice") || strings.HasPrefix(m.Name, "mean Dice") || m.Name == "auc" ||
				m.Name == "sensitivity" || m.Name == "specificity" || m.Name == "kept as it was" || m.Name == "changed" || m.Name == "removed" || m.Name == "James index":
				low = 0
			case strings.HasPrefix(m.Name, "ICC") || strings.HasPrefix(m.Name, "Krippendorff") || strings.HasPrefix(m.Name, "Fleiss"):
				low = -1e9
			case strings.Contains(m.Name, "kappa") || strings.HasPrefix(m.Name, "Bang"):
			default:
				continue
			}
			for _, v := range []float64{float64(m.Value), float64(m.Low), float64(m.High)} {
				if v < low-1e-9 || v > high+1e-9 {
					t.Errorf("seed %d, %s: %s is %v (%v to %v)", seed, where, m.Name, m.Value, m.Low, m.High)
				}
			}
		}
	}
	for _, it := range r.Items {
		within(it.Name, it.People)
		for _, p := range it.Pairs {
			within(it.Name, p.Measures)
		}
		if it.Both > it.Units {
			t.Errorf("seed %d: %d units of two among %d", seed, it.Both, it.Units)
		}
	}
	for _, h := range r.HeadToHead {
		for _, p := range h.Readers {
			within(h.Item+" "+p.Reader, p.Measures)
			for _, m := range p.Measures {
				if (!m.Value.Defined() || !m.Low.Defined()) && m.Note == "" {
					t.Errorf("seed %d: %s of %s without a word", seed, m.Name, p.Reader)
				}
			}
			if p.Cases > h.Cases {
				t.Errorf("seed %d: %d of %d cases", seed, p.Cases, h.Cases)
			}
			for k := 1; k < len(p.ROC); k++ {
				if p.ROC[k].False < p.ROC[k-1].False || p.ROC[k].True < p.ROC[k-1].True {
					t.Errorf("seed %d: a curve goes back: %v", seed, p.ROC)
				}
			}
		}
		for _, c := range slices.Concat(h.AgainstAI, h.EachAgainstAI, h.WithAI, h.EachWithAI) {
			if d := float64(c.ValueA) - float64(c.ValueB) - float64(c.Difference.Value); d > 1e-9 || d < -1e-9 {
				t.Errorf("seed %d: %v − %v is not %v", seed, c.ValueA, c.ValueB, c.Difference.Value)
			}
			if c.Verdict == "" || !c.Difference.Low.Defined() && c.Difference.Note == "" {
				t.Errorf("seed %d: %+v", seed, c)
			}
			if ni := c.NonInferior; ni != nil && ni.Shown != (float64(ni.Bound) > -ni.Margin) {
				t.Errorf("seed %d: %+v", seed, ni)
			}
		}
		if h.ByAll > h.Cases || h.Positives > h.Cases || h.Patients > h.Cases {
			t.Errorf("seed %d: %+v", seed, h)
		}
	}
	for _, e := range r.Edits {
		within(e.Item, e.Measures)
		if e.Kept+e.Changed+e.Removed != e.Began {
			t.Errorf("seed %d: %+v", seed, e)
		}
	}
	for _, b := range r.Blinding {
		within(b.Item, b.Measures)
	}
}

// TestMoreAgreement: where a reader changes one answer to what the other said, the share of agreement rises by one unit's, and kappa never falls below
// what it was with the same margins.
func TestMoreAgreement(t *testing.T) {
	for seed := range 20 {
		rng := stats.Seed(seed).Stream("more")
		b := newBook(t, 12, "R1", "R2")
		options := []string{"none", "mild", "severe"}
		differ := -1
		for i := range 12 {
			x, y := rng.IntN(3), rng.IntN(3)
			if x != y {
				differ = i
			}
			b.choose("R1", i, protocol.Unaided, options[x])
			b.choose("R2", i, protocol.Unaided, options[y])
		}
		if differ < 0 {
			continue
		}
		before := find(t, report(t, b, Options{}).item("severity").Pairs[0].Measures, "agreement").Value
		var said string
		for _, x := range b.Readings {
			if x.Reader == "R1" && x.Case == b.Cases[differ].ID {
				said = x.Answers[0].Choice[0]
			}
		}
		for _, x := range b.Readings {
			if x.Reader == "R2" && x.Case == b.Cases[differ].ID {
				x.Answers[0].Choice = []string{said}
			}
		}
		near(t, "agreement", float64(find(t, report(t, b, Options{}).item("severity").Pairs[0].Measures, "agreement").Value), float64(before)+1.0/12, 1e-12)
	}
}
