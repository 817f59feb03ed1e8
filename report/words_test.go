package report

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/evaluate"
)

func measureOf(value, low, high float64) evaluate.Measure {
	return evaluate.Measure{Value: evaluate.Number(value), Low: evaluate.Number(low), High: evaluate.Number(high), Level: 0.95, Better: "higher"}
}

// TestPrinted: value, interval and baseline share their decimals, and those follow from the interval's width.
func TestPrinted(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		m     evaluate.Measure
		share bool
		want  string
	}{
		{measureOf(0.8412, 0.781, 0.899), true, "0.84 0.78 to 0.90"},
		{measureOf(0.9912, 0.985, 0.9966), true, "0.991 0.985 to 0.997"},
		{measureOf(0.04, 0.001, 0.08), true, "0.04 0.00 to 0.08"},
		{measureOf(5.6031, 4.99, 6.41), false, "5.6 5.0 to 6.4"},
		{measureOf(5.6031, 5.554, 5.641), false, "5.603 5.554 to 5.641"},
		{measureOf(1234.5, 1100, 1400), false, "1234 1100 to 1400"},
		{measureOf(-2.96, -4.09, -2.04), false, "−3.0 −4.1 to −2.0"},
		{measureOf(-0.0001, -0.5, 0.6), false, "0.0 −0.5 to 0.6"},
		{measureOf(0.5, nan, nan), true, "0.50 "},
		{measureOf(nan, nan, nan), true, "– "},
		{measureOf(1, 1, 1), true, "1.00 "},
	} {
		value, span, _ := printed(c.m, c.share)
		if got := strings.ReplaceAll(value+" "+span, "\u00a0", " "); got != c.want {
			t.Errorf("printed %q, want %q", got, c.want)
		}
	}
	for v, want := range map[float64]string{0.004: "0.004", 123.4: "123", 12.34: "12.3", 1.234: "1.23", -0.5: "−0.50", 0: "0.0", 0.00012: "0.00012"} {
		if got := number(v, false); got != want {
			t.Errorf("number(%v) = %q, want %q", v, got, want)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1012: "1012", 12345: "12\u202f345", 1234567: "1\u202f234\u202f567"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %q", n, got)
		}
	}
	if got := percent(0.999); got != "99.9\u00a0%" {
		t.Error(got)
	}
}

// TestVerdict: what is said against guessing follows from the gain's interval alone.
func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		want      string
	}{{0.1, 0.3, "better than guessing"}, {-0.1, 0.2, "not clearly better than guessing"}, {-0.3, -0.1, "worse than guessing"}, {math.NaN(), math.NaN(), ""}} {
		m := measureOf(0.7, 0.6, 0.8)
		m.Gain = &evaluate.Gain{Low: evaluate.Number(c.low), High: evaluate.Number(c.high)}
		if got, _ := verdict(m); got != c.want {
			t.Errorf("gain %v to %v: %q, want %q", c.low, c.high, got, c.want)
		}
	}
	if got, _ := verdict(measureOf(1, 1, 1)); got != "" {
		t.Errorf("without a baseline: %q", got)
	}
}

// TestCompare checks what is said of two splits: chance where intervals overlap, the source only where it was held out and is worse.
func TestCompare(t *testing.T) {
	random, held := Variant{Name: "random"}, Variant{Name: "held-out", HeldOut: true}
	mae := func(v, low, high float64) evaluate.Measure {
		m := measureOf(v, low, high)
		m.Better = "lower"
		return m
	}
	for _, c := range []struct {
		metric string
		a, b   Variant
		x, y   evaluate.Measure
		says   string
		clear  bool
	}{
		{"auroc", random, held, measureOf(.9, .85, .95), measureOf(.88, .8, .93), "may be chance", false},
		{"auroc", random, held, measureOf(.95, .92, .97), measureOf(.7, .6, .8), "expect the second", true},
		{"auroc", held, random, measureOf(.7, .6, .8), measureOf(.95, .92, .97), "expect the first", true},
		{"auroc", random, held, measureOf(.7, .6, .75), measureOf(.9, .8, .95), "unlikely to be chance", true},
		{"mae", random, held, mae(5, 4, 6), mae(9, 8, 10), "expect the second", true},
		{"mae", random, held, mae(9, 8, 10), mae(5, 4, 6), "unlikely to be chance", true},
		{"auroc", random, random, measureOf(.95, .92, .97), measureOf(.7, .6, .8), "unlikely to be chance", true},
		{"auroc", random, held, measureOf(.9, math.NaN(), math.NaN()), measureOf(.8, .7, .9), "cannot be told from chance", false},
		{"auroc", random, held, measureOf(math.NaN(), 0, 0), measureOf(.8, .7, .9), "Cannot be compared", true},
	} {
		got := compare("ef", c.metric, c.a, c.b, c.x, c.y, "%")
		if !strings.Contains(got.Words, c.says) || got.Clear != c.clear {
			t.Errorf("%v against %v: %+v, want %q", c.x.Value, c.y.Value, got, c.says)
		}
	}
	if s := compare("ef", "mae", random, held, mae(5, 4, 6), mae(9, 8, 10), "mL"); !strings.Contains(s.Words, "5.0\u00a0mL") {
		t.Errorf("no unit: %s", s.Words)
	}
}

