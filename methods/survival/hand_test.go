package survival

import (
	"math"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/stats"
)

func logit(p float64) float64 { return math.Log(p / (1 - p)) }

// Two people, three cuts: an event at the second and a censoring at the first.
func TestDiscreteLossesByHand(t *testing.T) {
	index, event := []int{1, 0}, []int{1, 0}
	// Hazards 0.2 and 0.5, then 0.1: the event has 0.8·0.5, the other 0.9.
	phi := []float64{logit(.2), logit(.5), logit(.7), logit(.1), 3, -3}
	near(t, "logistic hazard", LogisticHazardLoss(phi, index, event).Value, -(math.Log(.8*.5)+math.Log(.9))/2, 1e-14)
	s := LogisticHazardSurvival(phi, 3)
	for k, want := range []float64{.8, .4, .12, .9} {
		near(t, "survival", s[k], want, 1e-14)
	}
	near(t, "hazard", Hazards(phi)[1], .5, 1e-15)
	// Mass 2, 3, 4 and 1 beyond, of ten: the event has 0.3. The other: 1, 1, 1 and 1; beyond the first cut are three quarters.
	phi = []float64{math.Log(2), math.Log(3), math.Log(4), 0, 0, 0}
	near(t, "PMF", PMFLoss(phi, index, event).Value, -(math.Log(.3)+math.Log(.75))/2, 1e-6)
	s = PMFSurvival(PMF(phi, 3), 3)
	for k, want := range []float64{.8, .5, .1, .75, .5, .25} {
		near(t, "survival", s[k], want, 1e-14)
	}
	// MTLR's outputs are the steps of those, from the right.
	steps := []float64{math.Log(2. / 3), math.Log(3. / 4), math.Log(4), 0, 0, 0}
	near(t, "MTLR", MTLRLoss(steps, index, event).Value, PMFLoss(phi, index, event).Value, 1e-14)
	mass := MTLRPMF(steps, 3)
	for k, want := range []float64{.2, .3, .4} {
		near(t, "MTLR's mass", mass[k], want, 1e-14)
	}
	// Binary cross-entropy: alive at the first cut, dead at the second and third; the other's state is never known from the first on.
	phi = []float64{logit(.9), logit(.3), logit(.2), 1, 1, 1}
	near(t, "BCE", BCESurvLoss(phi, index, event).Value, -(math.Log(.9)+math.Log(.7)+math.Log(.8))/6, 1e-14)
	near(t, "BCE's survival", BCESurvival(phi)[1], .3, 1e-14)
	// Piecewise constant hazards 1 and 2 an interval; the event half-way through the second, the censoring a quarter through the first.
	inverse := func(h float64) float64 { return math.Log(math.Expm1(h)) }
	phi = []float64{inverse(1), inverse(2), inverse(3), 1}
	near(t, "PC-Hazard", PCHazardLoss(phi, []int{1, 0}, event, []float64{.5, .25}).Value, (1+.5*2-math.Log(2)+.25*3)/2, 1e-13)
	// Somebody whose time is the very start is not counted in the mean.
	near(t, "at the start", PCHazardLoss([]float64{inverse(1), 0, inverse(3), 1}, []int{-1, 0}, []int{0, 0}, []float64{0, .25}).Value, .75, 1e-13)
}

// DeepHit: A has the event at the first of two cuts, B is censored at the second; mass (½, ¼, ¼) and (¼, ½, ¼).
func TestDeepHitByHand(t *testing.T) {
	phi := []float64{math.Log(2), 0, 0, math.Log(2)}
	index, event := []int{0, 1}, []int{1, 0}
	m := RankMatrix(index, event)
	if !slices.Equal(m[0], []float64{0, 1}) || !slices.Equal(m[1], []float64{0, 0}) {
		t.Fatalf("pairs %v", m)
	}
	d := DeepHitLoss(phi, index, event, .2, .5)
	nll, rank := -(math.Log(.5)+math.Log(.25))/2, math.Exp(-(.5-.25)/.5)/4
	near(t, "likelihood", d.NLL, nll, 1e-6)
	near(t, "ranking", d.Rank, rank, 1e-14)
	near(t, "both", d.Value, .2*nll+.8*rank, 1e-6)
	// Two causes at one time: mass of cause 1, of cause 2 and beyond. The event of cause 2 has 2/4, the censored 1/3 left.
	c := DeepHitCompetingLoss([]float64{0, math.Log(2), 0, 0}, 2, []int{0, 0}, []int{2, 0}, 1, .5)
	near(t, "two causes", c.Value, -(math.Log(.5)+math.Log(1./3))/2, 1e-6)
	near(t, "their ranking", c.Rank, math.Exp(-(.5-1./3)/.5)/4, 1e-14)
}

