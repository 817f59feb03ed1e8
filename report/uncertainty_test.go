package report

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/testdata"
	"github.com/cineloop/cineloop/methods/uncertainty"
	"github.com/cineloop/cineloop/report/svg"
	"github.com/cineloop/cineloop/stats"
)

// uncertaintyPage judges made-up predictions of three kinds.
func uncertaintyPage(t *testing.T) UncertaintyPage {
	t.Helper()
	rng := stats.Seed(2).Stream("items")
	sides := map[string][]string{"side": nil}
	var items uncertainty.Items
	var numbers uncertainty.Numbers
	curves := uncertainty.Curves{Cuts: []float64{1, 2, 4}}
	for i := range 200 {
		sides["side"] = append(sides["side"], []string{"left", `r<i>ght`}[i%2])
		p := rng.Float64()
		y := 0
		if rng.Float64() < p {
			y = 1
		}
		items.Probs, items.Label = append(items.Probs, []float64{1 - p, p}), append(items.Label, y)
		items.Out = append(items.Out, i%10 == 0)
		std := 1 + rng.Float64()
		v := 50 + 5*rng.NormFloat64()
		numbers.Value, numbers.Std, numbers.Truth = append(numbers.Value, v), append(numbers.Std, std), append(numbers.Truth, v+std*rng.NormFloat64())
		h := 0.2 + 0.4*rng.Float64()
		u, c := rng.ExpFloat64()/h, 6*rng.Float64()
		curves.Time, curves.Event = append(curves.Time, math.Min(u, c)), append(curves.Event, int(math.Round(math.Min(1, math.Floor(c/u)))))
		curves.Survival = append(curves.Survival, []float64{math.Exp(-h), math.Exp(-2 * h), math.Exp(-4 * h)})
	}
	items.Classes, items.Groups, numbers.Groups, curves.Groups = []string{"no", "yes"}, sides, sides, sides
	page := UncertaintyPage{Title: `A <b>"title"`, About: "Made up.", Notes: []string{"a note"}, Readings: []uncertainty.Reading{
		{Target: "view", Answer: "A4C", Class: "A4C", Set: []string{"A4C", "A2C"}, Low: math.NaN(), High: math.NaN(), Like: 4},
		{Target: "view", Reason: "unlike the training data", Low: math.NaN(), High: math.NaN()}},
		Sections: []Section{{Title: "More", Text: "of it", Pictures: []Picture{{URI: "data:image/png;base64,AAAA", Alt: "a dot", Caption: "dot"}, {URI: "https://elsewhere", Alt: "no"}}, Tables: []Table{{Caption: "one", Head: []string{"a", "b"}, Rows: [][]string{{"1", "2"}}}},
			Charts:  []svg.Plot{{Title: "a line", Desc: "a line", X: svg.Axis{Max: 1}, Y: svg.Axis{Max: 1}, Marks: []svg.Mark{svg.Line{Class: "s1", Points: []svg.XY{{X: 0, Y: 0}, {X: 1, Y: 1}}}}}},
			Legends: [][]string{{"the line"}}}}}
	o := uncertainty.JudgeOptions{Alpha: 0.2, Seed: 1}
	a, err := uncertainty.Judge(items, o)
	if err != nil {
		t.Fatal(err)
	}
	b, err := uncertainty.JudgeNumbers(numbers, o)
	if err != nil {
		t.Fatal(err)
	}
	c, err := uncertainty.JudgeTimes(curves, o)
	if err != nil {
		t.Fatal(err)
	}
	answered, wrong, all := 0.875, 0.05, 0.125
	page.Targets = []Uncertain{{Name: "finding", Classes: a, Answered: &answered, Wrong: &wrong, WrongAll: &all}, {Name: "ef", Unit: "%", Numbers: b}, {Name: "death", Unit: "years", Times: c}}
	return page
}

