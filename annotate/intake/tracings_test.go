package intake

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/clip/phantom"
	"github.com/cineloop/cineloop/internal/fault"
)

const fractionRules = `version: 1
revision: 1
design: {kind: panel}
items:
  - {name: lvef, kind: ejection}
`

// TestTracings: the simulator's VolumeTracings, which have EchoNet's form, give volumes within 1.5 per cent of those that the same lines give by the disc sum itself, π/4·Σd²·L/n,
// and long axes within 1.
func TestTracings(t *testing.T) {
	dir := t.TempDir()
	if err := phantom.Write(t.Context(), dir, phantom.Config{Seed: 5, Patients: 3, Views: []phantom.View{phantom.A4C}, Frames: 24, Workers: 1}, nil); err != nil {
		t.Fatal(err)
	}
	loops, err := filepath.Glob(filepath.Join(dir, "dicom", "*.dcm"))
	if err != nil || len(loops) != 3 {
		t.Fatal(loops, err)
	}
	p, err := annotate.Create(t.Context(), filepath.Join(dir, "study"), "study", 1, "eve")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	do := func(kind annotate.Kind, data any) {
		t.Helper()
		var b []byte
		if data != nil {
			b, _ = json.Marshal(data)
		}
		if _, err := p.Do(t.Context(), "eve", annotate.Op{Kind: kind, Data: b}); err != nil {
			t.Fatal(err)
		}
	}
	do(annotate.MemberAdded, map[string]any{"name": "echonet", "roles": []string{"reader"}})
	do(annotate.ProtocolSet, map[string]any{"yaml": fractionRules})
	for _, f := range loops {
		do(annotate.CaseAdded, map[string]any{"patient": filepath.Base(f), "files": []string{f}})
	}
	do(annotate.Assigned, nil)
	do(annotate.PhaseSet, map[string]any{"phase": "reading"})
	csv, err := os.ReadFile(filepath.Join(dir, "volume_tracings.csv"))
	if err != nil {
		t.Fatal(err)
	}
	read := func(r *Reader) error { return r.Path(t.Context(), filepath.Join(dir, "volume_tracings.csv")) }
	expect(t, bring(t, p, "echonet", Settings{}, Options{}, read), "3 items, 3 new, 0 changed, 0 same, 0 before, 3 readings, 0 locked, 0 passed, 0 refused, 0 warnings")
	expect(t, bring(t, p, "echonet", Settings{}, Options{Lock: true}, read), "3 items, 0 new, 0 changed, 3 same, 0 before, 3 readings, 3 locked, 0 passed, 0 refused, 0 warnings")
	if !strings.HasPrefix(string(csv), "FileName,X1,Y1,X2,Y2,Frame\n") {
		t.Error("the simulator's table has another form than EchoNet's")
	}
	records := p.Records()
	for _, x := range records.Readings {
		pic := records.Case(x.Case).Images[0]
		var truth phantom.Truth
		b, err := os.ReadFile(filepath.Join(dir, "truth", strings.TrimSuffix(filepath.Base(pic.File), ".dcm")+".json"))
		if err == nil {
			err = json.Unmarshal(b, &truth)
		}
		if err != nil {
			t.Fatal(err)
		}
		a := x.Answers[0]
		var want [2]float64
		for i, tr := range truth.Tracings {
			axis := tr.Chords[0]
			long := math.Hypot(axis.X1-axis.X2, axis.Y1-axis.Y2) * truth.PixelMM
			for _, c := range tr.Chords[1:] {
				d := math.Hypot(c.X1-c.X2, c.Y1-c.Y2) * truth.PixelMM
				want[i] += math.Pi / 4 * d * d * long / float64(len(tr.Chords)-1) / 1000
			}
			if a.Shapes[i].Frame != tr.Frame || a.Shapes[i].Role != []string{"a4c_ed", "a4c_es"}[i] {
				t.Errorf("trace %d: %+v, frame %d", i, a.Shapes[i].Role, tr.Frame)
			}
			one, err := measure.Measure(a.Shapes[i].Shape, measure.Calibration{Rows: pic.Rows, Columns: pic.Columns, Row: truth.PixelMM, Column: truth.PixelMM, Aspect: 1, Source: "x"})
			if err != nil {
				t.Fatal(err)
			}
			if l, _ := one.Value("long axis"); math.Abs(l.Number-long) > 0.01*long {
				t.Errorf("a long axis of %g mm, want %g", l.Number, long)
			}
		}
		for i, name := range []string{"EDV (discs, A4C)", "ESV (discs, A4C)"} {
			v, ok := a.Results[0].Value(name)
			if !ok || math.Abs(v.Number-want[i]) > 0.015*want[i] {
				t.Errorf("%s: %+v, want %g", name, v, want[i])
			}
		}
		if ef := 100 * (1 - want[1]/want[0]); math.Abs(*a.Value-ef) > 1 || a.Unit != "%" {
			t.Errorf("EF %g, want %g", *a.Value, ef)
		}
	}
}

