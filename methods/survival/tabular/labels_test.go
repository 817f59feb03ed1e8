package tabular

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/survival"
	"github.com/cineloop/cineloop/torch"
)

// visited is people whose events are noticed at the next visit, a quarter of the median time apart, and who were first seen some time after
// the start.
func visited(d Data) Data {
	every := medianTime(d.Labels) / 4
	out := Data{P: d.P}
	for i, t := range d.Labels.Time {
		entry := every / 2 * float64(i%3)
		if entry >= t {
			continue // had the event before anybody looked
		}
		lower, upper := t, math.Inf(1)
		if d.Labels.Event[i] != 0 {
			lower = math.Max(every*math.Floor(t/every), entry)
			upper = lower + every
		}
		if !(lower > entry) {
			lower = math.Nextafter(entry, t)
		}
		out.X = append(out.X, d.row(i)...)
		out.Labels.Time, out.Labels.Upper = append(out.Labels.Time, lower), append(out.Labels.Upper, upper)
		out.Labels.Entry, out.Labels.Event = append(out.Labels.Entry, entry), append(out.Labels.Event, 0)
	}
	return out
}

// Models with a likelihood for it order people as well from intervals and late entries as from times.
func TestIntervalsAndLateEntryAreLearnt(t *testing.T) {
	if testing.Short() {
		t.Skip("trains six networks")
	}
	train, _ := simulated(900, 1)
	val, _ := simulated(300, 2)
	test, truth := simulated(500, 3)
	best := survival.Concordance(truth, test.Labels, survival.ConcordanceOptions{}).C
	train, val = visited(train), visited(val)
	engine(t, func(e *torch.Engine) {
		for _, name := range withIntervals {
			s := Settings{Model: name, Dropout: 0.1, Epochs: 30, Seed: 5}
			switch name { // far from home at first: intervals say little of the scale
			case Weibull:
				s.Dropout, s.Epochs, s.Patience = 0, 120, 30
			case LogNormal:
				s.Rate, s.Epochs = 0.02, 60
			}
			m, err := Fit(t.Context(), e, s, train, val)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			c, err := m.Survival(e, test.X)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			// Order at the median: what happens before the first visit nobody saw, and a shape of one's own may be anything there.
			risk := make([]float64, test.Len())
			for i, s := range c.Row(medianTime(test.Labels)) {
				risk[i] = -s
			}
			if got := survival.Concordance(risk, test.Labels, survival.ConcordanceOptions{}).C; got < best-0.03 {
				t.Errorf("%s: concordance %.3f, the truth's is %.3f", name, got, best)
			}
		}
	})
}

// What a model has no likelihood for is refused by name, not read as something else.
func TestLabelsThatAModelCannotUse(t *testing.T) {
	whole, _ := simulated(60, 1)
	intervals, late := visited(whole), visited(whole)
	late.Labels.Upper = nil
	late.Labels.Event = slices.Repeat([]int{1}, late.Len())
	engine(t, func(e *torch.Engine) {
		for _, name := range Models {
			for what, c := range map[string]struct {
				d  Data
				ok []string
			}{"interval": {intervals, withIntervals}, "late entry": {late, withEntry}} {
				_, err := Fit(t.Context(), e, Settings{Model: name, Epochs: 1}, c.d, c.d)
				if slices.Contains(c.ok, name) {
					if err != nil {
						t.Errorf("%s, %s: %v", name, what, err)
					}
				} else if fault.CodeOf(err) != fault.Usage || !strings.Contains(err.Error(), what) && what == "interval" {
					t.Errorf("%s, %s: %v", name, what, err)
				}
			}
		}
	})
}

// Events within intervals count in their middle where cuts are placed; infinity is censoring.
func TestSeen(t *testing.T) {
	got := seen(survival.Labels{Time: []float64{1, 2, 3}, Event: []int{0, 0, 1}, Upper: []float64{3, math.Inf(1), 3}})
	if !slices.Equal(got.Time, []float64{2, 2, 3}) || !slices.Equal(got.Event, []int{1, 0, 1}) {
		t.Errorf("seen %+v", got)
	}
}
