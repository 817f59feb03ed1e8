package learn

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cineloop/cineloop/learn/tensorboard"
	"github.com/google/go-cmp/cmp"
)

func TestJournalGoesOn(t *testing.T) {
	dir := t.TempDir()
	loss := func(v float64) *float64 { return &v }
	var told observers
	begin := func(step int) {
		t.Helper()
		told = nil
		if err := told.start([]Observer{&journal{dir: dir}, &board{dir: dir}}, Start{Step: step}); err != nil {
			t.Fatal(err)
		}
	}
	begin(0)
	for _, l := range []LogLine{
		{Event: "step", Step: 1, Loss: loss(3), LR: 0.1},
		{Event: "step", Step: 2, Loss: loss(2), LR: 0.1},
		{Event: "stop", Step: 2, Reason: "interrupted"},
		{Event: "step", Step: 3, Loss: loss(1), LR: 0.1},
		{Event: "epoch", Epoch: 0, Step: 3, Loss: loss(2), Val: map[string]float64{"loss": 1.5}, Seconds: 2, Wait: 0.5, Rows: 8},
	} {
		if err := told.log(l, Progress{}); err != nil {
			t.Fatal(err)
		}
	}
	told.end(nil)
	// A kill tears the last line, and the checkpoint is of step 2: what came later is void.
	f, _ := os.OpenFile(filepath.Join(dir, "log.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	f.WriteString(`{"event":"step","step":4,"lo`)
	f.Close()
	begin(2)
	if err := told.log(LogLine{Event: "step", Step: 3, Loss: loss(0.5)}, Progress{}); err != nil {
		t.Fatal(err)
	}
	told.end(nil)
	got, err := ReadLog(filepath.Join(dir, "log.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	want := []LogLine{
		{Event: "step", Step: 1, Loss: loss(3), LR: 0.1},
		{Event: "step", Step: 2, Loss: loss(2), LR: 0.1},
		{Event: "step", Step: 3, Loss: loss(0.5)},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}

	// TensorBoard: the second file voids the first one's points from step 2 on.
	names, _ := filepath.Glob(filepath.Join(dir, "*tfevents*"))
	if len(names) != 2 {
		t.Fatalf("event files %v", names)
	}
	first, second := readEvents(t, names[0]), readEvents(t, names[1])
	if p := first[len(first)-1].Scalars; p[2].Tag != "epoch/rows_per_second" || p[2].Value != 4 || p[3].Value != 25 {
		t.Errorf("epoch's points %v", p)
	}
	if !second[1].Restart || second[1].Step != 2 {
		t.Errorf("no restart at step 2: %+v", second[1])
	}
}

func readEvents(t *testing.T, path string) []tensorboard.Event {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	e, err := tensorboard.Read(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestReporterIsQuietOffTerminal(t *testing.T) {
	var out strings.Builder
	r := newReporter(&out, "run 1: ")
	clock := time.Unix(0, 0)
	r.now = func() time.Time { return clock }
	r.drawn = clock
	half := 0.5
	for i := range 600 { // a step every 100 ms, for a minute
		clock = clock.Add(100 * time.Millisecond)
		r.Logged(LogLine{Event: "step", Epoch: 1, Loss: &half}, Progress{Epochs: 3, Batch: i, Batches: 600, RowsPerSecond: 12.34, Metric: "ef.mae 4.2", Left: 90 * time.Second})
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines in a minute", len(lines))
	}
	if want := "run 1: epoch 2/3  batch 299/600  12.3 clips/s  loss 0.5  ef.mae 4.2  1m30s left"; lines[0] != want {
		t.Errorf("line %q, want %q", lines[0], want)
	}
}

func TestReporterOnTerminal(t *testing.T) {
	var out strings.Builder
	r := newReporter(&out, "")
	r.terminal = true
	r.draw("a long line")
	r.draw("short")
	r.say("done")
	r.draw("open")
	r.Ended(nil)
	r.Ended(nil)
	if want := "\ra long line\rshort      \rdone \n\ropen\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
