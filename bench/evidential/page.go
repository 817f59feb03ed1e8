package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/cineloop/cineloop/report/svg"
)

func table(w io.Writer, results []result, n int) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%d training images\ttest acc\tu right / wrong\terror AUROC\tnotMNIST entropy, share < 0.1, AUROC\tFashion AUROC\tacc at u < .5 (coverage)\tdead classes\ts\n", n)
	for _, r := range results {
		fmt.Fprintf(t, "%s\t%.4f\t%.3f / %.3f\t%.3f\t%.2f, %.3f, %.3f\t%.3f\t%.4f (%.3f)\t%v\t%.0f\n", r.Method.Name, r.Accuracy, r.Right, r.Wrong, r.ErrorAUROC, r.NotEntropy, r.NotSure, r.NotAUROC, r.Fashion, r.SureAccuracy, r.SureCoverage, r.Dead, r.Seconds)
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
		for k, a := range r.Adversarial {
			fmt.Fprintf(w, " ε=%g acc=%.3f H=%.2f", steps[k], a.Accuracy, a.Entropy)
		}
		fmt.Fprintln(w)
	}
}

func writePage(path string, results []result, d *data, o options) error {
	var b strings.Builder
	b.WriteString(`<!doctype html><meta charset="utf-8"><title>Evidential learning on MNIST</title><style>
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}svg.plot{max-width:32rem;width:100%}
.grid{stroke:#ddd}.axis{fill:none;stroke:#555}.tick,.label{font-size:11px;fill:#333}.line{fill:none;stroke-width:2}img{image-rendering:pixelated}
.s1{stroke:#1b6ca8}.s2{stroke:#c8553d}.s3{stroke:#2a9d5c}.s4{stroke:#8a5ab5}.s5{stroke:#b58900}.s6{stroke:#555}.s7{stroke:#d33682}
.k{display:inline-block;width:1.2em;height:.25em;margin:0 .3em .2em 1em}pre{overflow-x:auto}</style><h1>Evidential learning on MNIST</h1>`)
	fmt.Fprintf(&b, "<p>After Sensoy, Kaplan and Kandemir 2018; LeNet, %d training images.</p><pre>", o.n)
	var text bytes.Buffer
	table(&text, results, o.n)
	b.WriteString(html.EscapeString(text.String()))
	b.WriteString("</pre><h2>A rotated 1</h2><p>")
	one := slices.Index(d.test.label, 1)
	for deg := 0.0; deg <= 180; deg += 20 {
		fmt.Fprintf(&b, `<img alt="the digit at %.0f degrees" width="56" height="56" src="data:image/png;base64,%s">`, deg, picture(rotate(d.test.at(one), deg)))
	}
	b.WriteString("</p>")
	plot := func(id, title, x, y string, xmax, ymax float64, points func(r result) []svg.XY) {
		p := svg.Plot{ID: id, Title: title, Desc: title, X: svg.Axis{Label: x, Min: 0, Max: xmax}, Y: svg.Axis{Label: y, Min: 0, Max: ymax}}
		for i, r := range results {
			p.Marks = append(p.Marks, svg.Line{Class: fmt.Sprintf("s%d", i+1), Points: points(r)})
		}
		fmt.Fprintf(&b, "<h2>%s</h2>%s<p>", html.EscapeString(title), p.SVG())
		for i, r := range results {
			fmt.Fprintf(&b, `<svg class="k" viewBox="0 0 12 3"><path class="line s%d" d="M0 1.5L12 1.5"/></svg>%s`, i+1, html.EscapeString(r.Method.Name))
		}
		b.WriteString("</p>")
	}
	plot("rot", "Uncertainty of a rotated 1 (vacuity, or 1 − the largest probability)", "degrees", "uncertainty", 180, 1, func(r result) (xy []svg.XY) {
		for _, p := range r.Rotated {
			xy = append(xy, svg.XY{X: p.Degrees, Y: p.Uncertainty})
		}
		return xy
	})
	plot("ecdf", "Entropy on notMNIST: share of pictures at or below", "entropy", "share", 2.4, 1, func(r result) (xy []svg.XY) {
		for k, h := range r.Quantiles {
			xy = append(xy, svg.XY{X: h, Y: float64(k) / 100})
		}
		return xy
	})
	plot("fgsm", "Accuracy under FGSM", "step", "accuracy", steps[len(steps)-1], 1, func(r result) (xy []svg.XY) {
		for k, a := range r.Adversarial {
			xy = append(xy, svg.XY{X: steps[k], Y: a.Accuracy})
		}
		return xy
	})
	plot("fgsmh", "Mean entropy under FGSM", "step", "entropy", steps[len(steps)-1], 2.4, func(r result) (xy []svg.XY) {
		for k, a := range r.Adversarial {
			xy = append(xy, svg.XY{X: steps[k], Y: a.Entropy})
		}
		return xy
	})
	return os.WriteFile(path, []byte(b.String()), 0o644)
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