// Cox-CC with two controls of one case, and shrinkage.
func TestCoxCCByHand(t *testing.T) {
	near(t, "one control", CoxCCLoss([]float64{1}, [][]float64{{1}}, 0, -100, 80).Value, math.Ln2, 1e-15)
	got := CoxCCLoss([]float64{math.Log(2)}, [][]float64{{0}, {math.Log(6)}}, .1, -100, 80)
	near(t, "two controls", got.Value, math.Log(1+.5+3)+.1/2*(math.Log(2)+math.Log(6)), 1e-14)
	rng := stats.Seed(4).Stream("pairs")
	for _, controls := range []int{1, 3} {
		x := make([]float64, 5*(1+controls))
		for i := range x {
			x[i] = rng.NormFloat64()
		}
		differences(t, "Cox-CC", x, func(x []float64) Loss {
			var c [][]float64
			for k := range controls {
				c = append(c, x[5*(k+1):5*(k+2)])
			}
			return CoxCCLoss(x[:5], c, .05, -100, 80)
		})
	}
	// A difference beyond the clamp has no gradient.
	far := CoxCCLoss([]float64{-200}, [][]float64{{0}, {-200}}, 0, -100, 80)
	if far.Grad[1] != 0 || far.Grad[2] == 0 {
		t.Errorf("gradient %v", far.Grad)
	}
	// A constant added to everybody does not change what is compared.
	a := CoxCCLoss([]float64{1, 2}, [][]float64{{.5, 3}}, 0, -100, 80)
	b := CoxCCLoss([]float64{11, 12}, [][]float64{{10.5, 13}}, 0, -100, 80)
	near(t, "shifted", b.Value, a.Value, 1e-14)
}

// The sorted form of Cox and a bank of earlier people, against differences and against the full form.
func TestOtherCoxForms(t *testing.T) {
	x, l, _ := cohort(15, 6, false)
	differences(t, "pycox's", x, func(x []float64) Loss { return CoxLossPycox(x, l, 1e-3) })
	for i := range l.Time {
		l.Time[i] += float64(i) / 100 // no ties
	}
	full := CoxLoss(x, l, Breslow, nil)
	near(t, "without ties", CoxLossPycox(x, l, 0).Value, full.Value, 1e-12)
	near(t, "as a likelihood", PartialLogLikelihood(x, l), -full.Value, 1e-12)
	sum := 0.0
	for _, g := range full.Grad {
		sum += g
	}
	near(t, "the gradient along a constant", sum, 0, 1e-14)
	// A bank that holds everybody gives the new ones the gradient they have in the full loss.
	bank := &Bank{Size: 15, Ties: Breslow}
	first, last := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, []int{10, 11, 12, 13, 14}
	bank.Loss(x[:10], l.Select(first))
	got := bank.Loss(x[10:], l.Select(last))
	near(t, "the bank's loss", got.Value, full.Value, 1e-12)
	for k, g := range got.Grad {
		near(t, "the bank's gradient", g, full.Grad[10+k], 1e-13)
	}
}

func TestCutsByHand(t *testing.T) {
	c := Cuts{0, 2, 5}
	l := Labels{Time: []float64{2, 2, 3, 3, 0, 7, 7}, Event: []int{1, 0, 1, 0, 0, 1, 0}}
	index, event := c.Discrete(l)
	if !slices.Equal(index, []int{1, 1, 2, 1, 0, 2, 2}) || !slices.Equal(event, []int{1, 0, 1, 0, 0, 0, 0}) {
		t.Errorf("%v %v: events go up to a cut, censorings down, what is beyond the last is censored there", index, event)
	}
	index, event, part := c.Piecewise(l)
	if !slices.Equal(index, []int{0, 0, 1, 1, -1, 1, 1}) || !slices.Equal(event, []int{1, 0, 1, 0, 0, 0, 0}) {
		t.Errorf("piecewise %v %v", index, event)
	}
	for i, want := range []float64{1, 1, 1. / 3, 1. / 3, 0, 1, 1} {
		near(t, "share of the interval", part[i], want, 1e-15)
	}
	// Times 1 to 8, all events: S falls by an eighth each; five cuts take a quarter of the mass each.
	whole := Labels{Time: []float64{8, 7, 6, 5, 4, 3, 2, 1}, Event: slices.Repeat([]int{1}, 8)}
	q, err := QuantileCuts(whole, 5)
	if err != nil || !slices.Equal(q, Cuts{0, 2, 4, 6, 8}) {
		t.Errorf("quantile cuts %v, %v", q, err)
	}
	e, err := EquidistantCuts(whole, 5)
	if err != nil || !slices.Equal(e, Cuts{0, 2, 4, 6, 8}) {
		t.Errorf("even cuts %v, %v", e, err)
	}
	s := FitTimeScale([]float64{1, 3, 5}, false)
	near(t, "mean time", s.Scale(3), 0, 1e-15)
	near(t, "one deviation", s.Scale(3+math.Sqrt(8./3)), 1, 1e-14)
	s = FitTimeScale([]float64{0, math.E - 1}, true)
	near(t, "log times", s.Scale(math.E-1), 1, 1e-14)
}

