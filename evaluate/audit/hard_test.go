package audit

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/methods/fairness"
	"github.com/cineloop/cineloop/stats"
)

// One class only, in everybody or in a group: what needs both is undefined with its reason, the rest is judged, nothing is a number that is none.
func TestOneClassOnly(t *testing.T) {
	for name, c := range map[string]struct{ sickF, sickM int }{"all healthy": {0, 0}, "all sick": {30, 30}, "one group healthy": {0, 15}} {
		var b strings.Builder
		b.WriteString("sex,ill_true,ill_prob\n")
		for i := range 30 {
			for _, g := range []struct {
				sex  string
				sick int
			}{{"F", c.sickF}, {"M", c.sickM}} {
				y := 0
				if i < g.sick {
					y = 1
				}
				fmt.Fprintf(&b, "%s,%d,%.2f\n", g.sex, y, 0.05+0.03*float64(i))
			}
		}
		ill := audited(t, read(t, b.String(), ReadOptions{Groups: []string{"sex"}}), Options{}).Targets["ill"]
		f := ill.Groups["sex"]["F"].Metrics
		if m := f["auroc"]; m.Value.Defined() || m.Reason == "" {
			t.Errorf("%s: AUROC %+v", name, m)
		}
		if c.sickF == 0 {
			if m := f["tpr"]; m.Value.Defined() || m.Reason == "" {
				t.Errorf("%s: sensitivity of nobody is %+v", name, m)
			}
			near(t, name+": false positives", f["fpr"].Value, 15.0/30) // 0.50 … 0.92 are fifteen of thirty
		}
		gap := ill.Gaps["sex"]["auroc"]
		if c.sickF != c.sickM { // M alone has an AUROC: a gap of one group is none
			if gap.Value.Defined() && gap.Value != 0 {
				t.Errorf("%s: AUROC gap of one group is %v", name, gap.Value)
			}
		} else if gap.Value.Defined() || gap.P.Defined() {
			t.Errorf("%s: AUROC gap %+v", name, gap)
		}
		for _, u := range ill.Underserved {
			if u.Sick == 0 {
				t.Errorf("%s: nobody's sick are missed: %+v", name, u)
			}
		}
		for _, v := range ill.Verdict {
			if strings.Contains(v, "NaN") {
				t.Errorf("%s: %q", name, v)
			}
		}
	}
}

// Every score the same: AUROC is a half for everybody, every gap is 0, and no group is worse off, whatever the prevalence is.
func TestAllScoresTie(t *testing.T) {
	all := changed(lines(120, 11), func(i int, l line) line { l.p, l.y = 0.7, i%2; return l })
	ill := auditLines(t, all, Options{})
	for _, g := range []string{"A", "B"} {
		m := ill.Groups["sex"][g].Metrics
		near(t, "AUROC", m["auroc"].Value, 0.5)
		near(t, "sensitivity", m["tpr"].Value, 1)
		near(t, "false positives", m["fpr"].Value, 1)
	}
	for _, name := range []string{"demographic_parity", "equalised_odds", "equal_opportunity", "auroc"} {
		g := ill.Gaps["sex"][name]
		near(t, name, g.Value, 0)
		near(t, name+" by chance", g.ByChance, 0)
		near(t, "p of "+name, g.P, 1) // every shuffle's gap is at least 0
	}
	for _, c := range ill.Comparisons {
		if c.Worse {
			t.Errorf("worse off by nothing: %+v", c)
		}
	}
}

// Nobody's group is known: one group of unknowns, no gap, and the verdict says that it cannot tell.
func TestNoDemographics(t *testing.T) {
	ill := auditLines(t, changed(lines(80, 12), func(_ int, l line) line { l.sex = ""; return l }), Options{})
	if g := ill.Groups["sex"][Unknown]; g == nil || g.Patients != 80 || g.CannotTell {
		t.Errorf("unknowns: %+v", g)
	}
	if len(ill.Gaps["sex"]) != 0 {
		t.Errorf("gaps between one group: %v", ill.Gaps["sex"])
	}
	words := strings.Join(ill.Verdict, "\n")
	if !strings.Contains(words, "sex: cannot tell, fewer than two groups") {
		t.Errorf("verdict:\n%s", words)
	}
}

