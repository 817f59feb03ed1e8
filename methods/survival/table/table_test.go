package table

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
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

// Names of columns are read whatever their case, with a byte-order mark and blanks; other columns may hold anything.
func TestReadNames(t *testing.T) {
	p, err := Read("p.csv", strings.NewReader("\ufeffDuration, Event ,RISK,Entry,patient_id,Surv@0,surv@2.5,remark\n 3 ,1, -2e3 ,1,a,1,.5,\"x,\ny\"\n4,0,7,0,a,1,.25,\n"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.Labels.Time, []float64{3, 4}) || !slices.Equal(p.Labels.Entry, []float64{1, 0}) || p.Risk[0] != -2000 || p.Patient[1] != "a" {
		t.Errorf("labels %+v, risks %v", p.Labels, p.Risk)
	}
	if !slices.Equal(p.Curves.Times, []float64{0, 2.5}) { // a column at 0 is not doubled
		t.Errorf("times %v", p.Curves.Times)
	}
	l, err := ReadLabels("t.csv", strings.NewReader("event,time\n2,0\n0,1e300\n"))
	if err != nil || !slices.Equal(l.Event, []int{2, 0}) || l.Time[1] != 1e300 {
		t.Errorf("labels alone: %+v, %v", l, err)
	}
}

// More of what is refused, each with its place, as an Input error.
func TestReadRefusesWithThePlace(t *testing.T) {
	for name, c := range map[string]struct{ csv, says string }{
		"header alone":    {"time,event,risk\n", "no rows"},
		"ragged":          {"time,event,risk\n1,1,2\n1,1\n", "line 3"},
		"open quote":      {"time,event,risk\n1,1,\"2\n", "line"},
		"missing risk":    {"time,event,risk\n1,1,2\n1,1,\n", "row 2, column risk"},
		"risk NaN":        {"time,event,risk\n1,1,NaN\n", "not a number"},
		"risk infinite":   {"time,event,risk\n1,1,1e999\n", "not a number"},
		"time infinite":   {"time,event,risk\nInf,1,1\n", "row 1, column time"},
		"event far off":   {"time,event,risk\n1,101,1\n", "the event is 101"},
		"negative event":  {"time,event,risk\n1,-1,1\n", "the event is -1"},
		"entry too late":  {"time,event,risk,entry\n2,1,1,0\n2,1,1,2\n", "row 2: watched from 2"},
		"negative column": {"time,event,surv@-1\n1,1,.5\n", "no time"},
		"NaN column":      {"time,event,surv@NaN\n1,1,.5\n", "no time"},
		"cause 0":         {"time,event,cif0@1\n1,1,.5\n", "want cif1@T"},
		"cause in words":  {"time,event,cifx@1\n1,1,.5\n", "want cif1@T"},
		"a gap of causes": {"time,event,cif1@1,cif3@1\n1,1,.5,.5\n", "cause 2"},
		"cause twice":     {"time,event,cif1@1,cif1@1.00\n1,1,.5,.5\n", "two columns"},
		"curve in words":  {"time,event,surv@1\n1,1,high\n", "row 1, column surv@1"},
	} {
		_, err := Read("p.csv", strings.NewReader(c.csv))
		if fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "p.csv") {
			t.Errorf("%s: %v, want %q in it", name, err, c.says)
		}
	}
}

// What is written is what is read, whatever the order of columns and rows.
func TestReadIsWhatWasWritten(t *testing.T) {
	rng := stats.Seed(3).Stream("table")
	const n = 30
	times := []float64{1, 2.5, 1e-3, 40}
	columns := []string{"time", "event", "risk"}
	for _, u := range times {
		columns = append(columns, "surv@"+strconv.FormatFloat(u, 'g', -1, 64))
	}
	values := map[string][]float64{}
	for _, c := range columns {
		for range n {
			v := rng.Float64()
			if c == "event" {
				v = float64(rng.IntN(3))
			}
			values[c] = append(values[c], v)
		}
	}
	rng.Shuffle(len(columns), func(i, j int) { columns[i], columns[j] = columns[j], columns[i] })
	var b strings.Builder
	b.WriteString(strings.Join(columns, ",") + "\n")
	for i := range n {
		for k, c := range columns {
			if k > 0 {
				b.WriteByte(',')
			}
			b.WriteString(strconv.FormatFloat(values[c][i], 'g', -1, 64))
		}
		b.WriteByte('\n')
	}
	p, err := Read("p.csv", strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.Labels.Time, values["time"]) || !slices.Equal(p.Risk, values["risk"]) || !slices.Equal(p.Curves.Times, []float64{0, 1e-3, 1, 2.5, 40}) {
		t.Errorf("read %+v", p)
	}
	for k, u := range p.Curves.Times[1:] {
		if !slices.Equal(p.Curves.Values[k+1], values["surv@"+strconv.FormatFloat(u, 'g', -1, 64)]) {
			t.Errorf("the curve at %g differs", u)
		}
	}
}
