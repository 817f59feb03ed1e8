package run

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/explain"
	"github.com/cineloop/cineloop/stats"
)

// PhaseTest says which phase of the beat a network needs: how far its score moves when a frame of systole, or of diastole, becomes the mean frame.
type PhaseTest struct {
	Items      int      `json:"items"`
	Lacks      int      `json:"items_without"`
	Systole    *float64 `json:"systole"` // mean |move| a frame
	Diastole   *float64 `json:"diastole"`
	Difference *float64 `json:"difference"` // systole less diastole, with its 95 % interval by patient
	Low        *float64 `json:"low"`
	High       *float64 `json:"high"`
	Words      string   `json:"words"`
}

// truthPhases is the word that takes end-diastoles and end-systoles from a simulated study's truth.
const truthPhases = "truth"

// phaser gathers what single frames matter, by phase.
type phaser struct {
	r                 *Run
	ed, es            int // columns; -1: the truth of a simulated study
	systole, diastole []float64
	patients          []string
	lacks             int
}

// newPhaser takes "truth", or two columns of the table with stored frames from 0, several with spaces between; "" is nothing to do.
func newPhaser(r *Run, text string) (*phaser, error) {
	if text == "" {
		return nil, nil
	}
	if text == truthPhases {
		return &phaser{r: r, ed: -1, es: -1}, nil
	}
	names := strings.Split(text, ",")
	if len(names) != 2 {
		return nil, fault.New(fault.Usage, "--phases %s: want truth, or two columns, of the frames at end-diastole and at end-systole", text)
	}
	p := &phaser{r: r}
	for i, to := range []*int{&p.ed, &p.es} {
		if *to = slices.Index(r.Cohort.Columns, strings.TrimSpace(names[i])); *to < 0 {
			return nil, fault.New(fault.Usage, "--phases: %s has no column %q", r.Cohort.Spec.Table, strings.TrimSpace(names[i]))
		}
	}
	return p, nil
}

// events are the stored frames at end-diastole and end-systole of a row.
func (p *phaser) events(row int) (ed, es []int, err error) {
	r := p.r.Cohort.Rows[row]
	if p.ed < 0 {
		dir, name := filepath.Dir(filepath.Dir(r.Path)), strings.TrimSuffix(filepath.Base(r.Path), filepath.Ext(r.Path))
		b, err := os.ReadFile(filepath.Join(dir, "truth", name+".json"))
		if err != nil {
			return nil, nil, fault.New(fault.Usage, "phases of the truth are those of simulated studies: %w", err)
		}
		var t struct{ ED, ES []int }
		return t.ED, t.ES, json.Unmarshal(b, &t)
	}
	for c, to := range map[int]*[]int{p.ed: &ed, p.es: &es} {
		for _, f := range strings.Fields(r.Columns[c]) {
			v, err := strconv.Atoi(f)
			if err != nil {
				return nil, nil, nil // unknown
			}
			*to = append(*to, v)
		}
	}
	return ed, es, nil
}

// add takes an item. Items without both events, and those whose frames at the input do not tell them apart, are counted.
func (p *phaser) add(ex example, stored *clip.Clip, in explain.Input, score explain.ScoreFunc) error {
	if p == nil {
		return nil
	}
	ed, es, err := p.events(ex.row)
	if err != nil {
		return err
	}
	phases, err := explain.Phases(stored.T, ed, es)
	if err != nil || in.T < 2 {
		p.lacks++
		return nil
	}
	mask := make([]uint8, stored.T*stored.H*stored.W)
	for i := range mask {
		if phases[i/(stored.H*stored.W)] == explain.Systole {
			mask[i] = 1
		}
	}
	at, err := seenMask(stored, mask, p.r.Plan.Input)
	if err != nil {
		return err
	}
	seen := make([]explain.Phase, in.T)
	for t := range seen {
		seen[t] = explain.Diastole
	}
	for _, i := range at {
		seen[i/(in.H*in.W)] = explain.Systole
	}
	falls, _, err := explain.FrameImportance(in, score)
	if err != nil {
		return err
	}
	for t := range falls {
		falls[t] = math.Abs(falls[t])
	}
	m := explain.MeanOfPhases(falls, seen)
	if len(m) < 2 {
		p.lacks++
		return nil
	}
	p.systole, p.diastole = append(p.systole, m[explain.Systole]), append(p.diastole, m[explain.Diastole])
	p.patients = append(p.patients, p.r.Cohort.Rows[ex.row].Patient)
	return nil
}

// finish judges; nil where nothing was asked.
func (p *phaser) finish(ctx context.Context) (*PhaseTest, error) {
	if p == nil {
		return nil, nil
	}
	out := &PhaseTest{Items: len(p.systole), Lacks: p.lacks}
	if out.Items == 0 {
		out.Words = fmt.Sprintf("No item of %d has frames of both phases.", p.lacks)
		return out, nil
	}
	d, err := stats.Bootstrap{Resamples: 1000, Seed: p.r.Plan.Seed, Name: "phases", Workers: 1}.Run(ctx, stats.Clusters(p.patients), out.Items, 2, func(w, v []float64) {
		v[0], v[1] = weightedMean(p.systole)(w), weightedMean(p.diastole)(w)
	})
	if err != nil {
		return nil, fault.New(fault.Interrupted, "testing phases: %w", err)
	}
	diff, iv := d.Difference(0, 1)
	out.Systole, out.Diastole = explain.Finite(d.Point[0]), explain.Finite(d.Point[1])
	out.Difference, out.Low, out.High = explain.Finite(diff), explain.Finite(iv.Low), explain.Finite(iv.High)
	out.Words = fmt.Sprintf("A frame of systole moves the score by %.3g, one of diastole by %.3g (%d items", d.Point[0], d.Point[1], out.Items)
	if out.Low == nil || out.Items < fewItems {
		out.Words += "): too few items to tell which the network needs more."
		return out, nil
	}
	out.Words += fmt.Sprintf("; difference %.3g, 95 %% interval by patient %.3g to %.3g): ", diff, iv.Low, iv.High)
	switch {
	case iv.Low > 0:
		out.Words += "it needs systole more."
	case iv.High < 0:
		out.Words += "it needs diastole more."
	default:
		out.Words += "neither phase more than the other, as far as these items tell."
	}
	return out, nil
}
