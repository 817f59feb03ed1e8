package cohort

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/internal/fault"
)

// weightedClips is n rows with a weight each and patients of 1, 2, 3, … rows.
func weightedClips(weights ...string) *Cohort {
	c := clips(len(weights))
	c.Columns = []string{"w"}
	p, left := 0, 1
	for i := range c.Rows {
		c.Rows[i].Columns = []string{weights[i]}
		c.Rows[i].Patient = fmt.Sprintf("p%02d", p)
		if left--; left == 0 {
			p++
			left = p + 1
		}
	}
	return c
}

func counts(rows []int) map[int]int {
	out := map[int]int{}
	for _, r := range rows {
		out[r]++
	}
	return out
}

// TestLoaderWeighted: weights 0, 1, 2, 3, 6, 0 of 12 and six draws: exactly 0, ½, 1, 1½, 3, 0 times on average, and never more than one
// away from that.
func TestLoaderWeighted(t *testing.T) {
	c := weightedClips("0", "1", "2", " 3 ", "6", "0")
	l := newTestLoader(t, c, &double{}, LoaderConfig{BatchSize: 3, Train: true, Seed: 1, Weight: "w"})
	total := map[int]int{}
	const epochs = 200
	for e := range epochs {
		got := counts(rowsOf(epoch(t, l, e, 0)))
		for r, want := range [][2]int{{0, 0}, {0, 1}, {1, 1}, {1, 2}, {3, 3}, {0, 0}} {
			if got[r] < want[0] || got[r] > want[1] {
				t.Fatalf("epoch %d: row %d was drawn %d times, want %v", e, r, got[r], want)
			}
			total[r] += got[r]
		}
	}
	for r, mean := range []float64{0, 0.5, 1, 1.5, 3, 0} {
		if d := float64(total[r])/epochs - mean; d > 0.12 || d < -0.12 {
			t.Errorf("row %d: %.3f too many an epoch", r, d)
		}
	}
	again := newTestLoader(t, c, &double{}, LoaderConfig{BatchSize: 3, Train: true, Seed: 1, Weight: "w", Workers: 1})
	if d := cmp.Diff(epoch(t, l, 7, 1), epoch(t, again, 7, 1)); d != "" {
		t.Errorf("not the same from the middle of an epoch: %s", d)
	}
}

// TestLoaderByPatient: patients of 1, 2 and 3 rows, two rows each an epoch; over three epochs the third patient's rows come twice each.
func TestLoaderByPatient(t *testing.T) {
	c := weightedClips("1", "1", "1", "1", "1", "1")
	l := newTestLoader(t, c, &double{}, LoaderConfig{BatchSize: 2, Train: true, Seed: 3, Patients: 2})
	if l.Steps() != 3 {
		t.Errorf("%d steps for 3 patients × 2 rows", l.Steps())
	}
	var all []int
	for e := range 3 {
		rows := rowsOf(epoch(t, l, e, 0))
		per := map[string]int{}
		for _, r := range rows {
			per[c.Rows[r].Patient]++
		}
		if d := cmp.Diff(map[string]int{"p00": 2, "p01": 2, "p02": 2}, per); d != "" {
			t.Errorf("epoch %d: %s", e, d)
		}
		all = append(all, rows...)
	}
	if d := cmp.Diff(map[int]int{0: 6, 1: 3, 2: 3, 3: 2, 4: 2, 5: 2}, counts(all)); d != "" {
		t.Errorf("turns: %s", d)
	}
}

