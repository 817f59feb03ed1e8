package learn

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/version"
	"github.com/cineloop/cineloop/torch"
)

// Crash is what crash.json in a training's folder says about a step that left the numbers. Items are the table's keys, which are
// pseudonymous; no truth and no pixel is in it.
type Crash struct {
	Version string   `json:"version"`
	Time    string   `json:"time"`
	Epoch   int      `json:"epoch"` // from 0
	Batch   int      `json:"batch"` // of the epoch, from 0
	Step    int      `json:"step"`  // optimiser steps done before
	What    string   `json:"what"`
	Items   []string `json:"items"`           // of the batch
	Layer   string   `json:"layer,omitempty"` // the first whose output is not finite; "input" where that is not
	Bad     []string `json:"bad,omitempty"`   // items of the batch whose values there are not finite
	Rank    int      `json:"rank,omitempty"`
	Weights []string `json:"weights,omitempty"` // parameters that are not finite themselves
}

// crashFile is written beside the log.
const crashFile = "crash.json"

// diagnosis is where a batch left the numbers.
type diagnosis struct {
	layer   string
	bad     []int // rows
	weights []string
}

// diagnose runs the batch once more and looks at every layer's output. It is nil where all is finite: then a loss is to blame, not the
// network.
func (t *trainer) diagnose(x *torch.Tensor, b *cohort.Batch, batch int) *diagnosis {
	d := &diagnosis{}
	s := t.e.Scope()
	defer s.Close()
	look := func(name string, y *torch.Tensor) {
		shape := y.Shape()
		if d.layer != "" || len(shape) == 0 {
			return
		}
		rows := ownersOf(b, int(shape[0]))
		if rows == nil {
			return
		}
		in := t.e.Scope()
		defer in.Close()
		// 0 times anything that is not finite is not 0.
		sums := y.Detach().To(torch.Float32).Reshape(int64(len(rows)), -1).MulScalar(0).Sum(1).Float32s()
		for i, v := range sums {
			if v != 0 && (d.layer == "" || !slices.Contains(d.bad, rows[i])) {
				d.layer, d.bad = name, append(d.bad, rows[i])
			}
		}
	}
	err := t.e.Try(func() {
		t.e.NoGrad(func() {
			look("input", x)
			for i, g := range t.opt.groups {
				for k, p := range g.params {
					if p.Sum().MulScalar(0).Item() != 0 {
						d.weights = append(d.weights, t.opt.groups[i].names[k])
					}
				}
			}
			t.e.ManualSeed(t.stepSeed(batch))
			p := t.pass(b)
			p.Sum = nil // the other processes do not take part
			p.Watch = look
			forward(t.e, t.net, p, t.plan.Train.Autocast, x)
		})
	})
	if err != nil || d.layer == "" && len(d.weights) == 0 {
		return nil
	}
	return d
}

// ownersOf are the rows that pieces of n things of a batch belong to, one a piece: clips that are there, slots, or items; nil where n is none
// of these.
func ownersOf(b *cohort.Batch, n int) []int {
	if n == 0 {
		return nil
	}
	if b.Slots > 0 {
		var clips, slots []int
		for i, there := range b.Present {
			slots = append(slots, b.Rows[i/b.Slots])
			if there {
				clips = append(clips, b.Rows[i/b.Slots])
			}
		}
		switch {
		case n == len(slots):
			return slots
		case n%len(clips) == 0:
			return clips
		}
	}
	if n%len(b.Rows) != 0 {
		return nil
	}
	return b.Rows
}

// notFinite writes crash.json and gives the error for a step that left the numbers.
func (t *trainer) notFinite(what string, rows []int, d *diagnosis) error {
	ids := func(rows []int) []string {
		out := make([]string, len(rows))
		for i, r := range rows {
			out[i] = t.opts.Cohort.Rows[r].ID
		}
		return out
	}
	c := Crash{Version: version.String(), Time: time.Now().UTC().Format(time.RFC3339), Epoch: t.state.Epoch, Batch: t.state.Batch + len(t.pending),
		Step: t.state.Step, What: what, Items: ids(rows)}
	where := ""
	if d != nil {
		c.Layer, c.Bad, c.Weights = d.layer, ids(d.bad), d.weights
		switch {
		case len(d.weights) > 0:
			where = fmt.Sprintf("; %d parameters are not finite, first %s", len(d.weights), d.weights[0])
		case d.layer == "input":
			where = fmt.Sprintf("; the input of %q is not finite", c.Bad)
		default:
			where = fmt.Sprintf("; the first layer that is not finite is %s, for %q", d.layer, c.Bad)
		}
	}
	name := crashFile
	if t.group != nil {
		c.Rank = t.group.Rank
		if c.Rank > 0 {
			name = fmt.Sprintf("crash-rank%d.json", c.Rank)
		}
	}
	b, err := json.MarshalIndent(c, "", "  ")
	if err == nil {
		err = atomicfile.WriteBytes(filepath.Join(t.opts.Dir, name), append(b, '\n'))
	}
	hint := "look at these items' files and truths; then lower train.lr, set train.clip_norm, or train without autocast. " + name + " keeps the details"
	if err != nil {
		hint += ", or would: " + err.Error()
	}
	return fault.New(fault.Input, "training, epoch %d, step %d: %s%s; items %q", t.state.Epoch+1, t.state.Step+1, what, where, c.Items).WithHint("%s", hint)
}
