package report

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/methods/survival"
	"github.com/cineloop/cineloop/stats"
)

func survivalPage(t *testing.T) SurvivalPage {
	t.Helper()
	rng := stats.Seed(1).Stream("people")
	p := survival.Predicted{}
	times := []float64{0, .5, 1, 2, 4}
	p.Curves = survival.Curves{Times: times, Values: make([][]float64, len(times))}
	for range 150 {
		h := rng.NormFloat64()
		u, c := rng.ExpFloat64()*math.Exp(-h), 5*rng.Float64()
		event := 1
		if c < u {
			u, event = c, 0
		}
		p.Labels.Time, p.Labels.Event, p.Risk = append(p.Labels.Time, u), append(p.Labels.Event, event), append(p.Risk, h)
		for k, v := range times {
			p.Curves.Values[k] = append(p.Curves.Values[k], math.Exp(-v*math.Exp(h)))
		}
	}
	e, err := survival.Evaluate(t.Context(), p, survival.EvaluateOptions{Resamples: 50, Horizons: []float64{1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	return SurvivalPage{Title: `A <b>"title"`, Unit: "years", Predicted: p, Evaluation: e}
}

func TestSurvivalPage(t *testing.T) {
	var b, again bytes.Buffer
	p := survivalPage(t)
	if err := WriteSurvival(&b, p); err != nil {
		t.Fatal(err)
	}
	if err := WriteSurvival(&again, p); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Errorf("the same page gives other bytes (%v)", err)
	}
	page := b.String()
	for _, want := range []string{"Log-rank test", "Numbers at risk", "high risk", "Calibration by 1 years", "Net benefit by 2 years", "When their risk is highest", "150 people", "Harrell C 0.", "A &lt;b&gt;"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	for _, never := range []string{"<script", "http://", "https://", "NaN", "A <b>"} {
		if strings.Contains(strings.ReplaceAll(page, "http://www.w3.org", ""), never) {
			t.Errorf("the page holds %q", never)
		}
	}
	if n := strings.Count(page, `class="area`); n != 3 {
		t.Errorf("%d bands, want one a stratum", n)
	}
}

// The numbers at risk at time 0 are the strata's sizes, and add up to everybody.
func TestSurvivalPageNumbersAtRisk(t *testing.T) {
	v, err := survivalPage(t).view()
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for k, row := range v.Numbers.Rows {
		var n int
		if _, err := fmt.Sscan(row[1], &n); err != nil {
			t.Fatal(err)
		}
		if row[1] != v.Strata.Rows[k][1] {
			t.Errorf("%s: %s at risk at the start, %s people", row[0], row[1], v.Strata.Rows[k][1])
		}
		total += n
	}
	if total != 150 {
		t.Errorf("%d people at risk at the start", total)
	}
}

// Without curves, and with everybody at one risk, there is still a page.
func TestSurvivalPageWithLittle(t *testing.T) {
	l := survival.Labels{Time: []float64{1, 2, 3, 4}, Event: []int{1, 0, 1, 0}}
	p := survival.Predicted{Labels: l, Risk: []float64{1, 1, 1, 1}}
	e, err := survival.Evaluate(t.Context(), p, survival.EvaluateOptions{Resamples: -1})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := WriteSurvival(&b, SurvivalPage{Title: "small", Predicted: p, Evaluation: e}); err != nil {
		t.Fatal(err)
	}
}