func TestSamplingErrors(t *testing.T) {
	in := smallInput
	for what, c := range map[string]struct {
		weights []string
		cfg     LoaderConfig
		code    fault.Code
	}{
		"no such column":  {[]string{"1"}, LoaderConfig{Weight: "x"}, fault.Usage},
		"two ways":        {[]string{"1"}, LoaderConfig{Weight: "w", Patients: 1}, fault.Usage},
		"negative":        {[]string{"1", "-1"}, LoaderConfig{Weight: "w"}, fault.Input},
		"text":            {[]string{"1", "many"}, LoaderConfig{Weight: "w"}, fault.Input},
		"not a number":    {[]string{"1", "NaN"}, LoaderConfig{Weight: "w"}, fault.Input},
		"all zero":        {[]string{"0", "0"}, LoaderConfig{Weight: "w"}, fault.Input},
		"patients":        {[]string{"1"}, LoaderConfig{Patients: -1}, fault.Usage},
		"rank":            {[]string{"1"}, LoaderConfig{Rank: 2, Ranks: 2}, fault.Usage},
		"negative rank":   {[]string{"1"}, LoaderConfig{Rank: -1}, fault.Usage},
		"working, turned": {[]string{"1"}, LoaderConfig{Augment: clip.AugmentSpec{RotateDeg: 3}, Input: clip.InputSpec{Channels: 1, Frames: 1, Height: 2, Width: 2, Working: true}}, fault.Usage},
	} {
		cfg := c.cfg
		cfg.BatchSize, cfg.Train = 1, true
		if cfg.Input.Frames == 0 {
			cfg.Input = in
		}
		co := weightedClips(c.weights...)
		if _, err := NewLoader(co, co.All(), cfg); fault.CodeOf(err) != c.code {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestLoaderRanks: the ranks' batches of a step are one batch of their sizes together, in training and in evaluation, with broken rows
// and from the middle of an epoch; no row is with two ranks, none with none.
func TestLoaderRanks(t *testing.T) {
	noLeak(t)
	for _, ranks := range []int{2, 3} {
		for _, cfg := range []LoaderConfig{{Train: true}, {Train: true, Balance: "y"}, {Train: true, Patients: 3}, {}, {Input: clip.InputSpec{Channels: 1, Frames: 1, Height: 2, Width: 2, EvalClips: 2}}} {
			cfg.Seed = 4
			c := weightedClips(slices.Repeat([]string{"1"}, 23)...)
			d := &double{broken: map[string]error{"/clips/5": errors.New("bad"), "/clips/11": errors.New("bad")}}
			one := cfg
			one.BatchSize = 2 * ranks
			whole := newTestLoader(t, c, d, one)
			want := epoch(t, whole, 2, 1)
			got := make([][]seen, ranks)
			for r := range ranks {
				part := cfg
				part.BatchSize, part.Rank, part.Ranks = 2, r, ranks
				l := newTestLoader(t, c, d, part)
				if l.Steps() != whole.Steps() {
					t.Fatalf("%d steps of %d", l.Steps(), whole.Steps())
				}
				got[r] = epoch(t, l, 2, 1)
			}
			for _, w := range want {
				var rows []int
				var x []float32
				for r := range got {
					for _, b := range got[r] {
						if b.Step == w.Step {
							rows, x = append(rows, b.Rows...), append(x, b.X...)
						}
					}
				}
				if !slices.Equal(rows, w.Rows) || !slices.Equal(x, w.X) {
					t.Errorf("%d ranks, %+v, step %d: rows %v, want %v", ranks, cfg, w.Step, rows, w.Rows)
				}
			}
		}
	}
}

// TestLoaderNeverStops: an epoch over files that are corrupt in every way that a disk knows ends, with every good row, and the bad ones are
// named once.
func TestLoaderNeverStops(t *testing.T) {
	noLeak(t)
	dir := t.TempDir()
	good := clip.New(clip.Uint8, 4, 8, 8, 1)
	for i := range good.Data {
		good.Data[i] = byte(i)
	}
	var file bytes.Buffer
	if err := clip.WriteNPY(&file, good); err != nil {
		t.Fatal(err)
	}
	b := file.Bytes()
	c := &Cohort{}
	add := func(name string, content []byte) {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		c.Rows = append(c.Rows, Row{ID: name, Patient: name, Path: path, Line: len(c.Rows) + 2})
	}
	for i := range 5 {
		add(fmt.Sprintf("good%d.npy", i), b)
	}
	add("empty.npy", nil)
	add("half.npy", b[:len(b)/2])
	add("noise.dcm", []byte("not a DICOM file at all"))
	add("zeros.avi", make([]byte, 4096))
	add("head.npy", append([]byte("\x93NUMPY\x01\x00\xff\xff"), b[10:]...))
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	c.Rows = append(c.Rows, Row{ID: "folder", Patient: "folder", Path: filepath.Join(dir, "folder"), Line: 99},
		Row{ID: "gone", Patient: "gone", Path: filepath.Join(dir, "gone.dcm"), Line: 100})
	for _, working := range []bool{false, true} {
		for _, train := range []bool{false, true} {
			cfg := LoaderConfig{Input: clip.InputSpec{Channels: 1, Frames: 2, Height: 4, Width: 4, Normalise: "unit", Working: working}, BatchSize: 4, Train: train, Seed: 2}
			if canMap {
				cache, err := NewCache(CacheConfig{Dir: filepath.Join(dir, fmt.Sprint("cache", working))})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(cache.Close)
				cfg.Cache = cache
			}
			l, err := NewLoader(c, c.All(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			for e := range 3 {
				rows := rowsOf(epoch(t, l, e, 0))
				if !train && !slices.Equal(rows, []int{0, 1, 2, 3, 4}) || train && len(rows) != 12 {
					t.Errorf("rows %v", rows)
				}
			}
			if q := l.Quarantine(); len(q) != 7 && !train || len(q) > 7 {
				t.Errorf("%d rows are quarantined: %v", len(q), q)
			}
		}
	}
}

// TestLoaderIsOneProcess: workers are goroutines; nothing is forked, and a cancelled epoch leaves only whole shards and the lock behind.
func TestLoaderIsOneProcess(t *testing.T) {
	noLeak(t)
	if !canMap {
		t.Skip("no memory-mapped caches on this system")
	}
	dir := t.TempDir()
	cache, err := NewCache(CacheConfig{Dir: filepath.Join(dir, "cache")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cache.Close)
	c := clips(40)
	for i := range c.Rows { // real files, so that they have keys; the double reads the number in the name
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		c.Rows[i].Path = filepath.Join(dir, fmt.Sprint(i))
	}
	l := newTestLoader(t, c, &double{}, LoaderConfig{BatchSize: 2, Workers: 8, Cache: cache})
	l.cfg.reader.open = func(context.Context, source) (*clip.Clip, error) { return clip.New(clip.Float64, 1, 1, 1, 1), nil }
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for b, err := range l.Epoch(ctx, 0, 0) {
		if err != nil {
			break
		}
		children, _ := filepath.Glob("/proc/self/task/*/children")
		for _, f := range children {
			if pids, _ := os.ReadFile(f); len(bytes.TrimSpace(pids)) > 0 {
				t.Errorf("child processes %s", pids)
			}
		}
		b.Release()
		if b.Step == 5 {
			cancel()
		}
	}
	names, _ := os.ReadDir(filepath.Join(dir, "cache"))
	for _, n := range names {
		if n.Name() != lockName && !strings.HasSuffix(n.Name(), shardSuffix) {
			t.Errorf("%s was left behind", n.Name())
		}
	}
	if len(names) != 2 {
		t.Errorf("%d files", len(names))
	}
}
