package learn

import (
	"context"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/internal/fault"
)

// parallelPlan is a toy plan for several processes: plain SGD, whose steps are as near as the gradients are.
func parallelPlan(dir string, batch int) *Plan {
	p := toyPlan(dir)
	p.Train.BatchSize, p.Train.Optimizer, p.Train.Momentum, p.Train.LR, p.Train.Threads = batch, "sgd", 0.9, 0.002, 1
	return p
}

// asRanks trains in size processes, each this test binary, and gives their outputs and errors. In a child it trains and ends the process;
// killAt is the step after which rank 1 dies, 0: none.
func asRanks(t *testing.T, size int, dir, out string, change func(*Plan), killAt int) (outputs []string, errs []error) {
	t.Helper()
	if os.Getenv("CINELOOP_TEST_RANK") != "" {
		childRank(t, change)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	outputs, errs = make([]string, size), make([]error, size)
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	for r := range size {
		wg.Go(func() {
			cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+t.Name()+"$")
			cmd.Env = append(os.Environ(), "CINELOOP_TEST_RANK="+strconv.Itoa(r), "CINELOOP_TEST_RANKS="+strconv.Itoa(size), "CINELOOP_TEST_PORT="+strconv.Itoa(port),
				"CINELOOP_TEST_DATA="+dir, "CINELOOP_TEST_OUT="+out, "CINELOOP_TEST_KILL="+strconv.Itoa(killAt))
			b, err := cmd.CombinedOutput()
			outputs[r], errs[r] = string(b), err
		})
	}
	wg.Wait()
	if strings.Contains(outputs[0], "MISSING") {
		t.Skip(outputs[0])
	}
	return outputs, errs
}

func childRank(t *testing.T, change func(*Plan)) {
	number := func(key string) int { n, _ := strconv.Atoi(os.Getenv("CINELOOP_TEST_" + key)); return n }
	rank, kill := number("RANK"), number("KILL")
	p := parallelPlan(os.Getenv("CINELOOP_TEST_DATA"), 4)
	if change != nil {
		change(p)
	}
	c := loadToy(t, p)
	o := TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: os.Getenv("CINELOOP_TEST_OUT"), Resume: true,
		Parallel: &Parallel{Rank: rank, Size: number("RANKS"), Host: "127.0.0.1", Port: number("PORT"), Timeout: 90 * time.Second},
		afterStep: func(t *trainer) {
			if kill > 0 && rank == 1 && t.state.Step == kill {
				os.Exit(9)
			}
		}}
	r, err := Train(context.Background(), o)
	if fault.CodeOf(err) == fault.Missing && err != nil {
		fmt.Println("MISSING", err)
		os.Exit(0)
	}
	if err != nil {
		fmt.Println("ERROR", err)
		os.Exit(fault.ExitStatus(err))
	}
	fmt.Printf("BEST %.5f %d\n", r.Best.Value, r.Steps)
	os.Exit(0)
}

// logCurve is the losses, gradient norms and validation losses of a log.
func logCurve(t *testing.T, dir string) (steps, val []float64) {
	t.Helper()
	lines, err := ReadLog(filepath.Join(dir, "log.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		switch l.Event {
		case "step":
			steps = append(steps, *l.Loss, *l.GradNorm)
		case "epoch":
			val = append(val, l.Val["loss"])
		}
	}
	return steps, val
}