// trapezoid is a ventricle of straight walls, long 20, wide from 2 at the apex to 12 at the base, in discs' middles.
func trapezoid(n int) []chord {
	list := []chord{{measure.Point{X: 20, Y: 5}, measure.Point{X: 20, Y: 25}}} // apex above, as in EchoNet's own table
	for i := range n {
		h := (float64(i) + 0.5) / float64(n)
		w := 1 + 5*h
		list = append(list, chord{measure.Point{X: 20 - w, Y: 5 + 20*h}, measure.Point{X: 20 + w, Y: 5 + 20*h}})
	}
	return list
}

// TestOutlineOf: the valve's plane is where the axis ends, whatever the order and the direction of the rows.
func TestOutlineOf(t *testing.T) {
	want, err := outlineOf(trapezoid(4))
	if err != nil {
		t.Fatal(err)
	}
	// By hand: from the right side of the valve up, the apex, and down the left; the line nearest to the base has 20 ± 5.375 at 22.5 and moves to 25.
	hand := at(25.375, 25, 25.375, 22.5, 24.125, 17.5, 22.875, 12.5, 21.625, 7.5, 20, 5, 18.375, 7.5, 17.125, 12.5, 15.875, 17.5, 14.625, 22.5, 14.625, 25)
	if !slices.Equal(want, hand) {
		reversed := slices.Clone(hand)
		slices.Reverse(reversed)
		if !slices.Equal(want, reversed) {
			t.Fatalf("%v, want %v", want, hand)
		}
	}
	size := func(p []measure.Point) (v [2]float64) {
		res, err := measure.Measure(measure.Shape{Kind: measure.Trace, Points: p}, measure.Calibration{Row: 1, Column: 1, Source: "x"})
		if err != nil {
			t.Fatal(err)
		}
		a, _ := res.Value("area")
		l, _ := res.Value("long axis")
		return [2]float64{a.Number, l.Number}
	}
	expected := size(want)
	if expected[1] != 20 {
		t.Errorf("a long axis of %g", expected[1])
	}
	for name, change := range map[string]func(l []chord){
		"axis from base to apex": func(l []chord) { l[0] = chord{l[0].b, l[0].a} },
		"rows in another order":  func(l []chord) { slices.Reverse(l[1:]) },
		"lines the other way":    func(l []chord) { l[1], l[3] = chord{l[1].b, l[1].a}, chord{l[3].b, l[3].a} },
		"mixed":                  func(l []chord) { l[1], l[4] = l[4], l[1] },
	} {
		l := trapezoid(4)
		change(l)
		p, err := outlineOf(l)
		if err != nil || size(p) != expected {
			t.Errorf("%s: %v, %v, want %v", name, size(p), err, expected)
		}
	}
	// A line at the base itself is not doubled.
	l := append(trapezoid(4), chord{measure.Point{X: 14, Y: 25}, measure.Point{X: 26, Y: 25}})
	if p, err := outlineOf(l); err != nil || len(p) != 2*5+1 {
		t.Errorf("%d points, %v", len(p), err)
	}
	for name, l := range map[string][]chord{"too few": trapezoid(2), "none": nil, "no axis": append([]chord{{}}, trapezoid(4)[1:]...)} {
		if _, err := outlineOf(l); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTracingsThatDoNotFit(t *testing.T) {
	p := study(t, fractionRules)
	rows := func(name string, frame string, n int, wide string) string {
		out := name + ",20,5,20,25," + frame + "\n"
		for i := range n {
			out += name + ",18," + string(rune('6'+i)) + "," + wide + "," + string(rune('6'+i)) + "," + frame + "\n"
		}
		return out
	}
	const head = "FileName,X1,Y1,X2,Y2,Frame\n"
	from := func(text string) func(*Reader) error {
		return func(r *Reader) error { return r.Tracings("v.csv", strings.NewReader(text)) }
	}
	for text, want := range map[string]string{
		head + rows("loop.avi", "0", 3, "24"):                                     "1 frames were traced",
		head + rows("loop.avi", "0", 3, "24") + rows("loop.avi", "3", 2, "23"):    "a frame of 3 rows",
		head + rows("other.avi", "0", 3, "24") + rows("other.avi", "3", 3, "23"):  "of no case",
		head + rows("loop.avi", "0", 3, "24") + rows("loop.avi", "9", 3, "23"):    "does not lie where",
		head + rows("still.avi", "0", 3, "24") + rows("still.avi", "1", 3, "23"):  "does not lie where",
		head + rows("loop.avi", "0", 3, "240") + rows("loop.avi", "1", 3, "23"):   "outside of the picture",
		head + rows("loop.avi", "0", 3, "24") + "loop.avi,a,b,c,d,1\n":            "are no numbers",
		head + rows("loop.avi", "0", 3, "24") + "loop.avi,1,2,NaN,4,1\n":          "are no numbers",
		head + rows("loop.avi", "-1", 3, "24") + rows("loop.avi", "9", 3, "23"):   "are no numbers",
		head + rows("loop.avi", "1.5", 3, "24") + rows("loop.avi", "9", 3, "2e7"): "are no numbers",
	} {
		s := bring(t, p, "ann", Settings{}, Options{}, from(text))
		if s.Answers > 0 || len(s.Refused) == 0 || !strings.Contains(s.Refused[0].Reason, want) {
			t.Errorf("%q: %s %+v", text[:60], counts(s), s.Refused)
		}
	}
	for text, want := range map[string]string{"": "header", "FileName,X1,Y1,X2,Frame\n": "no column Y2", head + "a,b\n": "row 2 can't be read"} {
		r, _ := NewReader(p, "ann", Settings{})
		if err := r.Tracings("v", strings.NewReader(text)); fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	// Larger first or second: the larger is the end of diastole. A table of pictures renames the loop.
	text := head + rows("0X1A.avi", "4", 3, "23") + rows("0X1A.avi", "2", 3, "26")
	s := bring(t, p, "bob", Settings{Pictures: strings.NewReader("FileName,file\n0X1A.avi,loop.dcm\n")}, Options{}, from(text))
	expect(t, s, "1 items, 1 new, 0 changed, 0 same, 0 before, 1 readings, 0 locked, 0 passed, 0 refused, 0 warnings")
	if a := answersOf(t, p, "bob")["loop.dcm lvef 0 0 0"]; a.Shapes[0].Role != "a4c_ed" || a.Shapes[0].Frame != 2 || *a.Value <= 0 {
		t.Errorf("%+v", a)
	}
	// The protocol has none, or several.
	q := study(t, maskRules)
	r, _ := NewReader(q, "ann", Settings{})
	if err := r.Tracings("v", strings.NewReader(text)); fault.CodeOf(err) != fault.Input {
		t.Error(err)
	}
	q = study(t, fractionRules+"  - {name: second, kind: ejection}\n")
	if r, _ = NewReader(q, "ann", Settings{}); fault.CodeOf(r.Tracings("v", strings.NewReader(text))) != fault.Usage {
		t.Error("two fractions")
	}
	if r, _ = NewReader(q, "ann", Settings{Items: map[string]string{"tracings": "second"}}); r.Tracings("v", strings.NewReader(head)) != nil {
		t.Error("mapped")
	}
}

// FuzzTracings: whatever a table is, it ends in traces that package measure takes, or in reasons.
func FuzzTracings(f *testing.F) {
	p := study(f, fractionRules)
	f.Add("FileName,X1,Y1,X2,Y2,Frame\nloop.avi,20,5,20,25,0\nloop.avi,18,6,22,6,0\nloop.avi,18,8,22,8,0\nloop.avi,18,9,22,9,0\nloop.avi,20,5,20,25,1\nloop.avi,19,6,22,6,1\nloop.avi,18,8,21,8,1\nloop.avi,18,9,21,9,1\n")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<16 {
			return
		}
		r, err := NewReader(p, "ann", Settings{})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Tracings("x", strings.NewReader(text)); err != nil && fault.CodeOf(err) != fault.Input {
			t.Fatal(err)
		}
		for _, x := range r.found {
			for _, d := range x.answer.Shapes {
				if err := d.Check(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := r.Bring(t.Context(), Options{DryRun: true}); err != nil {
			t.Fatal(err)
		}
	})
}