// Baselines: hazards 1/2/3 at events at 1 and 2 among risks of 1, 2, 3.
func TestBaselineByHand(t *testing.T) {
	logH := []float64{0, math.Log(2), math.Log(3)}
	l := Labels{Time: []float64{1, 2, 3}, Event: []int{1, 1, 0}}
	b := CoxBaseline(logH, l)
	for k, want := range []float64{1. / 6, 1. / 5, 0} {
		near(t, "hazard", b.Hazard[k], want, 1e-15)
	}
	c := b.Curves(logH)
	near(t, "survival of the second at 2", c.At(1, 2), math.Exp(-2*(1./6+1./5)), 1e-14)
	near(t, "the same as a step", c.Person(1).At(2.5), c.At(1, 2), 0)
	near(t, "before the first time", c.Person(1).At(.5), 1, 0)
	if c.Len() != 3 || (Curves{}).Len() != 0 {
		t.Errorf("%d people", c.Len())
	}
	// Martingale residuals sum to zero whatever the risks are: the hazard lived through is the number of events.
	for _, entry := range []bool{false, true} {
		x, l, _ := cohort(40, 9, entry)
		h := CoxBaseline(x, l).Step()
		lived := 0.0
		for i, v := range x {
			from := 0.0
			if entry {
				from = h.At(l.Entry[i])
			}
			lived += (h.At(l.Time[i]) - from) * math.Exp(v)
		}
		near(t, "hazard lived through", lived, float64(l.Events()), 1e-10)
	}
	// Doubling every risk halves the hazard and leaves the curves.
	doubled := make([]float64, 3)
	for i, v := range logH {
		doubled[i] = v + math.Ln2
	}
	d := CoxBaseline(doubled, l)
	near(t, "halved", d.Cumulative[1], b.Cumulative[1]/2, 1e-15)
	near(t, "the same curve", d.Curves(doubled).At(2, 2), c.At(2, 2), 1e-14)
}

// Without censoring, people with the other cause's event never leave: Fine and Gray's fit is Cox's with their times put beyond all.
func TestFineGrayWithoutCensoring(t *testing.T) {
	rng := stats.Seed(12).Stream("causes")
	var x [][]float64
	var l, moved Labels
	for range 60 {
		v := rng.NormFloat64()
		x = append(x, []float64{v})
		when, cause := rng.ExpFloat64()*math.Exp(-v/2), 1+rng.IntN(2)
		l.Time, l.Event = append(l.Time, when), append(l.Event, cause)
		if cause == 2 {
			moved.Time, moved.Event = append(moved.Time, 1e6), append(moved.Event, 0)
		} else {
			moved.Time, moved.Event = append(moved.Time, when), append(moved.Event, 1)
		}
	}
	got, err := FitFineGray(x, l, 1, CoxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want, err := FitCox(x, moved, CoxOptions{Ties: Breslow})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "coefficient", got.Coef[0], want.Coef[0], 1e-9)
	near(t, "log likelihood", got.LogLik, want.LogLik, 1e-9)
	// The cause-specific fit takes them out of the risk set when they go.
	specific, err := FitCauseSpecific(x, l, 1, CoxOptions{Ties: Breslow})
	if err != nil {
		t.Fatal(err)
	}
	censored, _ := FitCox(x, l.Cause(1), CoxOptions{Ties: Breslow})
	near(t, "cause-specific", specific.Coef[0], censored.Coef[0], 0)
	if math.Abs(specific.Coef[0]-got.Coef[0]) < 1e-3 {
		t.Error("both models give the same coefficient")
	}
}
