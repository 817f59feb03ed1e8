package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/report"
	"github.com/cineloop/cineloop/report/svg"
)

// published are accuracies on MNIST in the paper's table (all 60,000 images), and of public repetitions of it.
var published = map[string]string{
	"softmax":         "0.994 (with weight decay); repetition 0.990",
	"dropout":         "0.995",
	"ensemble":        "0.993",
	"edl-mse-relu":    "0.993; repetitions 0.989, 0.975",
	"edl-mse-relu-he": "0.993; repetitions 0.989, 0.975",
	"edl-log-exp":     "repetitions 0.987, 0.971",
	"edl-digamma-exp": "repetitions 0.986, 0.977",
}

func table(w io.Writer, results []result, n int) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%d training images\tepochs\ttest acc\tpublished\tu right / wrong\terror AUROC\tnotMNIST entropy, share < 0.1, AUROC\tFashion AUROC\tacc at u < .5 (coverage)\tdead classes\n", n)
	for _, r := range results {
		fmt.Fprintln(t, tabbed(cells(r)))
	}
	t.Flush()
	for _, r := range results {
		fmt.Fprintf(w, "rotated 1, %s:", r.Method.Name)
		for _, p := range r.Rotated {
			if int(p.Degrees)%20 == 0 {
				fmt.Fprintf(w, " %.0f°:%d p=%.2f u=%.2f", p.Degrees, p.Class, p.Probs[p.Class], p.Uncertainty)
			}
		}
		fmt.Fprintf(w, "\nFGSM, %s:", r.Method.Name)
		for _, a := range r.Adversarial {
			fmt.Fprintf(w, " ε=%g acc=%.3f H=%.2f", a.Step, a.Accuracy, a.Entropy)
			if r.Method.Kind != nil && a.Step > 0 {
				fmt.Fprintf(w, " (logits attacked %.3f)", a.Logits)
			}
		}
		fmt.Fprintln(w)
	}
}

func tabbed(c []string) string {
	var b bytes.Buffer
	for i, s := range c {
		if i > 0 {
			b.WriteByte('\t')
		}
		b.WriteString(s)
	}
	return b.String()
}

// cells are a method's row: name, epochs, accuracy, the published one, and what uncertainty is worth.
func cells(r result) []string {
	dead := fmt.Sprint(r.Dead)
	if len(r.Dead) == 0 {
		dead = "none"
	}
	pub := published[r.Method.Key]
	if pub == "" {
		pub = "—"
	}
	return []string{r.Method.Name, fmt.Sprint(r.Method.Epochs), fmt.Sprintf("%.4f", r.Accuracy), pub, fmt.Sprintf("%.3f / %.3f", r.Right, r.Wrong), fmt.Sprintf("%.3f", r.ErrorAUROC),
		fmt.Sprintf("%.2f, %.3f, %.3f", r.NotEntropy, r.NotSure, r.NotAUROC), fmt.Sprintf("%.3f", r.Fashion), fmt.Sprintf("%.4f (%.3f)", r.SureAccuracy, r.SureCoverage), dead}
}

func writePage(path string, results []result, d *data, o options) error {
	page := report.UncertaintyPage{Title: "Evidential learning on MNIST", About: fmt.Sprintf("After Sensoy, Kaplan and Kandemir 2018. LeNet with 20 and 50 filters and 500 hidden units, %d training images, Adam at 0.001; u is vacuity K/S for evidential networks and 1 − the largest probability for the others. notMNIST and Fashion are told from MNIST by the entropy of the mean probabilities.", o.n)}
	t := report.Table{Caption: "Accuracy and uncertainty", Head: []string{"model", "epochs", "accuracy", "published", "u right / wrong", "AUROC of u for errors", "notMNIST: entropy, share below 0.1, AUROC", "Fashion AUROC", "accuracy at u < 0.5 (coverage)", "dead classes"}}
	var names []string
	for _, r := range results {
		t.Rows = append(t.Rows, cells(r))
		names = append(names, r.Method.Name)
	}
	page.Sections = append(page.Sections, report.Section{Title: "Table", Tables: []report.Table{t}}, rotatedFigure(results, d))
	curves := func(title, x, y string, xmax, ymax float64, points func(r result) []svg.XY) (svg.Plot, []string) {
		p := svg.Plot{Title: title, Desc: title, Height: 330, X: svg.Axis{Label: x, Min: 0, Max: xmax}, Y: svg.Axis{Label: y, Min: 0, Max: ymax}}
		var shown []string
		for _, r := range results {
			if len(shown) == 6 { // as many as can be told apart
				break
			}
			p.Marks = append(p.Marks, svg.Line{Class: fmt.Sprintf("s%d", len(shown)+1), Points: points(r)})
			shown = append(shown, r.Method.Name)
		}
		return p, shown
	}
	ecdf := report.Section{Title: "Entropy on notMNIST", Text: "Share of pictures whose predictive entropy is at or below: far to the right is better, since none of them is a digit."}
	fgsm := report.Section{Title: "Adversarial steps (FGSM)", Text: "Each pixel moves by a step in the direction that raises the loss, on 1,000 test pictures; ensembles are attacked together. Evidence held at exp(10) has no gradient, which hides a network from an attack on its own loss: the second pair of charts attacks the cross-entropy of the logits instead."}
	add := func(s *report.Section, p svg.Plot, names []string) {
		s.Charts, s.Legends = append(s.Charts, p), append(s.Legends, names)
	}
	steps := func(f func(a adversarial) float64) func(r result) []svg.XY {
		return func(r result) (xy []svg.XY) {
			for _, a := range r.Adversarial {
				xy = append(xy, svg.XY{X: a.Step, Y: f(a)})
			}
			return xy
		}
	}
	p, n := curves("Entropy on notMNIST", "entropy, nats", "share", math.Log(10), 1, func(r result) []svg.XY { return ecdfOf(r.Quantiles) })
	add(&ecdf, p, n)
	p, n = curves("Entropy on MNIST", "entropy, nats", "share", math.Log(10), 1, func(r result) []svg.XY { return ecdfOf(r.Inside) })
	add(&ecdf, p, n)
	p, n = curves("Accuracy, own loss attacked", "step", "accuracy", 1, 1, steps(func(a adversarial) float64 { return a.Accuracy }))
	add(&fgsm, p, n)
	p, n = curves("Mean entropy, own loss attacked", "step", "entropy, nats", 1, math.Log(10), steps(func(a adversarial) float64 { return a.Entropy }))
	add(&fgsm, p, n)
	own := func(logits, plain func(a adversarial) float64) func(r result) []svg.XY {
		return func(r result) []svg.XY {
			if r.Method.Kind != nil {
				return steps(logits)(r)
			}
			return steps(plain)(r)
		}
	}
	p, n = curves("Accuracy, logits attacked", "step", "accuracy", 1, 1, func(r result) []svg.XY {
		xy := own(func(a adversarial) float64 { return a.Logits }, func(a adversarial) float64 { return a.Accuracy })(r)
		xy[0].Y = r.Adversarial[0].Accuracy
		return xy
	})
	add(&fgsm, p, n)
	p, n = curves("Mean u, logits attacked", "step", "u", 1, 1, own(func(a adversarial) float64 { return a.LogitsUncertainty }, func(a adversarial) float64 { return a.Uncertainty }))
	add(&fgsm, p, n)
	page.Sections = append(page.Sections, ecdf, fgsm)
	if s, ok := startsSection(filepath.Join(filepath.Dir(path), "starts.json")); ok {
		page.Sections = append(page.Sections, s)
	}
	return atomicfile.Write(path, func(w io.Writer) error { return page.Write(w) })
}

