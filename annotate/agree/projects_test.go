package agree

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/stats"
)

// smallProject is one of testdata/projects.json, which bench/peers/agreement_projects.py makes without a line of this program.
type smallProject struct {
	Name     string
	Kind     string
	Options  int
	Unit     string
	Scale    []float64 // mm of a pixel, down and across
	Patients []string
	Answers  map[string][]json.RawMessage // by reader and case: an option or number, rows of a mask, "cannot", null
	Expect   []struct {
		Who, Measure string
		Value        *float64
		Low, High    []float64 // what the end lies between; where the reference is a formula both are the same
		None         bool      // there is no interval
		N            *int
		Tolerance    float64
	}
}

func (s smallProject) records(t *testing.T) *annotate.Records {
	t.Helper()
	item := "{name: q, kind: " + s.Kind
	for i := range s.Options {
		if i == 0 {
			item += ", options: ["
		}
		item += fmt.Sprintf("{name: o%d},", i)
		if i == s.Options-1 {
			item += "]"
		}
	}
	if s.Unit != "" {
		item += `, unit: "` + s.Unit + `"`
	}
	p, err := protocol.Read("p", []byte("version: 1\nrevision: 1\ndesign: {kind: independent}\nitems:\n  - "+item+", cannot_assess: [poor]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	b := &book{&annotate.Records{Name: s.Name, Phase: annotate.Closed, Protocol: p}}
	for i, patient := range s.Patients {
		b.Cases = append(b.Cases, &annotate.Case{ID: fmt.Sprintf("c%02d", i), Patient: patient, Images: []annotate.Picture{{Rows: 16, Columns: 20, Frames: 40}}})
	}
	for reader, list := range s.Answers {
		b.Readers = append(b.Readers, annotate.ReaderRecord{Mask: reader, AI: strings.HasPrefix(reader, "ai")})
		for i, raw := range list {
			if a := s.answer(t, raw); a != nil {
				b.add(reader, i, protocol.Unaided, *a)
			}
		}
	}
	return b.Records
}

func (s smallProject) answer(t *testing.T, raw json.RawMessage) *annotate.Answer {
	t.Helper()
	var number float64
	var rows []string
	a := &annotate.Answer{Item: "q"}
	switch {
	case string(raw) == "null":
		return nil
	case string(raw) == `"cannot"`:
		a.CannotAssess = "poor"
	case json.Unmarshal(raw, &rows) == nil:
		var in []bool
		for _, r := range rows {
			for _, c := range r {
				in = append(in, c == '#')
			}
		}
		a.Image = 1
		a.Mask = annotate.EncodeMask(in, len(rows), len(rows[0]))
		a.Results = []measure.Result{{Y: s.Scale[0], X: s.Scale[1], UnitX: measure.Millimetre, UnitY: measure.Millimetre}}
	case json.Unmarshal(raw, &number) != nil:
		t.Fatalf("%s: %s", s.Name, raw)
	case s.Options > 0:
		a.Choice = []string{fmt.Sprintf("o%d", int(number))}
	default:
		a.Value, a.Unit = &number, s.Unit
		if s.Kind == "frame" {
			a.Image, a.Unit = 1, measure.One
		}
	}
	return a
}

// TestSmallProjects holds every number that the report has of small projects, published tables and degenerate ones among them, against
// scikit-learn, SciPy and plain loops; what the report has and the reference has not is a fault too.
func TestSmallProjects(t *testing.T) {
	data, err := os.ReadFile("testdata/projects.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []smallProject
	if err := json.Unmarshal(data, &all); err != nil || len(all) < 25 {
		t.Fatalf("%d projects, %v", len(all), err)
	}
	resamples := 4000
	if testing.Short() { // ends by resampling are not held against the reference's then
		resamples = 20
	}
	for _, s := range all {
		t.Run(s.Name, func(t *testing.T) {
			r, err := Analyse(t.Context(), s.records(t), Options{Resamples: resamples, Seed: stats.Seed(11)})
			if err != nil {
				t.Fatal(err)
			}
			s.hold(t, r)
		})
	}
}

func (s smallProject) hold(t *testing.T, r *Report) {
	have := map[string]Measure{}
	for _, it := range r.Items {
		for _, m := range it.People {
			have["people "+m.Name] = m
		}
		for _, p := range it.Pairs {
			for _, m := range p.Measures {
				have[p.A+"|"+p.B+" "+m.Name] = m
			}
		}
	}
	explained(t, r)
	for _, e := range s.Expect {
		name := e.Who + " " + e.Measure
		m, ok := have[name]
		if !ok {
			t.Errorf("the report does not have %s", name)
			continue
		}
		delete(have, name)
		if e.Value == nil != !m.Value.Defined() || e.Value != nil && !(math.Abs(float64(m.Value)-*e.Value) <= e.Tolerance*math.Max(1, math.Abs(*e.Value))) {
			t.Errorf("%s: %v, the reference has %v", name, m.Value, deref(e.Value))
		}
		if e.N != nil && m.N != *e.N {
			t.Errorf("%s: of %d, the reference has %d", name, m.N, *e.N)
		}
		if none := e.None || e.Value == nil; none || !m.Low.Defined() {
			if none == m.Low.Defined() && !(testing.Short() && m.Method == "bootstrap") {
				t.Errorf("%s: interval %v to %v (%s), the reference has %v %v", name, m.Low, m.High, m.Method, e.Low, e.High)
			}
			continue
		}
		for _, end := range []struct {
			name string
			got  float64
			want []float64
		}{{"low", float64(m.Low), e.Low}, {"high", float64(m.High), e.High}} {
			if testing.Short() && strings.HasPrefix(m.Method, "bootstrap") {
				continue
			}
			slack := e.Tolerance * math.Max(1, math.Abs(end.want[0]))
			if !(end.got >= end.want[0]-slack && end.got <= end.want[1]+slack) {
				t.Errorf("%s, %s: %v (%s), the reference has %v", name, end.name, end.got, m.Method, end.want)
			}
		}
	}
	for name := range have {
		t.Errorf("the reference knows nothing of %s", name)
	}
}

func deref(v *float64) any {
	if v == nil {
		return "nothing"
	}
	return *v
}

// explained: a number has an interval or a reason why not, and an item without numbers says why.
func explained(t *testing.T, r *Report) {
	t.Helper()
	check := func(where string, list []Measure) {
		for _, m := range list {
			if (!m.Value.Defined() || !m.Low.Defined() || !m.High.Defined()) && m.Note == "" {
				t.Errorf("%s %s: %v, %v to %v, and no word why", where, m.Name, m.Value, m.Low, m.High)
			}
			if m.Low.Defined() && !(m.Low <= m.High) {
				t.Errorf("%s %s: from %v to %v", where, m.Name, m.Low, m.High)
			}
		}
	}
	for _, it := range r.Items {
		check(it.Name, it.People)
		for _, p := range it.Pairs {
			check(it.Name+" "+p.A+" "+p.B, p.Measures)
		}
		if len(it.People) == 0 && len(it.Notes) == 0 {
			t.Errorf("%s: nothing, and no word why", it.Name)
		}
	}
}