// TestTerms: every metric of the protocol has words, and every metric that is shown exists.
func TestTerms(t *testing.T) {
	for _, k := range []evaluate.Kind{evaluate.Binary, evaluate.Class, evaluate.MultiLabel, evaluate.Regression} {
		names := evaluate.MetricNames(k)
		for _, m := range names {
			if terms[m].label == "" || terms[m].help == "" {
				t.Errorf("%s has no words", m)
			}
		}
		for _, m := range append(mainMetrics[k], headMetric(k)) {
			if !slices.Contains(names, m) {
				t.Errorf("%s targets have no %s", k, m)
			}
		}
	}
}

func TestGroupOrder(t *testing.T) {
	got := sortedKeys(map[string]int{">=65": 0, "50-65": 0, "<50": 0, "unknown": 0, "north": 0, "M": 0, "8": 0, "10": 0, "≥ 80": 0})
	want := []string{"8", "10", "<50", "50-65", ">=65", "≥ 80", "M", "north", "unknown"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestForest: groups that are too small show why instead of a number, and do not stretch the scale.
func TestForest(t *testing.T) {
	f := forestOf("ef", "mae", &evaluate.TargetReport{Kind: evaluate.Regression, Unit: "%", N: 40, Patients: 20,
		Metrics: map[string]evaluate.Measure{"mae": measureOf(5, 4, 6)},
		Subgroups: map[string]map[string]*evaluate.Subgroup{"sex": {
			"F": {N: 30, Patients: 15, Metrics: map[string]evaluate.Measure{"mae": measureOf(4, 2, 8)}},
			"M": {N: 10, Patients: 5, TooFew: true, Reason: "too few to tell"}}}})
	if len(f.Rows) != 4 || f.Rows[0].Name != "Everyone" || f.Rows[1].Heading != "sex" || f.Rows[3].Reason != "too few to tell" || f.Rows[3].Bar != nil || f.Rows[3].Value != "" {
		t.Fatalf("rows %+v", f.Rows)
	}
	// The scale is 0 to 8, drawn from 4 % to 96 %: 2 is at 27 %, 8 at 96 %, everyone's 5 at 61.5 %.
	if b := f.Rows[2].Bar; b.Low != "27%" || b.High != "96%" || b.Line != "61.5%" || b.Left || b.Right {
		t.Errorf("bar %+v", b)
	}
}

func TestWrap(t *testing.T) {
	const width = 20*glyph + 2*padding
	for text, want := range map[string][]string{
		"":                               nil,
		"twenty letters fit in":          {"twenty letters fit", "in"},
		"1.2.840.10008.1.2.4.91.unknown": {"1.2.840.10008.1.2.4…", ".91.unknown"},
	} {
		got := wrap(text, width)
		if !slices.Equal(got, want) {
			t.Errorf("wrap(%q) = %q, want %q", text, got, want)
		}
		for _, line := range got {
			if len([]rune(line)) > 20 {
				t.Errorf("%q is longer than its box", line)
			}
		}
	}
}

// TestFlow: the drawing folds a long list of reasons, the table has all.
func TestFlow(t *testing.T) {
	f := Flow{Found: Count{Items: 20000}, Usable: Count{Items: 19990}}
	for _, r := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		f.Quarantined = append(f.Quarantined, Exclusion{"reason " + r, 1})
	}
	for _, p := range []string{"train", "val", "test", "kept away", "external"} {
		f.Parts = append(f.Parts, Part{Name: p, Count: Count{Items: 3998}})
	}
	c := f.chart("flow")
	for _, want := range []string{"20\u202f000 items", "Quarantined: 7 items", "and 3 more reasons", "external"} {
		if !strings.Contains(string(c.SVG), want) {
			t.Errorf("the drawing does not say %q", want)
		}
	}
	if strings.Contains(string(c.SVG), "reason g") || len(c.Table.Rows) != 1+1+7+1+5 {
		t.Errorf("%d rows in the table", len(c.Table.Rows))
	}
	if n := strings.Count(string(c.SVG), "<rect"); n != 8 {
		t.Errorf("%d boxes, want found, quarantined, usable and five parts", n)
	}
}