// Who is missing is a group of its own, and harm to it is found like harm to any other.
func TestHarmToTheUnknown(t *testing.T) {
	rng := stats.Seed(13).Stream("unknown")
	all := changed(lines(500, 13), func(i int, l line) line {
		l.sex = []string{"A", "B"}[i%2]
		l.p = 0.2 + 0.6*float64(l.y)
		if i%4 == 0 {
			l.sex, l.p = "", 0.1+0.8*rng.Float64()
		}
		return l
	})
	ill := auditLines(t, all, Options{})
	worse := false
	for _, c := range ill.Comparisons {
		worse = worse || c.Attribute == "sex" && c.Group == Unknown && c.Worse
	}
	if !worse || ill.Search.Found != "sex = "+Unknown || !strings.Contains(ill.Search.Verdict, "confirm it") {
		t.Errorf("harm to people of unknown sex is not told: %+v, %+v", ill.Comparisons, ill.Search)
	}
	if words := strings.Join(ill.Verdict, "\n"); !strings.Contains(words, "sex: not known for 125 of 500 patients") {
		t.Errorf("verdict:\n%s", words)
	}
}

// Groups of one, and a limit of one: a rate of one person has Wilson's wide interval, nothing else has any.
func TestGroupsOfOne(t *testing.T) {
	r := audited(t, read(t, "sex,ill_true,ill_prob\nF,1,0.9\nM,0,0.2\n", ReadOptions{Groups: []string{"sex"}}), Options{MinGroup: 1})
	f := r.Targets["ill"].Groups["sex"]["F"]
	w := stats.Wilson(1, 1, 0.95)
	if m := f.Metrics["tpr"]; f.CannotTell || m.Value != 1 || m.Low != evaluate.Number(w.Low) || m.High != evaluate.Number(w.High) {
		t.Errorf("sensitivity of one woman %+v, Wilson says %v", m, w)
	}
	if m := f.Metrics["auroc"]; m.Value.Defined() {
		t.Errorf("AUROC of one person: %v", m.Value)
	}
	if s := r.Targets["ill"].Search; s.Confirmed != nil {
		t.Errorf("one person confirms %+v", s)
	}
	for _, c := range r.Targets["ill"].Comparisons {
		if c.Worse {
			t.Errorf("one person is worse off: %+v", c)
		}
	}
}

// Many rows: rates are those of a count, their intervals shrink as Wilson's do, and a gap of nothing is nothing although the data are many.
func TestManyRows(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: forty thousand rows")
	}
	const n = 40000
	table := &Table{Predictions: &evaluate.Predictions{Targets: []evaluate.Target{{Name: "ill", Kind: evaluate.Binary}},
		Groups: []evaluate.Group{{Name: "sex", Values: make([]string, n)}}, Truth: map[string][][]float64{}, Score: map[string][][]float64{}}}
	missed := 0
	for i := range n {
		table.Item, table.Patient = append(table.Item, fmt.Sprint(i)), append(table.Patient, fmt.Sprint(i))
		table.Split, table.Fold = append(table.Split, "test"), append(table.Fold, -1)
		table.Groups[0].Values[i] = []string{"F", "M"}[i%2]
		y, p := float64(i/2%2), 0.8
		if i/4%5 == 0 {
			p = 0.2
		}
		if y == 0 {
			p = 1 - p
		}
		if y == 1 && p < 0.5 && i%2 == 0 {
			missed++
		}
		table.Truth["ill"], table.Score["ill"] = append(table.Truth["ill"], []float64{y}), append(table.Score["ill"], []float64{p})
	}
	ill := audited(t, table, Options{Resamples: 20, Permutations: 20}).Targets["ill"]
	m := ill.Groups["sex"]["F"].Metrics["tpr"]
	w := stats.Wilson(float64(n/4-missed), n/4, 0.95)
	near(t, "sensitivity", m.Value, 0.8)
	near(t, "low", m.Low, w.Low)
	near(t, "high", m.High, w.High)
	if g := ill.Gaps["sex"]["equalised_odds"]; g.Value > 1e-9 {
		t.Errorf("a gap of %v between equal groups", g.Value)
	}
	for _, c := range ill.Comparisons {
		if c.Worse {
			t.Errorf("many rows make %+v", c)
		}
	}
}

