package annotate

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/internal/fault"
)

// TestPreview: 30 px right and 40 down, of 0.5 mm, are 25 mm, as in the answer of record; and nothing is written, and nothing is measured
// of pictures that are not one's own.
func TestPreview(t *testing.T) {
	s := newStudy(t, "independent", 3)
	task := s.tasks("ann")[0]
	head := s.Head()
	line := Drawn{Image: 1, Shape: measure.Shape{Kind: measure.Length, Frame: 2, Points: []measure.Point{{X: 10, Y: 10}, {X: 40, Y: 50}}}}
	got, err := s.Preview("ann", task.Assignment, []Drawn{line})
	if err != nil || len(got) != 1 || got[0].Values[0] != (measure.Value{Name: "length", Number: 25, Unit: "mm"}) {
		t.Fatalf("%+v, %v", got, err)
	}
	var ventricle []measure.Point
	for i := range 21 { // half an ellipse, 60 px wide at the valve
		ventricle = append(ventricle, measure.Point{X: 10 + 3*float64(i), Y: 5 + float64(20-2*abs(i-10))*2})
	}
	drawn := []Drawn{{Role: "a4c_ed", Image: 1, Shape: measure.Shape{Kind: measure.Trace, Points: ventricle}}, {Role: "a4c_es", Image: 1, Shape: measure.Shape{Kind: measure.Trace, Frame: 2, Points: ventricle}}}
	ef, err := s.Preview("ann", task.Assignment, drawn)
	if err != nil || len(ef) != 1 {
		t.Fatalf("%+v, %v", ef, err)
	}
	r := s.do("ann", ReadingOpened, task.Assignment, 0, nil).Object
	e := s.do("ann", AnswerPut, "", 0, m{"reading": r, "answer": m{"item": "lvef", "shapes": drawn}})
	var record answered
	if err := json.Unmarshal(e.Data, &record); err != nil {
		t.Fatal(err)
	}
	if v, ok := ef[0].Value("EF (discs, A4C)"); !ok || v.Number != *record.Answer.Value {
		t.Errorf("shown %+v, of record %v", v, *record.Answer.Value)
	}
	if now := s.Head(); now.Seq != head.Seq+2 {
		t.Errorf("%d entries were written", now.Seq-head.Seq)
	}
	for name, bad := range map[string][]Drawn{"none": nil, "no picture": {{Image: 2, Shape: line.Shape}}, "no frame": {{Image: 1, Shape: measure.Shape{Kind: measure.Length, Frame: 4, Points: line.Points}}},
		"role": {{Role: "x", Image: 1, Shape: drawn[0].Shape}}, "twice": {drawn[0], drawn[0]}, "mixed": {line, drawn[0]}, "kind": {{Role: "a4c_ed", Image: 1, Shape: line.Shape}},
		"many": make([]Drawn, 65), "points": {{Image: 1, Shape: measure.Shape{Kind: measure.Length}}}} {
		if _, err := s.Preview("ann", task.Assignment, bad); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, who := range []string{"bob", "cora", "nobody", "eve"} {
		if _, err := s.Preview(who, task.Assignment, []Drawn{line}); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %v", who, err)
		}
	}
}

func abs(n int) int { return max(n, -n) }
