package learn

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/uncertainty"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

// SWAG (Maddox et al. 2019): the weights at the ends of the last epochs, under a constant learning rate, make a normal distribution;
// draws from it are networks of their own, in swag/K of the training folder, and are scored as the members of an ensemble are.
// What was collected is kept in checkpoints/swag.safetensors, so that a resumed training goes on with it.
const (
	swagFile = "swag.safetensors"
	swagDir  = "swag"
	// refreshBatches bounds the batches that batch normalisation sees anew for each draw.
	refreshBatches = 100
)

type swagger struct {
	live  []*nn.Param // all but counters
	s     uncertainty.SWAG
	epoch int // the last that was collected; −1: none
}

func (t *trainer) swagOn() bool {
	return t.plan.Uncertainty != nil && t.plan.Uncertainty.SWAGEpochs > 0
}

// swagStart is the first epoch whose end is collected.
func (t *trainer) swagStart() int { return t.plan.Train.Epochs - t.plan.Uncertainty.SWAGEpochs }

// swagRate is the learning rate: constant while weights are collected.
func (t *trainer) swagRate(lr float64) float64 {
	if !t.swagOn() || t.state.Epoch < t.swagStart() {
		return lr
	}
	if v := t.plan.Uncertainty.SWAGLR; v > 0 {
		return v
	}
	return t.plan.Train.LR / 2
}

func (t *trainer) swagPath() string { return filepath.Join(t.opts.Dir, checkpointDir, swagFile) }

// collectSWAG takes the weights at the end of the epoch that the state stands in.
func (t *trainer) collectSWAG() error {
	if !t.swagOn() || t.state.Epoch < t.swagStart() {
		return nil
	}
	if t.swag == nil {
		t.swag = &swagger{epoch: -1}
		t.net.Visit("", func(_ string, p *nn.Param) {
			if !p.Int {
				t.swag.live = append(t.swag.live, p)
			}
		})
		if t.state.Epoch > t.swagStart() {
			if err := t.swag.read(t.swagPath()); err != nil {
				return err
			}
		}
	}
	if t.swag.epoch >= t.state.Epoch { // killed between this file and the checkpoint: the same weights were collected before
		return nil
	}
	t.swag.s.Collect(t.swag.flat())
	t.swag.epoch = t.state.Epoch
	return t.swag.write(t.swagPath())
}

func (w *swagger) flat() []float64 {
	var out []float64
	for _, p := range w.live {
		out = append(out, p.T.Detach().Float64s()...)
	}
	return out
}

// put copies weights into the network.
func (w *swagger) put(e *torch.Engine, weights []float64) {
	for _, p := range w.live {
		s := e.Scope()
		shape, n := p.T.Shape(), 1
		for _, d := range shape {
			n *= int(d)
		}
		e.NoGrad(func() { p.T.Detach().Copy_(e.FromFloat64s(weights[:n], shape...).To(p.T.DType())) })
		weights = weights[n:]
		s.Close()
	}
}

func (w *swagger) write(path string) error {
	n, mean, square, deviations := w.s.State()
	tensors := map[string]torch.Array{"mean": float64Array(mean), "square": float64Array(square)}
	for i, d := range deviations {
		tensors["deviation."+strconv.Itoa(i)] = float64Array(d)
	}
	return torch.WriteSafetensors(path, tensors, map[string]string{"epoch": strconv.Itoa(w.epoch), "n": strconv.Itoa(n), "deviations": strconv.Itoa(len(deviations))})
}

func (w *swagger) read(path string) error {
	tensors, meta, err := torch.ReadSafetensors(path)
	if err != nil {
		return fmt.Errorf("going on with SWAG: %w", err)
	}
	var n, count int
	for key, to := range map[string]*int{"n": &n, "deviations": &count, "epoch": &w.epoch} {
		if *to, err = strconv.Atoi(meta[key]); err != nil {
			return fault.New(fault.Input, "%s: %s: %w", path, key, err)
		}
	}
	var deviations [][]float64
	for i := range count {
		deviations = append(deviations, float64sOf(tensors["deviation."+strconv.Itoa(i)]))
	}
	return w.s.Restore(n, float64sOf(tensors["mean"]), float64sOf(tensors["square"]), deviations)
}

