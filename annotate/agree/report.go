package agree

import (
	"context"
	"fmt"
	"slices"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/stats"
)

// Options of a report.
type Options struct {
	Level     float64 // of intervals; default 0.95
	Resamples int     // of patients; default 1000
	Seed      stats.Seed
	Margin    float64 // of non-inferiority of AI, in the unit of the figure; 0: not tested
	Truth     Truth   // known from elsewhere; nil: the study's adjudicated results
}

// Truth says what is so: the option, by case and item.
type Truth map[string]map[string]string

// Report is the agreement of a study's readers.
type Report struct {
	Project       string         `json:"project"`
	Phase         annotate.Phase `json:"phase"`
	Protocol      int            `json:"protocol_revision"`
	Level         float64        `json:"level"`
	Cases         int            `json:"cases"`
	Readings      int            `json:"readings"`
	Drafts        int            `json:"drafts"`
	Readers       []Reader       `json:"readers"`
	Items         []Item         `json:"items"`
	HeadToHead    []HeadToHead   `json:"head_to_head,omitempty"`
	Edits         []Edits        `json:"edits,omitempty"`
	Blinding      []Blinding     `json:"blinding,omitempty"`
	Disagreements []Disagreement `json:"disagreements"`
	Notes         []string       `json:"notes,omitempty"`
}

// Reader is one of them.
type Reader struct {
	Mask     string          `json:"reader"`
	AI       bool            `json:"ai"`
	Readings int             `json:"readings"`
	Seconds  evaluate.Number `json:"median_seconds"`
}

// Item is one question in one arm.
type Item struct {
	Name         string    `json:"item"`
	Label        string    `json:"label"`
	Kind         string    `json:"kind"`
	Arm          string    `json:"arm"`
	Unit         string    `json:"unit,omitempty"`
	Units        int       `json:"units"` // that somebody answered for
	Both         int       `json:"units_of_two"`
	CannotAssess int       `json:"cannot_assess"` // answers
	OtherUnit    int       `json:"other_unit,omitempty"`
	People       []Measure `json:"people"`
	Pairs        []Pair    `json:"pairs"`
	Repeats      []Pair    `json:"repeats,omitempty"` // of one reader, twice
	Notes        []string  `json:"notes,omitempty"`
}

// Measure is a number with its interval.
type Measure struct {
	Name   string          `json:"measure"`
	Value  evaluate.Number `json:"value"`
	Low    evaluate.Number `json:"low"`
	High   evaluate.Number `json:"high"`
	Method string          `json:"method,omitempty"` // of the interval
	N      int             `json:"n"`
	Unit   string          `json:"unit,omitempty"`
	Note   string          `json:"note,omitempty"`
}

// Pair is two readers, or one twice.
type Pair struct {
	A        string       `json:"a"`
	B        string       `json:"b"`
	AI       bool         `json:"ai"` // one of them is a model
	N        int          `json:"n"`
	Measures []Measure    `json:"measures"`
	Points   [][2]float64 `json:"-"` // of numbers: a and b
}

func measured(name string, v float64, ci stats.Interval, n int) Measure {
	return Measure{Name: name, Value: evaluate.Number(v), Low: evaluate.Number(ci.Low), High: evaluate.Number(ci.High), Method: ci.Method, N: n}
}

