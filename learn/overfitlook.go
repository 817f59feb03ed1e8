package learn

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
)

const (
	tryInput  = "look at input.normalise, input.window and the files: cineloop cohort check draws them"
	tryLabels = "look at these rows of the table"
)

// look says what can be seen in the batch and the network.
func (f *oneBatch) look(c *OverfitCheck, l *learner) {
	if says := inputTrouble(f.batch.X, len(f.rows)); says != "" {
		c.add("input", says, tryInput)
	}
	for _, says := range f.labelTrouble(f.batch.X) {
		c.add("labels", says, tryLabels)
	}
	if c.Reached {
		return
	}
	if len(f.rows) == 1 {
		c.add("labels", "the batch has one row: batch normalisation has nothing to compare it with", "raise train.batch_size")
	}
	l.lookAtGradients(c)
	if alike(f.features, len(f.rows)) {
		c.add("head", "the network makes the same features of every clip, so that no head can tell them apart",
			"look at input.normalise (a constant input?) and model.weights")
		return
	}
	for i, h := range f.t.heads {
		if h.Kind != evaluate.TimeToEvent && len(f.rows) > 1 && sameScores(f.scores[i]) {
			c.add("head", fmt.Sprintf("the head of %s says the same of every clip although their features differ: it is dead", h.Name), "look at the head's loss and its weights")
		}
	}
}

// inputTrouble says what is wrong with the values that the network sees; "" where nothing is.
func inputTrouble(pixels []float32, rows int) string {
	var sum, square, top float64
	bad := 0
	for _, v := range pixels {
		x := float64(v)
		if !finite(x) {
			bad++
			continue
		}
		sum, square, top = sum+x, square+x*x, math.Max(top, math.Abs(x))
	}
	n := float64(len(pixels))
	mean := sum / n
	sd := math.Sqrt(math.Max(0, square/n-mean*mean))
	switch {
	case bad > 0:
		return fmt.Sprintf("%d input values are not finite", bad)
	case sd < 1e-6:
		return fmt.Sprintf("the input is %.3g everywhere", mean)
	case sd < 0.01 || sd > 100 || math.Abs(mean) > 100:
		return fmt.Sprintf("the input has mean %.3g and SD %.3g; networks are made for about 0 and 1", mean, sd)
	case top > 1000*sd:
		return fmt.Sprintf("the input has values of %.3g at an SD of %.3g", top, sd)
	}
	each := len(pixels) / rows
	for i := range rows {
		part := pixels[i*each : (i+1)*each]
		if slices.Min(part) == slices.Max(part) {
			return fmt.Sprintf("clip %d of the batch is %.3g everywhere", i+1, part[0])
		}
	}
	return ""
}

// labelTrouble says what is odd about the batch's truths: equal pictures with other truths, and values far from all others.
func (f *oneBatch) labelTrouble(pixels []float32) (out []string) {
	each := len(pixels) / len(f.rows)
	id := func(i int) string { return f.t.opts.Cohort.Rows[f.rows[i]].ID }
	for i := range f.rows {
		for j := range i {
			if f.rows[i] == f.rows[j] || !slices.Equal(pixels[i*each:(i+1)*each], pixels[j*each:(j+1)*each]) {
				continue
			}
			for _, h := range f.t.heads {
				if a, b := f.truth(h)[i], f.truth(h)[j]; differ(a, b) {
					out = append(out, fmt.Sprintf("%q and %q are the same picture with another %s", id(j), id(i), h.Name))
				}
			}
		}
	}
	for _, h := range f.t.heads {
		truth := f.truth(h)
		for i, row := range truth {
			if h.Kind == evaluate.Regression && !math.IsNaN(row[0]) && math.Abs(row[0]-h.Mean) > 8*h.SD {
				out = append(out, fmt.Sprintf("%s of %q lies %.0f SDs from the training rows' mean: another unit?", h.Name, id(i), math.Abs(row[0]-h.Mean)/h.SD))
			}
		}
		if e, known := h.constant(truth); known > 0 && e == 0 && h.Kind != evaluate.TimeToEvent && len(f.rows) > 1 {
			out = append(out, fmt.Sprintf("%s is the same in the whole batch: learning it shows little", h.Name))
		}
	}
	return out
}

// differ says whether two truths differ where both are known.
func differ(a, b []float64) bool {
	for i := range min(len(a), len(b)) {
		if !math.IsNaN(a[i]) && !math.IsNaN(b[i]) && a[i] != b[i] {
			return true
		}
	}
	return false
}

// alike says whether all rows of a table have the same values, but for a ten-thousandth of their size.
func alike(values []float32, rows int) bool {
	if rows < 2 {
		return false
	}
	each := len(values) / rows
	var size, spread float64
	for j := range each {
		low, high := math.Inf(1), math.Inf(-1)
		for i := range rows {
			v := float64(values[i*each+j])
			low, high, size = math.Min(low, v), math.Max(high, v), math.Max(size, math.Abs(v))
		}
		spread = math.Max(spread, high-low)
	}
	return spread <= 1e-4*size
}

func sameScores(scores [][]float64) bool {
	for _, s := range scores[1:] {
		for j := range s {
			if math.Abs(s[j]-scores[0][j]) > 1e-6*math.Max(1, math.Abs(s[j])) {
				return false
			}
		}
	}
	return true
}

// Words are the check's outcome for people, a line each.
func (c *OverfitCheck) Words() string {
	var b strings.Builder
	items := "clips"
	if len(c.Targets) > 0 && c.Targets[0].Kind == string(cohort.Mask) {
		items = "patches"
	}
	if c.Reached {
		fmt.Fprintf(&b, "learnt by heart: %d %s in %d steps at a rate of %.3g\n", len(c.Items), items, c.Steps, c.LR)
	} else {
		fmt.Fprintf(&b, "not learnt by heart: %d %s, %d steps at a rate of %.3g\n", len(c.Items), items, c.Steps, c.LR)
	}
	for _, t := range c.Targets {
		mark := "learnt"
		if !t.Reached {
			mark = "NOT learnt"
		}
		fmt.Fprintf(&b, "  %-20s %-10s error %.3g; the best constant answer has %.3g (%d known)\n", t.Name, mark, t.Error, t.Constant, t.Known)
	}
	for _, f := range c.Findings {
		fmt.Fprintf(&b, "%s: %s\n    %s\n", strings.ReplaceAll(f.What, "_", " "), f.Says, f.Try)
	}
	return b.String()
}
