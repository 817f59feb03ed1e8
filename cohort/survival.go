package cohort

import (
	"math"
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/nearest"
)

// TimeToEvent is a target whose truth is a time and whether the event happened then (1) or follow-up ended (0): [time, event]. The network
// answers with the probability of being free of the event at each of Cuts.
const TimeToEvent = "time-to-event"

// The methods of a time-to-event target. Cox and Cox-Time compare the rows of a batch: theirs should be 16 or more.
const (
	LogisticHazard = "logistic-hazard" // Gensheimer and Narasimhan 2019
	PMF            = "pmf"             // Kvamme and Borgan 2021
	MTLR           = "mtlr"            // Yu et al. 2011; Fotso 2018
	DeepHit        = "deephit"         // Lee et al. 2018
	Cox            = "cox"             // Katzman et al. 2018 (DeepSurv)
	CoxTime        = "cox-time"        // Kvamme, Borgan and Scheel 2019
)

var survivalMethods = []string{LogisticHazard, PMF, MTLR, DeepHit, Cox, CoxTime}

// DefaultCuts is the number of times at which survival is predicted where the recipe names none.
const DefaultCuts = 15

// readTimeToEvent reads the column of times and that of events. Negative times, other codes, no event at all and times that are all 0 are
// errors that say so. Without cuts in the recipe they are 0 and quantiles of the times of events, of all rows: places on the axis of
// time, which say nothing about anybody.
func (c *Cohort) readTimeToEvent(t *TargetSpec, what string) error {
	if t.Method != "" && !slices.Contains(survivalMethods, t.Method) {
		return fault.New(fault.Usage, "%s.method is %q (%s)", what, t.Method, nearest.Hint(t.Method, survivalMethods))
	}
	if t.Event == "" {
		return fault.New(fault.Usage, "%s.event is not set: a time-to-event target reads the time from column %s and whether the event happened from another", what, t.Column)
	}
	if err := c.cells(t.Column, what, t.Name, 2, 0, func(row *Row, cell string) (float64, error) {
		v, ok := number(cell)
		if !ok {
			return 0, fault.New(fault.Input, "%s, line %d, column %s: not a number", c.tableName(), row.Line, t.Column)
		}
		if v < 0 {
			return 0, fault.New(fault.Input, "%s, line %d, column %s: a negative time", c.tableName(), row.Line, t.Column).
				WithHint("times count from the image to the event or the end of follow-up; leave rows with earlier events out with data.where")
		}
		return v, nil
	}); err != nil {
		return err
	}
	if err := c.cells(t.Event, what, t.Name, 2, 1, func(row *Row, cell string) (float64, error) {
		return c.binary(t, row, t.Event, cell)
	}); err != nil {
		return err
	}
	var times []float64
	latest, known := 0.0, 0
	for i := range c.Rows {
		v := c.Rows[i].Truth[t.Name]
		if math.IsNaN(v[0]) || math.IsNaN(v[1]) {
			v[0], v[1] = math.NaN(), math.NaN() // half a truth is none
			continue
		}
		known++
		latest = math.Max(latest, v[0])
		if v[1] == 1 {
			times = append(times, v[0])
		}
	}
	switch {
	case known == 0:
		return nil // said by noteMissing
	case len(times) == 0:
		return fault.New(fault.Input, "%s: none of the %d rows with a time has an event", what, known).WithHint("name the values that count as an event in the target's positive key")
	case latest == 0:
		return fault.New(fault.Input, "%s: all times are 0", what)
	}
	if t.Cuts == nil {
		slices.Sort(times)
		t.Cuts = []float64{0}
		for k := 1; k < DefaultCuts; k++ {
			t.Cuts = append(t.Cuts, times[(len(times)-1)*k/(DefaultCuts-1)])
		}
		t.Cuts = slices.Compact(t.Cuts)
	}
	return checkCuts(t.Cuts, what)
}

func checkCuts(cuts []float64, what string) error {
	if len(cuts) < 2 || cuts[0] != 0 {
		return fault.New(fault.Usage, "%s.cuts: want at least two times, the first of them 0", what)
	}
	for i := 1; i < len(cuts); i++ {
		if !(cuts[i] > cuts[i-1]) || math.IsInf(cuts[i], 0) {
			return fault.New(fault.Usage, "%s.cuts: want times that rise", what)
		}
	}
	return nil
}
