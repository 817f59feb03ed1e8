package live

import (
	"fmt"
	"html/template"
	"math"
	"sort"
	"strings"
	"time"

	"github.com/cineloop/cineloop/learn"
)

// idleAfter is how long a training may say nothing before it is shown as silent.
const idleAfter = 2 * time.Minute

// Run is a training as its log tells it.
type Run struct {
	Name    string
	Changed time.Time

	Epoch, Epochs, Step int // done; Epochs 0: not known
	Rate                float64
	WaitPercent         float64 // of the time, spent waiting for data
	Seconds             float64
	Left                time.Duration // 0: not known
	Stopped             string        // why it ended; empty: it has not
	Idle, Crashed       bool
	Charts              []Chart
}

// Chart is a curve.
type Chart struct {
	Title, Last string
	Points      template.HTMLAttr // of a polyline in a box of 300×120
	High, Low   string
	DotX, DotY  string
}

// recent steps tell the pace.
const recent = 20

// summarise reads a log. Steps that were done again after an interruption are in it once.
func summarise(lines []learn.LogLine) Run {
	var r Run
	series := map[string][]float64{}
	add := func(name string, v float64) {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			series[name] = append(series[name], v)
		}
	}
	var wait, rows float64
	var pace []learn.LogLine
	perEpoch := 0.0
	for _, l := range lines {
		switch l.Event {
		case "step":
			r.Step, r.Epoch = l.Step, l.Epoch
			r.Seconds += l.Seconds
			wait += l.Wait
			pace = append(pace, l)
			if l.Loss != nil {
				add("loss of each step", *l.Loss)
			}
			add("learning rate", l.LR)
		case "epoch":
			r.Epoch = l.Epoch + 1
			perEpoch = l.Seconds
			for name, v := range l.Val {
				add("validation "+name, v)
			}
		case "stop":
			r.Stopped = l.Reason
		}
	}
	seconds := 0.0
	for _, l := range pace[max(0, len(pace)-recent):] {
		seconds += l.Seconds
		rows += float64(l.Rows)
	}
	if seconds > 0 {
		r.Rate = rows / seconds
	}
	if r.Seconds > 0 {
		r.WaitPercent = 100 * wait / r.Seconds
	}
	r.Left = time.Duration(perEpoch * float64(time.Second)) // of one epoch; the page multiplies
	names := make([]string, 0, len(series))
	for name := range series {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		r.Charts = append(r.Charts, chart(name, series[name]))
	}
	return r
}

// Remaining is the time that the epochs to come take at the last one's pace; "" where that is not known.
func (r Run) Remaining() string {
	n := r.Epochs - r.Epoch
	if r.Stopped != "" || r.Epochs == 0 || n <= 0 || r.Left == 0 {
		return ""
	}
	return (time.Duration(n) * r.Left).Round(time.Second).String()
}

// State is a word on how it stands.
func (r Run) State() string {
	switch {
	case r.Crashed && r.Stopped == "":
		return "left the numbers: see crash.json"
	case r.Stopped != "":
		return "ended: " + r.Stopped
	case r.Idle:
		return "silent for more than two minutes"
	}
	return "training"
}

const chartWidth, chartHeight, chartPoints = 300.0, 120.0, 300

// chart draws values evenly spaced, at most 300, each the mean of its neighbours where there are more.
func chart(title string, v []float64) Chart {
	if n := len(v); n > chartPoints {
		out := make([]float64, chartPoints)
		for i := range out {
			a, b := i*n/chartPoints, (i+1)*n/chartPoints
			for _, x := range v[a:b] {
				out[i] += x / float64(b-a)
			}
		}
		out[chartPoints-1] = v[n-1]
		v = out
	}
	lo, hi := v[0], v[0]
	for _, x := range v {
		lo, hi = math.Min(lo, x), math.Max(hi, x)
	}
	span := hi - lo
	if span == 0 {
		span = 1
	}
	var b strings.Builder
	var x, y float64
	for i, val := range v {
		x = chartWidth * float64(i) / math.Max(1, float64(len(v)-1))
		y = 5 + (chartHeight-10)*(hi-val)/span
		fmt.Fprintf(&b, "%.1f,%.1f ", x, y)
	}
	return Chart{Title: title, Last: fmt.Sprintf("%.4g", v[len(v)-1]), High: fmt.Sprintf("%.4g", hi), Low: fmt.Sprintf("%.4g", lo),
		Points: template.HTMLAttr(`points="` + strings.TrimSpace(b.String()) + `"`), DotX: fmt.Sprintf("%.1f", x), DotY: fmt.Sprintf("%.1f", y)}
}