// TestParallelCurve: two processes with batches of 4 make the curve of one with batches of 8: the first step's loss and gradient norm to
// 1e-4, which is the order of sums in float32, and losses and norms of three epochs, through which that grows, to 0.5 %. Validation rows divide unevenly.
func TestParallelCurve(t *testing.T) {
	if testing.Short() {
		t.Skip("trains three times")
	}
	dir, out := toyClips(t, 56), t.TempDir()
	outputs, errs := asRanks(t, 2, dir, out, nil, 0)
	for r := range errs {
		if errs[r] != nil {
			t.Fatalf("rank %d: %v\n%s", r, errs[r], outputs[r])
		}
	}
	if outputs[0] != outputs[1] || !strings.HasPrefix(outputs[0], "BEST ") {
		t.Errorf("the processes differ: %s %s", outputs[0], outputs[1])
	}
	p := parallelPlan(dir, 8)
	c := loadToy(t, p)
	f := toyFold(c)
	if len(f.Val)%2 == 0 {
		f.Val = f.Val[1:]
		t.Fatalf("%d validation rows divide evenly", len(f.Val))
	}
	one := t.TempDir()
	train(t, TrainOptions{Plan: p, Cohort: c, Fold: f, Dir: one})
	got, gotVal := logCurve(t, out)
	want, wantVal := logCurve(t, one)
	if len(got) != len(want) || len(got) == 0 || len(gotVal) != 3 {
		t.Fatalf("%d and %d values, %d epochs", len(got), len(want), len(gotVal))
	}
	worst := 0.0
	for i := range got {
		worst = math.Max(worst, math.Abs(got[i]-want[i])/math.Abs(want[i]))
		if math.Abs(got[i]-want[i]) > 1e-4*math.Abs(want[i]) {
			t.Errorf("value %d of the curve is %.6f, want %.6f", i, got[i], want[i])
		}
	}
	for i := range gotVal {
		if math.Abs(gotVal[i]-wantVal[i]) > 1e-4*wantVal[i] {
			t.Errorf("validation loss %d is %.6f, want %.6f", i, gotVal[i], wantVal[i])
		}
	}
	t.Logf("the curves differ by %.2g at most", worst)
	// The files are rank 0's alone, and a different number of processes is refused.
	if found, _ := filepath.Glob(filepath.Join(out, "*.tfevents*")); len(found) > 1 {
		t.Errorf("%d processes wrote events", len(found))
	}
	p.Train.BatchSize, p.Train.Epochs = 4, 3
	if _, err := Train(context.Background(), TrainOptions{Plan: p, Cohort: c, Fold: f, Dir: out, Resume: true}); fault.CodeOf(err) != fault.Conflict || !strings.Contains(err.Error(), "2 processes") {
		t.Errorf("going on alone: %v", err)
	}
}

// TestParallelKilledRankResumes: rank 1 dies in the middle of an epoch; rank 0 says that another process ended; the same command goes on from
// the checkpoint, and the curve is bit for bit the one of a run that nobody killed.
func TestParallelKilledRankResumes(t *testing.T) {
	if testing.Short() {
		t.Skip("trains three times")
	}
	every := func(p *Plan) { p.Train.CheckpointSteps, p.Train.Epochs = 1, 2 }
	dir, out, whole := toyClips(t, 56), t.TempDir(), t.TempDir()
	outputs, errs := asRanks(t, 2, dir, out, every, 4)
	if errs[0] == nil || errs[1] == nil || !strings.Contains(outputs[0], anotherEnded) {
		t.Fatalf("%v %v\n%s\n%s", errs[0], errs[1], outputs[0], outputs[1])
	}
	before, _ := logCurve(t, out)
	for _, to := range []string{out, whole} {
		if outputs, errs = asRanks(t, 2, dir, to, every, 0); errs[0] != nil || errs[1] != nil {
			t.Fatalf("%v %v\n%s", errs[0], errs[1], outputs[0])
		}
	}
	got, gotVal := logCurve(t, out)
	want, wantVal := logCurve(t, whole)
	if !slices.Equal(got, want) || !slices.Equal(gotVal, wantVal) {
		t.Errorf("resumed %v\nwhole   %v", got, want)
	}
	if len(before) == 0 || len(before) >= len(want) {
		t.Errorf("%d values before the kill, %d in all", len(before), len(want))
	}
}

func TestParallelRefusals(t *testing.T) {
	p := toyPlan("")
	for _, bad := range []*Parallel{{Rank: 2, Size: 2}, {Rank: -1, Size: 2}, {}} {
		if err := bad.check(p); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if err := (*Parallel)(nil).check(p); err != nil {
		t.Error(err)
	}
	p.Train.Autocast = "fp16"
	if err := (&Parallel{Size: 2}).check(p); fault.CodeOf(err) != fault.Usage {
		t.Errorf("%v", err)
	}
}

// TestCrashFile: a truth that overflows makes the loss infinite; a weight that is no number is found by layer and name.
func TestCrashFile(t *testing.T) {
	needEngine(t)
	dir := toyClips(t, 16)
	p := toyPlan(dir)
	c := loadToy(t, p)
	out := t.TempDir()
	broken := false
	o := TrainOptions{Plan: p, Cohort: c, Fold: cohort.Fold{Train: c.All()}, Dir: out, afterStep: func(t *trainer) {
		if t.state.Step == 2 && !broken {
			broken = true
			for _, g := range t.opt.groups {
				for i, n := range g.names {
					if strings.HasPrefix(n, "layer2.0.conv1") && g.params[i].Dim() == 5 {
						t.e.NoGrad(func() { g.params[i].Fill_(math.NaN()) })
					}
				}
			}
		}
	}}
	_, err := Train(context.Background(), o)
	if fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), "layer2.0.conv1") {
		t.Fatalf("%v", err)
	}
	b, err := os.ReadFile(filepath.Join(out, crashFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"step": 2`, `"layer": "layer2.0.conv1`, `"items": [`, `"weights": [`, "layer2.0.conv1.0.weight"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("crash.json lacks %s:\n%s", want, b)
		}
	}
}
