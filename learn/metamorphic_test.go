package learn

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/torch"
)

// stepsOf is the curve of a training: loss and gradient norm of each step to the last bit, and the validation of each epoch.
func stepsOf(t *testing.T, p *Plan, c *cohort.Cohort, fold cohort.Fold, watch func(*trainer)) []string {
	t.Helper()
	dir := t.TempDir()
	train(t, TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: dir, afterStep: watch})
	log, err := ReadLog(filepath.Join(dir, "log.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, l := range log {
		if l.Event == "step" {
			out = append(out, fmt.Sprint(*l.Loss, *l.GradNorm))
		} else if l.Event == "epoch" {
			out = append(out, fmt.Sprint(l.Val["loss"], l.Val["bright.auroc"]))
		}
	}
	return out
}

// TestWhatTheCurveDependsOn: not on a second run, the order of the table, the unit of a target, or an exact scaling of the loss; but on
// the seed.
func TestWhatTheCurveDependsOn(t *testing.T) {
	needEngine(t)
	p := hardPlan(toyClips(t, 24), "sgd")
	c := loadToy(t, p)
	fold := toyFold(c)
	base := stepsOf(t, p, c, fold, nil)
	if len(base) != 2*3+3 {
		t.Fatalf("curve %q", base)
	}
	same := func(what string, got []string) {
		t.Helper()
		if !slices.Equal(got, base) {
			t.Errorf("%s changed the curve:\n%q\nfrom\n%q", what, got, base)
		}
	}
	same("a second run", stepsOf(t, p, c, fold, nil))

	turned := loadToy(t, p)
	slices.Reverse(turned.Rows)
	place := func(rows []int) []int {
		var out []int
		for _, i := range rows {
			out = append(out, len(c.Rows)-1-i)
		}
		return out
	}
	// Validation rows are scored in the order given; sums over batches would differ in the last bit, so that order is kept.
	same("the order of the rows", stepsOf(t, p, turned, cohort.Fold{Train: place(fold.Train), Val: place(fold.Val)}, nil))

	scaled := loadToy(t, p)
	for _, r := range scaled.Rows {
		r.Truth["level"][0] = 8*r.Truth["level"][0] - 1024 // exact in float64, and so are mean and SD of it
	}
	same("the unit of a target", stepsOf(t, p, scaled, fold, nil))

	// A power of two only changes exponents on the way through the network.
	same("the scale of the loss", stepsOf(t, p, c, fold, func(t *trainer) { t.state.Scale = 1024 }))

	other := p.Clone()
	other.Seed++
	if slices.Equal(stepsOf(t, other, c, fold, nil), base) {
		t.Error("another seed gave the same curve")
	}
}

// TestLossScaleFallsBack: gradients that overflow leave the weights as they are and halve the scale, until they fit.
func TestLossScaleFallsBack(t *testing.T) {
	needEngine(t)
	p := toyPlan(toyClips(t, 24))
	p.Train.Epochs = 5
	c := loadToy(t, p)
	var scales []float64
	var steps []int
	stepsDone := func(tr *trainer) {
		if tr.state.Step == 1 {
			tr.state.Scale = 0x1p133 // beyond float32, whose largest power of two is 2^127
		}
		scales, steps = append(scales, tr.state.Scale), append(steps, tr.state.OptimizerSteps)
	}
	train(t, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: t.TempDir(), afterStep: stepsDone})
	last := len(scales) - 1
	if scales[1] != 0x1p132 || steps[4] != 1 || scales[last] > 0x1p128 || steps[last] <= 1 || steps[last] > last-4 {
		t.Errorf("scales %v, optimiser steps %v", scales, steps)
	}
	// A scale that cannot fall further is an error, not an endless loop: covered by TestStops, whose scale is none.
}

// TestPythonLoadsCheckpoint: the best weights load into torchvision's own network, key by key, and score the same to the last bit.
func TestPythonLoadsCheckpoint(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a network of full width")
	}
	needEngine(t)
	if exec.Command("/usr/bin/python3", "-c", "import torch, torchvision").Run() != nil {
		t.Skip("python3 has no torchvision")
	}
	p := toyPlan(toyClips(t, 8))
	p.Model.Width, p.Model.StemStride, p.Input.Channels = 64, []int{1, 2, 2}, 3
	p.Train.Epochs, p.Train.Optimizer, p.Train.LR = 1, "sgd", 1e-3
	c := loadToy(t, p)
	c.Spec.Targets = c.Spec.Targets[1:]
	p.Train.Monitor = "loss"
	dir := t.TempDir()
	train(t, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: dir})
	x := make([]float32, 3*4*12*12)
	rng := p.Seed.Stream("x")
	for i := range x {
		x[i] = rng.Float32()
	}
	input := filepath.Join(dir, "x.safetensors")
	if err := torch.WriteSafetensors(input, map[string]torch.Array{"x": torch.ArrayOf(x, 1, 3, 4, 12, 12)}, nil); err != nil {
		t.Fatal(err)
	}
	const script = `
import json, struct, sys, torch, torchvision
def read(path):
    b = open(path, "rb").read()
    n, = struct.unpack("<Q", b[:8])
    kinds = {"F32": torch.float32, "I64": torch.int64}
    return {k: torch.frombuffer(bytearray(b[8+n:][v["data_offsets"][0]:v["data_offsets"][1]]), dtype=kinds[v["dtype"]]).reshape(v["shape"])
            for k, v in json.loads(b[8:8+n]).items() if k != "__metadata__"}
torch.set_num_threads(2)
m = torchvision.models.video.r3d_18(num_classes=1)
m.load_state_dict(read(sys.argv[1]), strict=True)
with torch.no_grad():
    print(float(m.eval()(read(sys.argv[2])["x"])))
`
	out, err := exec.Command("/usr/bin/python3", "-W", "ignore", "-c", script, filepath.Join(dir, checkpointDir, bestFile), input).Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	withEngine(t, func(e *torch.Engine) {
		m, err := LoadModel(e, dir)
		if err != nil {
			t.Fatal(err)
		}
		a, err := m.Activation(x, "", "level", 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(a.Raw); got != strings.TrimSpace(string(out)) {
			t.Errorf("raw score %s here, %s in torchvision", got, out)
		}
	})
}

// FuzzLinesUpTo: whatever a log holds, what is kept can be read, belongs to the steps asked for, and is kept again.
func FuzzLinesUpTo(f *testing.F) {
	f.Add([]byte("{\"event\":\"step\",\"step\":1}\n{\"event\":\"stop\",\"step\":1}\n{\"event\":\"step\",\"step\":2}\n{\"ev"), 1)
	f.Add([]byte("\n\nnull\n[]\n{}\n"), 3)
	f.Fuzz(func(t *testing.T, data []byte, step int) {
		path := filepath.Join(t.TempDir(), "log.jsonl")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		kept, err := linesUpTo(path, step)
		if err != nil {
			return
		}
		if err := os.WriteFile(path, kept, 0o600); err != nil {
			t.Fatal(err)
		}
		lines, err := ReadLog(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines {
			if l.Step > step || l.Event == "stop" {
				t.Fatalf("kept %+v for step %d", l, step)
			}
		}
		again, err := linesUpTo(path, step)
		if err != nil || string(again) != string(kept) {
			t.Fatalf("kept %q, then %q, %v", kept, again, err)
		}
	})
}
