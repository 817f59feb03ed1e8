package cohort

import (
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
)

// timesOf is a cohort of rows read from lines "time,event".
func timesOf(lines ...string) *Cohort {
	c := &Cohort{Columns: []string{"t", "e"}}
	c.Spec.Table = "t.csv"
	c.Spec.Targets = []TargetSpec{{Name: "death", Kind: TimeToEvent, Column: "t", Event: "e"}}
	for i, l := range lines {
		c.Rows = append(c.Rows, Row{Line: i + 2, Columns: strings.Split(l, ",")})
	}
	return c
}

func TestReadTimeToEvent(t *testing.T) {
	c := timesOf("3,1", "1,yes", "2,0", ",1", "5,1")
	if err := c.readTargets(); err != nil {
		t.Fatal(err)
	}
	if v := c.Rows[1].Truth["death"]; v[0] != 1 || v[1] != 1 {
		t.Errorf("row 2 is %v", v)
	}
	if v := c.Rows[3].Truth["death"]; v[0] == v[0] || v[1] == v[1] {
		t.Errorf("an event without a time is no truth: %v", v)
	}
	cuts := c.Spec.Targets[0].Cuts
	if cuts[0] != 0 || cuts[len(cuts)-1] != 5 || c.Spec.Targets[0].Width() != len(cuts) {
		t.Errorf("cuts %v", cuts)
	}
	for name, x := range map[string]struct {
		c    *Cohort
		code fault.Code
		says string
	}{
		"negative": {timesOf("-1,1", "2,1"), fault.Input, "negative"},
		"text":     {timesOf("soon,1"), fault.Input, "not a number"},
		"no event": {timesOf("1,0", "2,0"), fault.Input, "none of the 2 rows"},
		"zeros":    {timesOf("0,1", "0,0"), fault.Input, "all times are 0"},
		"code":     {timesOf("1,7"), fault.Input, "neither 0 nor 1"},
	} {
		if err := x.c.readTargets(); fault.CodeOf(err) != x.code || !strings.Contains(err.Error(), x.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c = timesOf("1,1")
	c.Spec.Targets[0].Event = ""
	if err := c.readTargets(); fault.CodeOf(err) != fault.Usage {
		t.Errorf("no event column: %v", err)
	}
	c = timesOf("1,1")
	c.Spec.Targets[0].Cuts = []float64{0, 2, 1}
	if err := c.readTargets(); fault.CodeOf(err) != fault.Usage {
		t.Errorf("cuts that fall: %v", err)
	}
}