// Pure noise, many columns, their conjunctions searched: what is found on one half must not be confirmed on the other more often than the level says. 120
// searches at 5 % confirm 6 on average; 14 or more happen one time in 500.
func TestSearchOfNoiseConfirmsNothing(t *testing.T) {
	searches, most := 120, 13
	if testing.Short() {
		searches, most = 24, 5
	}
	confirmed, candidates := 0, 0
	for seed := range searches {
		rng := stats.Seed(seed).Stream("noise")
		var b strings.Builder
		b.WriteString("a,b,c,d,ill_true,ill_prob\n")
		for range 400 {
			fmt.Fprintf(&b, "%d,%d,%d,%d,%d,%.3f\n", rng.IntN(3), rng.IntN(3), rng.IntN(2), rng.IntN(4), rng.IntN(2), rng.Float64())
		}
		table := read(t, b.String(), ReadOptions{Groups: []string{"a", "b", "c", "d"}})
		j := table.judge(table.Targets[0], every(table.Len()), Options{Level: 0.95, MinGroup: 10, Cross: 1, Seed: stats.Seed(seed)})
		out := &Target{}
		if err := j.search(t.Context(), out); err != nil {
			t.Fatal(err)
		}
		candidates += out.Search.Candidates
		if out.Search.Confirmed == nil {
			continue
		}
		if out.Search.Confirmed.P < 0.05 {
			confirmed++
		}
		if said := strings.Contains(out.Search.Verdict, "confirm it") && !strings.Contains(out.Search.Verdict, "do not"); said != (out.Search.Confirmed.P < 0.05) {
			t.Errorf("p = %v, and %q", out.Search.Confirmed.P, out.Search.Verdict)
		}
	}
	if confirmed > most || candidates < 30*searches {
		t.Errorf("%d of %d searches of noise are confirmed; %d subgroups were looked at", confirmed, searches, candidates)
	}
}

// The flattering number is that of the half that was searched: over noise it is always worse for the found subgroup, on the other half it is not.
func TestWinnersCurse(t *testing.T) {
	searched, confirmed, n := 0.0, 0.0, 0.0
	for seed := range 40 {
		all := lines(300, stats.Seed(100+seed))
		rng := stats.Seed(seed).Stream("curse")
		all = changed(all, func(_ int, l line) line { l.y, l.p = rng.IntN(2), rng.Float64(); return l })
		var b strings.Builder
		b.WriteString("sex,site,ill_true,ill_prob\n")
		for _, l := range all {
			fmt.Fprintf(&b, "%s,%s,%d,%.4f\n", l.sex, l.site, l.y, l.p)
		}
		table := read(t, b.String(), ReadOptions{Groups: []string{"sex", "site"}})
		j := table.judge(table.Targets[0], every(table.Len()), Options{Level: 0.95, MinGroup: 10, Cross: 1, Seed: stats.Seed(seed)})
		out := &Target{}
		if err := j.search(t.Context(), out); err != nil {
			t.Fatal(err)
		}
		if s := out.Search; s.Searched != nil && s.Confirmed != nil {
			if s.Searched.Difference.Value <= 0 {
				t.Errorf("seed %d: the worst subgroup is not worse where it was found: %v", seed, s.Searched.Difference)
			}
			searched, confirmed, n = searched+float64(s.Searched.Difference.Value), confirmed+float64(s.Confirmed.Difference.Value), n+1
		}
	}
	if n < 30 || confirmed/n > searched/n/2 {
		t.Errorf("%v searches: mean difference %.4f where it was found, %.4f on the other half", n, searched/n, confirmed/n)
	}
}

