package run

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/learn"
	"github.com/cineloop/cineloop/report/svg"
)

// Files of a look before training, in a run's folder.
const (
	lrCurveFile   = "lr-finder.json"
	lrPictureFile = "lr-finder.svg"
	overfitFile   = "overfit.json"
)

// probeOptions are the first fit of a run for a look before training.
func (r *Run) probeOptions() (learn.TrainOptions, error) {
	if r.Plan.Kind == kindCatalog {
		return learn.TrainOptions{}, fault.New(fault.Usage, "a run of kind %s has no network to look at", r.Plan.Kind)
	}
	cache, err := r.sharedCache()
	if err != nil {
		return learn.TrainOptions{}, err
	}
	return learn.TrainOptions{Plan: r.Plan.Clone(), Cohort: r.Cohort, Fold: r.Splits[0].Folds[0], Dir: string(r.Dir), Label: r.label(0, 0) + ": ", Progress: r.log, Cache: cache}, nil
}

// FindLR searches for a learning rate with the first fit of the run, and writes lr-finder.json and lr-finder.svg. Trainings are left as they are.
func (r *Run) FindLR(ctx context.Context, s learn.LRSearch) (*learn.LRCurve, error) {
	opts, err := r.probeOptions()
	if err != nil {
		return nil, err
	}
	c, err := learn.FindLR(ctx, opts, s)
	if err != nil {
		return nil, err
	}
	if err := writeJSON(filepath.Join(string(r.Dir), lrCurveFile), c); err != nil {
		return nil, err
	}
	return c, atomicfile.WriteBytes(filepath.Join(string(r.Dir), lrPictureFile), []byte(lrPicture(c)))
}

// OverfitOneBatch looks whether the first fit's network can learn one batch by heart, and writes overfit.json. A batch that is not learnt is an
// error of code input that names the first finding.
func (r *Run) OverfitOneBatch(ctx context.Context, steps int) (*learn.OverfitCheck, error) {
	opts, err := r.probeOptions()
	if err != nil {
		return nil, err
	}
	c, err := learn.OverfitOneBatch(ctx, opts, steps)
	if err != nil {
		return nil, err
	}
	if err := writeJSON(filepath.Join(string(r.Dir), overfitFile), c); err != nil {
		return nil, err
	}
	if !c.Reached {
		f := c.Findings[0]
		return c, fault.New(fault.Input, "the network does not learn one batch by heart: %s", f.Says).WithHint("%s", f.Try)
	}
	return c, nil
}

// lrPicture draws a search: losses against the rate's logarithm, the plan's rate and the suggestion.
func lrPicture(c *learn.LRCurve) string {
	var raw, smooth []svg.XY
	var y []float64
	for _, p := range c.Points {
		x := math.Log10(p.LR)
		raw, smooth = append(raw, svg.XY{X: x, Y: p.Loss}), append(smooth, svg.XY{X: x, Y: p.Smooth})
		y = append(y, p.Smooth)
	}
	axis := svg.Around("loss", y...)
	x := svg.Axis{Label: "learning rate, power of ten", Min: -8, Max: 1, Whole: true, Count: 9}
	if len(raw) > 0 {
		x.Min, x.Max = math.Floor(raw[0].X), math.Ceil(raw[len(raw)-1].X)
	}
	marks := []svg.Mark{svg.Line{Points: smooth, Class: "s1"}, svg.Dots{Points: clipped(raw, axis), Class: "muted"}}
	line := func(lr float64, class string) {
		if lr > 0 {
			at := math.Log10(lr)
			marks = append(marks, svg.Line{Points: []svg.XY{{X: at, Y: axis.Min}, {X: at, Y: axis.Max}}, Class: class, Dashed: true})
		}
	}
	line(c.Suggested, "s3")
	line(c.Plan, "s2")
	p := svg.Plot{ID: "lr", Title: "Learning-rate search", Desc: lrWords(c), Width: 560, Height: 340, X: x, Y: axis, Marks: marks}
	const style = `<style>text{font:11px sans-serif;fill:#444}.grid{stroke:#ddd;stroke-width:.6}.axis{stroke:#666;fill:none}.line{fill:none;stroke-width:1.8}` +
		`.s1{stroke:#0067a8}.s2{stroke:#c04a00}.s3{stroke:#00805f}.muted{fill:#999;stroke:none}.dashed{stroke-dasharray:5 4}</style>`
	s := strings.Replace(p.SVG(), "<svg ", `<svg xmlns="http://www.w3.org/2000/svg" width="560" height="340" `, 1)
	return strings.Replace(s, "<title", style+"<title", 1) + "\n"
}

// clipped are the points within an axis's range: a loss that ran away would squeeze all others into a line.
func clipped(points []svg.XY, y svg.Axis) (in []svg.XY) {
	for _, p := range points {
		if p.Y >= y.Min && p.Y <= y.Max {
			in = append(in, p)
		}
	}
	return in
}

// lrWords is a search's outcome in a sentence or two.
func lrWords(c *learn.LRCurve) string {
	s := fmt.Sprintf("no rate is suggested: %s", c.Why)
	if c.Suggested > 0 {
		s = fmt.Sprintf("suggested learning rate %.2g (%s); the loss is lowest at %.2g", c.Suggested, c.Why, c.Lowest)
	}
	if c.Diverged > 0 {
		s += fmt.Sprintf(" and runs away at %.2g", c.Diverged)
	}
	return s + fmt.Sprintf(". The plan has %.2g with %s", c.Plan, c.Optimizer)
}

// LRTable is a search for a terminal: a line every few steps with a bar, and the outcome.
func LRTable(c *learn.LRCurve) string {
	var b strings.Builder
	low, high := math.Inf(1), math.Inf(-1)
	for _, p := range c.Points {
		low, high = math.Min(low, p.Smooth), math.Max(high, p.Smooth)
	}
	every := max(1, (len(c.Points)+24)/25)
	for i := 0; i < len(c.Points); i += every {
		p, mark := c.Points[i], ""
		if next := min(i+every, len(c.Points)) - 1; c.Suggested >= p.LR && c.Suggested <= c.Points[next].LR {
			mark = "  <- suggested"
		}
		fmt.Fprintf(&b, "%8.2g  %9.4g  %s%s\n", p.LR, p.Smooth, strings.Repeat("#", int(math.Round(40*(p.Smooth-low)/math.Max(high-low, 1e-12)))), mark)
	}
	b.WriteString(lrWords(c) + "\n")
	return b.String()
}