func ecdfOf(percentiles []float64) (xy []svg.XY) {
	for k, h := range percentiles {
		xy = append(xy, svg.XY{X: h, Y: float64(k) / 100})
	}
	return xy
}

// rotatedFigure is the turned digit with what softmax, an ensemble and evidence say of it.
func rotatedFigure(results []result, d *data) report.Section {
	s := report.Section{Title: "A rotated 1", Text: "The first 1 of the test set turned about its middle. A softmax network goes over to another digit with confidence; evidence runs out instead. Lines are probabilities of the classes that lead somewhere, and u."}
	one := slices.Index(d.test.label, 1)
	for deg := 0.0; deg <= 180; deg += 20 {
		s.Pictures = append(s.Pictures, report.Picture{URI: "data:image/png;base64," + picture(rotate(d.test.at(one), deg)), Alt: fmt.Sprintf("the digit at %.0f degrees", deg), Caption: fmt.Sprintf("%.0f°", deg)})
	}
	for _, r := range results {
		p := svg.Plot{Title: r.Method.Name, Desc: "Class probabilities and uncertainty of a rotated 1", Height: 280, X: svg.Axis{Label: "degrees", Min: 0, Max: 180}, Y: svg.Axis{Label: "probability, u", Min: 0, Max: 1}}
		var leads []int
		for _, x := range r.Rotated {
			if !slices.Contains(leads, x.Class) && x.Probs[x.Class] > 0.2 && len(leads) < 5 {
				leads = append(leads, x.Class)
			}
		}
		var names []string
		for i, c := range leads {
			var xy []svg.XY
			for _, x := range r.Rotated {
				xy = append(xy, svg.XY{X: x.Degrees, Y: x.Probs[c]})
			}
			p.Marks = append(p.Marks, svg.Line{Class: fmt.Sprintf("s%d", i+1), Points: xy})
			names = append(names, fmt.Sprintf("says %d", c))
		}
		var xy []svg.XY
		for _, x := range r.Rotated {
			xy = append(xy, svg.XY{X: x.Degrees, Y: x.Uncertainty})
		}
		p.Marks = append(p.Marks, svg.Line{Class: fmt.Sprintf("s%d", len(leads)+1), Dashed: true, Points: xy})
		s.Charts, s.Legends = append(s.Charts, p), append(s.Legends, append(names, "u (dashed)"))
	}
	return s
}

// startsSection shows the study of starts where it was made into the same folder.
func startsSection(path string) (report.Section, bool) {
	s := report.Section{Title: "Which starts let classes die", Text: "6,000 images, ten epochs; a class is dead when fewer than one in a hundred of its own training images finds any evidence for it."}
	b, err := os.ReadFile(path)
	if err != nil {
		return s, false
	}
	var rows []startRow
	if json.Unmarshal(b, &rows) != nil || len(rows) == 0 {
		return s, false
	}
	t := report.Table{Caption: "By seed", Head: []string{"loss + evidence, start", "mean accuracy", "accuracy by seed", "dead classes by seed"}}
	for _, r := range rows {
		t.Rows = append(t.Rows, []string{r.Name, fmt.Sprintf("%.3f", mean(r.Accuracy)), fmt.Sprintf("%.3f", r.Accuracy), fmt.Sprint(r.Dead)})
	}
	s.Tables = append(s.Tables, t)
	return s, true
}

func picture(p []float32) string {
	m := image.NewGray(image.Rect(0, 0, 28, 28))
	for i, v := range p {
		m.SetGray(i%28, i/28, color.Gray{Y: uint8(255 * v)})
	}
	var b bytes.Buffer
	if png.Encode(&b, m) != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}