// Holm's correction is what his sequence of rejections says: at every level a comparison is rejected by the one if by the other.
func TestHolmIsHolms(t *testing.T) {
	rng := stats.Seed(21).Stream("holm")
	for range 200 {
		n := 1 + rng.IntN(9)
		c := make([]Comparison, n)
		p := make([]float64, n)
		for i := range c {
			p[i] = math.Pow(rng.Float64(), 3)
			if rng.IntN(4) == 0 && i > 0 {
				p[i] = p[i-1] // ties
			}
			c[i].P = evaluate.Number(p[i])
		}
		holm(c)
		for _, alpha := range []float64{0.001, 0.01, 0.05, 0.2, 0.999} {
			order := slices.Clone(p)
			slices.Sort(order)
			limit := -1.0 // p-values up to here are rejected
			for k, v := range order {
				if v > alpha/float64(n-k) {
					break
				}
				limit = v
			}
			for i := range c {
				if a := float64(c[i].Adjusted); math.Abs(a-alpha) > 1e-12 && (a <= alpha) != (p[i] <= limit) {
					t.Fatalf("p %v, level %v: %v is corrected to %v", p, alpha, p[i], a)
				}
			}
		}
	}
	for name, c := range map[string][]Comparison{"none": nil, "nothing defined": {{P: evaluate.Number(math.NaN())}}, "certain": {{P: 0}}} {
		if holm(c); len(c) > 0 && c[0].P == 0 && c[0].Adjusted != 0 {
			t.Errorf("%s: %+v", name, c)
		}
	}
	one := []Comparison{{P: 0.7}, {P: 0.8}}
	if holm(one); one[0].Adjusted != 1 || one[1].Adjusted != 1 {
		t.Errorf("corrected beyond 1: %+v", one)
	}
}

// Without a way that is better, nobody is worse off by it: shares called positive and bias are for people to judge.
func TestOnlyWhatHasABetterSideMakesWorse(t *testing.T) {
	for kind, names := range map[evaluate.Kind][]string{evaluate.Binary: {"selection_rate", "in_the_large", "prevalence", "calibration_slope"}, evaluate.Regression: {"bias"}} {
		for _, n := range names {
			if good(kind, n) != 0 {
				t.Errorf("%s of %s has a better side", n, kind)
			}
		}
	}
	for n, want := range map[string]int{"auroc": 1, "tpr": 1, "fpr": -1, "ppv": 1, "brier": -1} {
		if good(evaluate.Binary, n) != want {
			t.Errorf("%s: %d", n, good(evaluate.Binary, n))
		}
	}
}

// Gini: values 1 and 3: mean absolute difference over ordered pairs (0 + 2 + 2 + 0)/4 = 1, halved and divided by the mean 2: 0.25. A group
// without a value is left out.
func TestGiniByHand(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{[]float64{1, 3}, 0.25}, {[]float64{0.8, 0.8, 0.8}, 0}, {[]float64{1, math.NaN(), 3}, 0.25}, {[]float64{0, 0, 3}, 2.0 / 3}} {
		at := make([]int, len(c.values))
		for i := range at {
			at[i] = i
		}
		if got := gini(c.values, at); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%v: %v, want %v", c.values, got, c.want)
		}
	}
}

// A patient's rows move together: with means 0.2 and 0.4 of two patients of two rows each the mean is 0.3 and its variance that of two
// independent numbers, ((0.1)² + (0.1)²)/(2·1) = 0.01, not that of four.
func TestClusterMeanByHand(t *testing.T) {
	j := &judged{patient: []string{"a", "a", "b", "b", "", ""}}
	mean, v, n := j.clusterMean([]float64{0.2, 0.2, 0.4, 0.4, 9, 9}, []int{0, 1, 2, 3})
	if n != 2 || math.Abs(mean-0.3) > 1e-12 || math.Abs(v-0.01) > 1e-12 {
		t.Errorf("mean %v, variance %v, %d patients", mean, v, n)
	}
	// Rows without a patient are patients of their own: 1 and 3, variance of the mean (1 + 1)/(2·1) = 1.
	if mean, v, n := j.clusterMean([]float64{0, 0, 0, 0, 1, 3}, []int{4, 5}); n != 2 || mean != 2 || math.Abs(v-1) > 1e-12 {
		t.Errorf("alone: mean %v, variance %v, %d patients", mean, v, n)
	}
}

// A patient whose rows name two groups counts once in shares.
func TestRepresentationCountsPeople(t *testing.T) {
	table := read(t, "patient,band,ill_true,ill_prob\na,young,1,0.9\na,old,1,0.8\nb,old,0,0.1\n", ReadOptions{Groups: []string{"band"}})
	r := audited(t, table, Options{})
	total := 0
	for _, s := range r.Representation {
		total += s.Patients
		if s.Target != nil || s.Verdict != "" {
			t.Errorf("no population was given: %+v", s)
		}
	}
	if total != 2 || r.Patients != 2 || r.Rows != 3 {
		t.Errorf("%d people in shares, %d patients, %d rows", total, r.Patients, r.Rows)
	}
}

