package main

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestRotate(t *testing.T) {
	p := make([]float32, 784)
	p[3*28+5], p[20*28+11] = 1, 0.5
	if !slices.Equal(rotate(p, 0), p) {
		t.Error("0 degrees move something")
	}
	half := rotate(p, 180) // about (13.5, 13.5): (5, 3) goes to (22, 24)
	if v := half[24*28+22]; math.Abs(float64(v)-1) > 1e-5 {
		t.Errorf("at 180 degrees the point is %v", v)
	}
	quarter := rotate(p, 90)
	sum := 0.0
	for _, v := range quarter {
		sum += float64(v)
	}
	if math.Abs(sum-1.5) > 1e-4 {
		t.Errorf("a quarter turn keeps %v of 1.5", sum)
	}
}

func TestMethods(t *testing.T) {
	all := methodsFor(60000, 3, 1)
	keys := map[string]bool{}
	for _, m := range all {
		keys[m.Key] = true
	}
	for _, k := range []string{"softmax", "dropout", "ensemble", "edl-mse-relu-he"} {
		if !keys[k] {
			t.Errorf("no method %s", k)
		}
	}
	pairs := 0
	for _, term := range terms {
		for _, e := range evidences {
			if keys["edl-"+term.name+"-"+e.name] {
				pairs++
			}
		}
	}
	if pairs != 9 || len(all) != 13 {
		t.Errorf("%d of nine pairs among %d methods", pairs, len(all))
	}
	soft, ensemble := all[0], all[slices.IndexFunc(all, func(m method) bool { return m.Key == "ensemble" })]
	if soft.settings(0) != ensemble.settings(0) || soft.settings(0) == ensemble.settings(1) {
		t.Error("the ensemble's first network is the softmax one, its second is not")
	}
	longer := soft
	longer.Epochs++
	if longer.settings(0) != soft.settings(0) || longer.identity() == soft.identity() {
		t.Error("fewer epochs are the beginning of more, with other results")
	}
}

func TestPercentiles(t *testing.T) {
	x := make([]float64, 201)
	for i := range x {
		x[i] = float64(200 - i)
	}
	p := percentiles(x)
	if len(p) != 101 || p[0] != 0 || p[50] != 100 || p[100] != 200 {
		t.Errorf("%v", p)
	}
}

func TestErrorsOfBeliefs(t *testing.T) {
	one := func(k int, p, u float64) belief {
		b := belief{make([]float64, 10), u}
		for j := range b.probs {
			b.probs[j] = (1 - p) / 9
		}
		b.probs[k] = p
		return b
	}
	var r result
	r.errors([]belief{one(0, 0.9, 0.1), one(1, 0.8, 0.2), one(2, 0.4, 0.6), one(3, 0.5, 0.9)}, []int{0, 1, 3, 3})
	// Three of four right, the wrong one is less sure than two of them.
	if r.Accuracy != 0.75 || math.Abs(r.Right-0.4) > 1e-12 || r.Wrong != 0.6 || math.Abs(r.ErrorAUROC-2.0/3) > 1e-12 || r.SureAccuracy != 1 || r.SureCoverage != 0.5 {
		t.Errorf("%+v", r)
	}
	if r.ClassAccuracy[3] != 0.5 || r.ClassAccuracy[0] != 1 {
		t.Errorf("%v", r.ClassAccuracy)
	}
}

func TestPage(t *testing.T) {
	r := result{Method: methodsFor(60000, 3, 1)[1], Accuracy: 0.991, Quantiles: make([]float64, 101), Inside: make([]float64, 101)}
	for deg := 0.0; deg <= 180; deg += 10 {
		r.Rotated = append(r.Rotated, rotation{deg, 1, []float64{0, 1, 0, 0, 0, 0, 0, 0, 0, 0}, deg / 180})
	}
	for _, s := range steps {
		r.Adversarial = append(r.Adversarial, adversarial{Step: s, Accuracy: 1 - s})
	}
	path := filepath.Join(t.TempDir(), "page.html")
	d := &data{test: images{make([]float32, 784), []int{1}}}
	if err := writePage(path, []result{r}, d, options{n: 60000}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"repetitions 0.987", "0.9910", "data:image/png", "A rotated 1", "Adversarial steps", "u (dashed)"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	var text bytes.Buffer
	table(&text, []result{r}, 60000)
	if !strings.Contains(text.String(), "0.9910") {
		t.Error("the table")
	}
}