func TestUncertaintyPage(t *testing.T) {
	var b, again bytes.Buffer
	p := uncertaintyPage(t)
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	if err := p.Write(&again); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Errorf("the same page gives other bytes (%v)", err)
	}
	page := b.String()
	for _, want := range []string{"The rule answers 87.5 %", "5.0 % of these answers are wrong, against 12.5 %", "Conformal sets, 80 % promised", "side = left, own threshold",
		"r&lt;i&gt;ght", "Probability integral transform", "Lower bounds of the time, 80 % promised", "Calibration over all times", "A2C",
		"no answer", "unlike the training data", "Automation bias", "Finding items unlike", "A &lt;b&gt;", "a note", "the line"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	for _, never := range []string{"<script", "http://", "https://", "NaN", "+Inf", "A <b>", "r<i>ght"} {
		if strings.Contains(strings.ReplaceAll(page, "http://www.w3.org", ""), never) {
			t.Errorf("the page holds %q", never)
		}
	}
	if n := strings.Count(page, `class="area`); n != 1 {
		t.Errorf("%d consistency bands", n)
	}
	// A judgement that went through a file has no curves: the points that were kept are drawn, and no empty chart.
	raw, err := json.Marshal(p.Targets[0].Classes)
	if err != nil {
		t.Fatal(err)
	}
	var stored uncertainty.Judgement
	if err := json.Unmarshal(raw, &stored); err != nil {
		t.Fatal(err)
	}
	b.Reset()
	if err := (UncertaintyPage{Title: "stored", Targets: []Uncertain{{Name: "finding", Classes: &stored}}}).Write(&b); err != nil {
		t.Fatal(err)
	}
	if s := b.String(); strings.Contains(s, ">Reliability<") || !strings.Contains(s, ">Risk against coverage<") || strings.Count(s, `class="line s1`) != 1 {
		t.Errorf("charts of a stored judgement: %d lines", strings.Count(s, `class="line s1`))
	}
	var empty bytes.Buffer
	if err := (UncertaintyPage{Title: "nothing"}).Write(&empty); err != nil || !strings.Contains(empty.String(), "How to read this") {
		t.Errorf("an empty page: %v", err)
	}
}

// TestUncertaintyPageInBrowser looks at it wide and narrow: nothing sticks out. A picture is kept under artifacts/.
func TestUncertaintyPageInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no browser is started")
	}
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed: the page is not looked at in a browser")
	}
	var b bytes.Buffer
	if err := uncertaintyPage(t).Write(&b); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, width := range []int{1280, 390} {
		m := measure(t, browser, dir, b.String(), width)
		if m.scroll > width || m.out != "" {
			t.Errorf("at %d pixels the page is %d wide: %s", width, m.scroll, m.out)
		}
		if width == 1280 {
			if err := os.MkdirAll(filepath.Join(testdata.Root(t), "artifacts"), 0o755); err != nil {
				t.Fatal(err)
			}
			shoot(t, browser, dir, b.String(), width, m.height, "light", filepath.Join(testdata.Root(t), "artifacts", "uncertainty.png"))
		}
	}
}

func TestSectionsPage(t *testing.T) {
	nan := math.NaN()
	f := Forest{Title: "Gain", Help: "<b>", Line: 0, Rows: []ForestRow{{Heading: "all there"}, {Name: "one", Detail: "over two", Value: 0.1, Low: -0.05, High: 0.2},
		{Name: "alone", Value: -0.25, Low: nan, High: nan}, {Name: "none", Reason: "undefined"}}}
	var b strings.Builder
	if err := (SectionsPage{Title: "Compared", Sections: []Section{{Title: "S", Forests: []Forest{f, {Title: "empty", Line: nan}}}}, Notes: []string{"a note"}}).Write(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"all there", "0.100", "−0.050\u00a0to\u00a00.200", "−0.250", "undefined", "over two", "a note", "&lt;b&gt;"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(b.String(), "NaN") {
		t.Error("a value that is none is drawn")
	}
	// The scale holds −0.25 to 0.2 and the line; values lie on it in order.
	v := f.view()
	if one, alone := v.Rows[1].Bar, v.Rows[2].Bar; !(alone.At < one.Low && one.Low < one.Line && one.Line < one.At && one.At < one.High) || alone.Low != alone.High {
		t.Errorf("%+v and %+v", one, alone)
	}
}