// Spread: of differences 0, 1, 0, 1, … the sample deviation; too few are none.
func TestSpreadByHand(t *testing.T) {
	a, b := make([]float64, 40), make([]float64, 40)
	for i := range a {
		a[i] = float64(i % 2)
	}
	if got, want := spread(a, b), math.Sqrt(0.25*40/39); math.Abs(got-want) > 1e-12 {
		t.Errorf("%v, want %v", got, want)
	}
	for i := range 25 {
		a[i] = math.NaN()
	}
	if spread(a, b) != 0 {
		t.Error("a spread of 15 resamples")
	}
}

// The audit of one target is not touched by what stands beside it.
func TestTargetsStandAlone(t *testing.T) {
	alone := "sex,ill_true,ill_prob\n"
	both := "sex,ill_true,ill_prob,ef_true,ef_pred\n"
	for i, l := range lines(100, 30) {
		alone += fmt.Sprintf("%s,%d,%.4f\n", l.sex, l.y, l.p)
		both += fmt.Sprintf("%s,%d,%.4f,%d,%d\n", l.sex, l.y, l.p, 50+i%7, 51)
	}
	o := ReadOptions{Groups: []string{"sex"}}
	a, b := audited(t, read(t, alone, o), Options{Seed: 4}), audited(t, read(t, both, o), Options{Seed: 4})
	sameTarget(t, "beside a number", a.Targets["ill"], b.Targets["ill"], same, true)
}

// A group without sick has no sensitivity: the gap is of the others. With none to compare it is not a number, and never the whole way from 0.
func TestRatesOfNobodyMakeNoGap(t *testing.T) {
	y, group := []int{1, 1, 0, 0, 1, 0, 0, 0}, []int{0, 0, 0, 0, 1, 1, 2, 2}
	rates := fairness.WeightedExpectedRates(y, []float64{1, 0, 0, 0, 1, 1, 0, 1}, group, 3, nil)
	// Sensitivity ½ and 1, nobody; false positives 0, 1, ½.
	for _, c := range []struct {
		constraint fairness.Constraint
		rates      []fairness.Rates
		want       float64
	}{
		{fairness.EqualisedOdds, rates, 1}, {fairness.EqualisedOdds, []fairness.Rates{rates[0], rates[2]}, 0.5}, {fairness.DemographicParity, rates, 0.75},
		{fairness.EqualisedOdds, []fairness.Rates{rates[0], {}}, math.NaN()}, {fairness.DemographicParity, []fairness.Rates{rates[0], {}}, math.NaN()},
	} {
		if got := constrainedGap(c.rates, c.constraint); got != c.want && !(math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("%s: %v, want %v", c.constraint, got, c.want)
		}
	}
	if b := balanced(rates[2]); !math.IsNaN(b) {
		t.Errorf("balanced accuracy without sick: %v", b)
	}
	if b := balanced(rates[0]); b != 0.75 {
		t.Errorf("balanced accuracy %v", b)
	}
}

// One sick person among twenty in a group: resamples without that one say nothing of its sensitivity, so that the frontier's gap keeps to what
// the others show.
func TestFrontierWithFewSick(t *testing.T) {
	var b strings.Builder
	b.WriteString("item,sex,ill_true,ill_prob\n")
	for i := range 60 {
		sex, y := "A", i%2
		if i >= 40 {
			sex, y = "B", 0
			if i == 59 {
				y = 1
			}
		}
		fmt.Fprintf(&b, "i%d,%s,%d,%.1f\n", i, sex, y, 0.1+0.8*float64(y))
	}
	table := read(t, b.String(), ReadOptions{Groups: []string{"sex"}})
	f, err := Compare(t.Context(), []string{"perfect"}, []*Table{table}, "sex", fairness.EqualisedOdds, Options{Resamples: 200})
	if err != nil {
		t.Fatal(err)
	}
	if g := f.Models[0].Gap; g.Value != 0 || g.High > 0 {
		t.Errorf("a model without errors has the gap %v", g)
	}
}