// because gives the reason, where there is no interval and none was given yet.
func (m Measure) because(why string) Measure {
	if (!m.Low.Defined() || !m.High.Defined()) && m.Note == "" {
		m.Note = why
	}
	return m
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Analyse makes the report. The error is ctx's, or code input where the study has no protocol.
func Analyse(ctx context.Context, r *annotate.Records, o Options) (*Report, error) {
	if err := o.check(r); err != nil {
		return nil, err
	}
	out := &Report{Project: r.Name, Phase: r.Phase, Protocol: r.Protocol.Revision, Level: o.Level, Cases: len(r.Cases), Readings: len(r.Readings), Drafts: r.Drafts,
		Disagreements: Queue(r)}
	for _, m := range r.Readers {
		reader := Reader{Mask: m.Mask, AI: m.AI}
		var seconds []float64
		for _, x := range r.Readings {
			if x.Reader == m.Mask {
				reader.Readings++
				seconds = append(seconds, x.Seconds)
			}
		}
		slices.Sort(seconds)
		reader.Seconds = evaluate.Number(stats.Quantile(seconds, 0.5))
		out.Readers = append(out.Readers, reader)
	}
	if r.Drafts > 0 {
		out.Notes = append(out.Notes, plural(r.Drafts, "reading is", "readings are")+" under way and not counted: what is here will change")
	}
	for _, arm := range arms(r) {
		for i := range r.Protocol.Items {
			it := &r.Protocol.Items[i]
			if it.Kind == protocol.Text || it.Kind == protocol.Origin || it.Kind == protocol.Prefer && arm != protocol.Preferring || it.Kind != protocol.Prefer && arm == protocol.Preferring {
				continue
			}
			if arm == protocol.Aided && len(gather(r, it, arm, 0).people) == 0 { // a model's answers stand in both arms
				continue
			}
			item, err := analyse(ctx, r, it, arm, o)
			if err != nil {
				return nil, err
			}
			out.Items = append(out.Items, *item)
		}
	}
	var err error
	if out.HeadToHead, err = headToHead(ctx, r, o); err != nil {
		return nil, err
	}
	if out.Edits, err = edits(ctx, r, o); err != nil {
		return nil, err
	}
	out.Blinding, err = blinding(ctx, r, o)
	return out, err
}

// arms that the study's people have readings in.
func arms(r *annotate.Records) (out []string) {
	for _, arm := range []string{protocol.Unaided, protocol.Aided, protocol.Preferring} {
		if slices.ContainsFunc(r.Readings, func(x annotate.ReadingRecord) bool { return x.Arm == arm && x.Reader != "" }) {
			out = append(out, arm)
		}
	}
	return out
}

func analyse(ctx context.Context, r *annotate.Records, it *protocol.Item, arm string, o Options) (*Item, error) {
	g := gather(r, it, arm, 0)
	out := &Item{Name: it.Name, Label: it.Label, Kind: string(it.Kind), Arm: arm, Unit: it.Unit, Units: len(g.units), People: []Measure{}, Pairs: []Pair{}}
	if it.Kind == protocol.Mask {
		out.Unit = ""
	}
	for _, u := range g.units {
		people := 0
		for name, a := range g.answers[u] {
			switch {
			case a.CannotAssess != "":
				out.CannotAssess++
			case a.Value != nil && it.Unit != "" && a.Unit != it.Unit:
				out.OtherUnit++
			}
			if slices.Contains(g.people, name) {
				people++
			}
		}
		if people >= 2 {
			out.Both++
		}
	}
	if out.OtherUnit > 0 {
		out.Notes = append(out.Notes, fmt.Sprintf("%d values are not in %s, because their pictures have no scale for it, and are left out", out.OtherUnit, it.Unit))
	}
	if p := g.patients(); len(g.units) > distinct(p) {
		out.Notes = append(out.Notes, "some patients have several units: every interval is found by resampling patients")
	}
	var err error
	switch it.Kind {
	case protocol.Choice, protocol.Ordinal, protocol.Prefer:
		err = g.labels(ctx, out, o)
	case protocol.Multi:
		err = g.options(ctx, out, o)
	case protocol.Mask:
		err = g.masks(ctx, out, o)
	default:
		err = g.numbers(ctx, out, o)
	}
	if err == nil {
		err = g.eachPair(func(a, b string, ai bool) error {
			p, err := g.pair(ctx, a, b, o)
			if p.AI = ai; p.N > 0 {
				out.Pairs = append(out.Pairs, p)
			}
			return err
		})
	}
	if err == nil {
		out.Repeats, err = repeats(ctx, r, it, arm, o)
	}
	if err != nil {
		return nil, err
	}
	if len(out.People) == 0 {
		out.Notes = append(out.Notes, lacking(g, out))
	}
	return out, nil
}

// lacking says why there is nothing to say of people together.
func lacking(g *grid, out *Item) string {
	switch {
	case out.Units == 0:
		return "nobody answered this"
	case len(g.people) == 0:
		return "no person answered this, only models"
	case len(g.people) == 1:
		return "one person answered this: agreement takes two"
	case out.Both == 0:
		return "no unit was answered by two people"
	}
	return "no unit was assessed by two people"
}

func distinct(x []string) int { return len(slices.Compact(slices.Sorted(slices.Values(x)))) }

// eachPair goes through pairs of people, then through models with each person.
func (g *grid) eachPair(do func(a, b string, ai bool) error) error {
	for i, a := range g.people {
		for _, b := range g.people[i+1:] {
			if err := do(a, b, false); err != nil {
				return err
			}
		}
	}
	for _, a := range g.models {
		for _, b := range g.people {
			if err := do(a, b, true); err != nil {
				return err
			}
		}
	}
	return nil
}

// repeats compare a reader's second reading of a case with the first.
func repeats(ctx context.Context, r *annotate.Records, it *protocol.Item, arm string, o Options) (out []Pair, err error) {
	if r.Protocol.Design.Repeat == 0 || arm != protocol.Unaided {
		return nil, nil
	}
	first, second := gather(r, it, arm, 1), gather(r, it, arm, 2)
	for _, name := range second.people {
		both := &grid{item: it, arm: arm, people: []string{"first", "second"}, answers: map[unit]map[string]*annotate.Answer{}}
		for _, u := range second.units {
			a, b := first.answers[u][name], second.answers[u][name]
			if a != nil && b != nil {
				both.units = append(both.units, u)
				both.answers[u] = map[string]*annotate.Answer{"first": a, "second": b}
			}
		}
		p, err := both.pair(ctx, "first", "second", o)
		if err != nil {
			return nil, err
		}
		if p.N > 0 {
			p.A, p.B = name, name+" again"
			out = append(out, p)
		}
	}
	return out, nil
}

func (o *Options) bootstrap(name string) stats.Bootstrap {
	return stats.Bootstrap{Resamples: o.Resamples, Level: o.Level, Seed: o.Seed, Name: name}
}
