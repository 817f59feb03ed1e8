package learn

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

// hardPlan has everything in it that has a state: momentum or moments, averages, dropout, augmentation, balance, groups of batches.
func hardPlan(dir, optimizer string) *Plan {
	p := toyPlan(dir)
	p.Train.Optimizer, p.Train.Momentum = optimizer, 0.9
	if optimizer == "sgd" {
		p.Train.LR = 0.01
	}
	p.Train.BatchSize, p.Train.Accumulate = 3, 2
	p.Train.EMA, p.Train.ClipNorm, p.Train.WarmupEpochs = 0.95, 5, 1
	p.Train.Balance = true
	p.Model.Dropout = 0.3
	p.Augment.FlipLR, p.Augment.Noise, p.Augment.TemporalJitter = true, 0.02, true
	return p
}

// curve is the log without times.
func curve(t *testing.T, dir string) string {
	t.Helper()
	log, err := ReadLog(filepath.Join(dir, "log.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, l := range log {
		if l.Event == "stop" {
			continue
		}
		l.Time, l.Seconds, l.Wait = "", 0, 0
		js, _ := json.Marshal(l)
		fmt.Fprintf(&b, "%s\n", js)
	}
	return b.String()
}

// values is every tensor of a checkpoint and its state without times.
func values(t *testing.T, dir, file string) (string, map[string]torch.Array) {
	t.Helper()
	s, tensors, err := readCheckpoint(filepath.Join(dir, checkpointDir, file))
	if err != nil {
		t.Fatal(err)
	}
	s.Seconds, s.Wait, s.Running = 0, 0, Running{}
	js, _ := json.Marshal(s)
	return string(js), tensors
}

func sameRun(t *testing.T, what, got, want string) {
	t.Helper()
	if g, w := curve(t, got), curve(t, want); g != w {
		t.Errorf("%s: the curve differs:\n%s\nfrom\n%s", what, g, w)
	}
	for _, file := range []string{lastFile, bestFile} {
		gs, gt := values(t, got, file)
		ws, wt := values(t, want, file)
		if gs != ws || len(gt) != len(wt) {
			t.Errorf("%s: %s says\n%s, not\n%s", what, file, gs, ws)
		}
		for name, a := range wt {
			if !bytes.Equal(a.Data, gt[name].Data) {
				t.Errorf("%s: %s of %s differs", what, name, file)
				break
			}
		}
	}
}

// TestResumeIsBitEqual interrupts a training at random steps, several times in a row, and compares with one that never stopped.
func TestResumeIsBitEqual(t *testing.T) {
	needEngine(t)
	dir := toyClips(t, 36)
	for _, optimizer := range []string{"adamw", "sgd"} {
		p := hardPlan(dir, optimizer)
		c := loadToy(t, p)
		fold := toyFold(c)
		whole := t.TempDir()
		r := train(t, TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: whole})
		if r.Steps != 9 {
			t.Fatalf("%d steps", r.Steps)
		}
		rng := stats.Seed(time.Now().UnixNano()).Stream("stops")
		for try := range 2 {
			parts := t.TempDir()
			var stops []int
			for done := 0; ; {
				stop := done + 1 + rng.IntN(4)
				ctx, cancel := context.WithCancel(context.Background())
				_, err := Train(ctx, TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: parts, Resume: true, afterStep: func(t *trainer) {
					if done = t.state.Step; done >= stop {
						cancel()
					}
				}})
				cancel()
				if err == nil {
					break
				}
				if fault.CodeOf(err) != fault.Interrupted || !errors.Is(err, context.Canceled) {
					t.Fatal(err)
				}
				stops = append(stops, done)
			}
			sameRun(t, fmt.Sprintf("%s, try %d, stopped after steps %v", optimizer, try, stops), parts, whole)
		}
		// A training that is done stays done.
		before, _ := os.ReadFile(filepath.Join(whole, checkpointDir, lastFile))
		r = train(t, TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: whole, Resume: true})
		after, _ := os.ReadFile(filepath.Join(whole, checkpointDir, lastFile))
		if r.Steps != 9 || r.Stopped != "finished" || !bytes.Equal(before, after) {
			t.Errorf("resuming a finished training: %+v", r)
		}
	}
}

const childDir = "CINELOOP_TEST_CHILD_DIR"

// TestKilledChild is the child of TestKill; alone it does nothing.
func TestKilledChild(t *testing.T) {
	spec := os.Getenv(childDir)
	if spec == "" {
		t.Skip("runs as the child of TestKill")
	}
	data, out, _ := strings.Cut(spec, "|")
	p := hardPlan(data, "adamw")
	p.Train.Epochs, p.Train.CheckpointSteps = 6, 2
	c := loadToy(t, p)
	train(t, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: out, Resume: true, afterStep: func(*trainer) { time.Sleep(20 * time.Millisecond) }})
}

