package table

import (
	"slices"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	p, err := Read("p.csv", strings.NewReader("Patient,time,event,risk,surv@10,surv@5,cif1@5,cif2@5,note\na,3,1,2.5,.1,.4,.5,.1,x\nb,12,0,1,.8,.9,.1,0,y\n"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.Curves.Times, []float64{0, 5, 10}) || p.Curves.Values[0][1] != 1 || p.Curves.Values[1][0] != .4 || p.Curves.Values[2][1] != .8 {
		t.Errorf("curves %v", p.Curves)
	}
	if p.Patient[1] != "b" || p.Risk[0] != 2.5 || p.Labels.Event[1] != 0 || len(p.Incidence) != 2 || p.Incidence[0].Values[0][0] != 0 || p.Incidence[1].Values[1][0] != .1 {
		t.Errorf("predictions %+v", p)
	}
}

func TestReadRefuses(t *testing.T) {
	for name, c := range map[string]struct{ csv, says string }{
		"nothing":        {"", "no rows"},
		"no event":       {"time,risk\n1,2\n", "time and event"},
		"no predictions": {"time,event\n1,1\n", "no predictions"},
		"bad time":       {"time,event,surv@x\n1,1,.5\n", "no time"},
		"negative":       {"time,event,risk\n-1,1,.5\n", "negative"},
		"text":           {"time,event,risk\n1,1,high\n", "row 1, column risk"},
		"twice":          {"time,event,surv@1,surv@1.0\n1,1,.5,.5\n", "two columns"},
		"no cause 1":     {"time,event,cif2@1\n1,1,.5\n", "cause 1"},
		"event":          {"time,event,risk\n1,1.5,.5\n", "the event is 1.5"},
	} {
		if _, err := Read("p.csv", strings.NewReader(c.csv)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q in it", name, err, c.says)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("time,event,risk,surv@1\n1,1,0,.5\n")
	f.Add("time,event,cif1@1,cif9@1\n1,0,0,.5\n")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := Read("f", strings.NewReader(s))
		if err == nil && p.Labels.Check() != nil {
			t.Error("wrong labels were read without an error")
		}
	})
}