func float64Array(x []float64) torch.Array {
	a := torch.Array{DType: torch.Float64, Shape: []int64{int64(len(x))}, Data: make([]byte, 0, 8*len(x))}
	for _, v := range x {
		a.Data = binary.LittleEndian.AppendUint64(a.Data, math.Float64bits(v))
	}
	return a
}

func float64sOf(a torch.Array) []float64 {
	out := make([]float64, len(a.Data)/8)
	for i := range out {
		out[i] = math.Float64frombits(binary.LittleEndian.Uint64(a.Data[8*i:]))
	}
	return out
}

// SWAGDirs are the folders of the draws that a training left, as [Predict] takes them.
func SWAGDirs(dir string, u *UncertaintySpec) []string {
	var out []string
	for k := range u.Draws() {
		out = append(out, filepath.Join(dir, swagDir, strconv.Itoa(k)))
	}
	return out
}

// drawSWAG writes the draws that are not there yet, each with batch normalisation measured anew on training batches and, where a head has
// one, with a baseline hazard of its own: relative risks of other weights are on another scale.
func (t *trainer) drawSWAG(ctx context.Context) error {
	if !t.swagOn() || t.state.Epoch <= t.swagStart() {
		return nil
	}
	if t.swag == nil { // the training was over before: take up what it collected
		t.swag = &swagger{}
		t.net.Visit("", func(_ string, p *nn.Param) {
			if !p.Int {
				t.swag.live = append(t.swag.live, p)
			}
		})
		if err := t.swag.read(t.swagPath()); err != nil {
			return err
		}
	}
	trained, heads := t.swag.flat(), t.heads
	err := t.drawEach(ctx)
	t.swag.put(t.e, trained)
	t.heads, t.state.Heads = heads, heads
	if err != nil { // after the trained weights are back: they are what is saved
		return t.interrupted(err)
	}
	return nil
}

// drawEach is drawSWAG without tidying up: it leaves the last draw in the network.
func (t *trainer) drawEach(ctx context.Context) error {
	for k, dir := range SWAGDirs(t.opts.Dir, t.plan.Uncertainty) {
		path := filepath.Join(dir, bestFile)
		if _, err := os.Stat(path); err == nil {
			continue
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fault.New(fault.Resource, "making the folder: %w", err)
		}
		t.report.say("drawing weights %d of %d", k+1, t.plan.Uncertainty.Draws())
		t.swag.put(t.e, t.swag.s.Sample(t.plan.Seed.Stream("swag", k), 1))
		if err := t.refresh(ctx, k); err != nil {
			return err
		}
		if err := t.baselinesOf(ctx); err != nil {
			return err
		}
		if err := writeCheckpoint(path, t.state, nn.Export(t.net)); err != nil {
			return err
		}
	}
	return nil
}

// refresh measures batch normalisation's statistics with the weights as they stand.
func (t *trainer) refresh(ctx context.Context, draw int) error {
	batches := 0
	for b, err := range t.train.Epoch(ctx, t.plan.Train.Epochs+draw, 0) {
		if err != nil {
			return err
		}
		t.e.ManualSeed(stats.Seed(t.plan.Seed.Stream("refresh", draw, batches).Uint64()))
		s := t.e.Scope()
		t.e.NoGrad(func() {
			p := seeing(t.e, t.table, t.opts.Cohort, b)
			p.Train = true
			forward(t.e, t.net, p, t.plan.Train.Autocast, input(t.e, b))
		})
		s.Close()
		b.Release()
		if batches++; batches == refreshBatches {
			break
		}
	}
	return nil
}