// TestKill kills a training process with SIGKILL wherever it is, repeatedly: nothing but the steps since the last checkpoint is lost,
// and the end is that of a training that was left alone.
func TestKill(t *testing.T) {
	needEngine(t)
	data, whole, parts := toyClips(t, 36), t.TempDir(), t.TempDir()
	p := hardPlan(data, "adamw")
	p.Train.Epochs, p.Train.CheckpointSteps = 6, 2
	c := loadToy(t, p)
	train(t, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: whole})

	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	kills := 0
	for _, until := range []int{3, 8, 13} {
		cmd := exec.Command(exe, "-test.run=^TestKilledChild$")
		cmd.Env = append(os.Environ(), childDir+"="+data+"|"+parts)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		reached := waitForStep(filepath.Join(parts, "log.jsonl"), until)
		_ = cmd.Process.Signal(syscall.SIGKILL)
		if err := cmd.Wait(); err != nil {
			kills++
		}
		s, _, err := readCheckpoint(filepath.Join(parts, checkpointDir, lastFile))
		if err != nil {
			t.Fatalf("killed after step %d: %v", reached, err)
		}
		// A step's line comes before its checkpoint, so the kill may have fallen between the two.
		if s.Step < reached-p.Train.CheckpointSteps {
			t.Errorf("killed after step %d, the checkpoint is of step %d", reached, s.Step)
		}
	}
	if kills == 0 {
		t.Fatal("no child was killed: the test tested nothing")
	}
	// What a kill in the middle of writing leaves behind.
	if err := os.WriteFile(filepath.Join(parts, checkpointDir, ".last.safetensors-123"), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := train(t, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: parts, Resume: true})
	if r.Stopped != "finished" {
		t.Errorf("result %+v", r)
	}
	sameRun(t, "killed", parts, whole)
	if left, _ := filepath.Glob(filepath.Join(parts, checkpointDir, ".*")); len(left) != 0 {
		t.Errorf("torn files stay behind: %v", left)
	}
}

// waitForStep waits until the log has a step, for at most half a minute, and returns the last one it has.
func waitForStep(path string, step int) (last int) {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		log, err := ReadLog(path)
		if err != nil || len(log) == 0 {
			continue
		}
		for _, l := range log {
			if l.Event == "step" {
				last = l.Step
			}
		}
		if last >= step {
			break
		}
	}
	return last
}

func TestResumeRefuses(t *testing.T) {
	needEngine(t)
	data, out := toyClips(t, 16), t.TempDir()
	p := toyPlan(data)
	p.Train.Epochs = 1
	c := loadToy(t, p)
	fold := toyFold(c)
	train(t, TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: out})
	again := func(change func(*Plan, *TrainOptions)) error {
		q := p.Clone()
		o := TrainOptions{Plan: q, Cohort: c, Fold: fold, Dir: out, Resume: true}
		change(q, &o)
		_, err := Train(context.Background(), o)
		return err
	}
	if err := again(func(q *Plan, _ *TrainOptions) { q.Train.LR *= 2 }); fault.CodeOf(err) != fault.Conflict || !strings.Contains(err.Error(), "another plan") {
		t.Errorf("another learning rate: %v", err)
	}
	if err := again(func(_ *Plan, o *TrainOptions) { o.Fold.Train = o.Fold.Train[1:] }); fault.CodeOf(err) != fault.Conflict || !strings.Contains(err.Error(), "other rows") {
		t.Errorf("other rows: %v", err)
	}
	for _, harmless := range []func(*Plan, *TrainOptions){
		func(q *Plan, _ *TrainOptions) { q.Train.MaxMinutes, q.Explain.Examples, q.Description = 5, 9, "x" },
		func(_ *Plan, o *TrainOptions) { slices.Reverse(o.Fold.Val) },
	} {
		if err := again(harmless); err != nil {
			t.Errorf("a change that training does not depend on: %v", err)
		}
	}

	path := filepath.Join(out, checkpointDir, lastFile)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{
		"cut":     good[:len(good)/2],
		"empty":   {},
		"flipped": append(slices.Clone(good[:len(good)-9]), append([]byte{good[len(good)-9] ^ 1}, good[len(good)-8:]...)...),
	} {
		if err := os.WriteFile(path, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		err := again(func(*Plan, *TrainOptions) {})
		if fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s checkpoint: %v", name, err)
		}
	}
	if err := torch.WriteSafetensors(path, map[string]torch.Array{"x": torch.ArrayOf([]float32{1}, 1)}, nil); err != nil {
		t.Fatal(err)
	}
	if err := again(func(*Plan, *TrainOptions) {}); fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), "not a checkpoint") {
		t.Errorf("a file of others: %v", err)
	}
	// Without Resume the folder begins anew: no file of the earlier training is left even before the first checkpoint.
	_, err = Train(context.Background(), TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: out, afterStep: func(tr *trainer) {
		if tr.state.Step > 1 {
			return
		}
		old, _ := filepath.Glob(filepath.Join(out, checkpointDir, "*"))
		events, _ := filepath.Glob(filepath.Join(out, "*tfevents*"))
		if len(old) != 0 || len(events) != 1 {
			t.Errorf("beside the new training lie %v and %v", old, events)
		}
	}})
	if err != nil {
		t.Error(err)
	}
}

// TestFullDisk writes to a device that is always full: the error says so and what to do.
func TestFullDisk(t *testing.T) {
	dir := "/dev/shm/cineloop-full-" + fmt.Sprint(os.Getpid())
	if os.Getuid() != 0 || os.Mkdir(dir, 0o700) != nil {
		t.Skip("making a small file system needs root and /dev/shm")
	}
	defer os.RemoveAll(dir)
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("no small file system here: %v", err)
	}
	defer syscall.Unmount(dir, 0)
	path := filepath.Join(dir, lastFile)
	small := map[string]torch.Array{"x": torch.ArrayOf(make([]float32, 100), 100)}
	if err := writeCheckpoint(path, State{Step: 1}, small); err != nil {
		t.Fatal(err)
	}
	err := writeCheckpoint(path, State{Step: 2}, map[string]torch.Array{"x": torch.ArrayOf(make([]float32, 1<<20), 1<<20)})
	if fault.CodeOf(err) != fault.Resource || !strings.Contains(err.Error(), "free some space") {
		t.Errorf("full disk: %v", err)
	}
	if s, _, err := readCheckpoint(path); err != nil || s.Step != 1 {
		t.Errorf("the old checkpoint is gone: %+v %v", s, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) != 0 {
		t.Errorf("torn files: %v", left)
	}
}
