package cohort

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/internal/fault"
)

// double stands in for package clip: a file's clip is 8 bytes, its first sample the row's number, and the input is that number,
// the evaluation clip and a random number. Paths in broken cannot be read; opened counts decodings.
type double struct {
	mu      sync.Mutex
	opened  map[string]int
	broken  map[string]error
	panics  string
	delay   time.Duration
	blocked chan struct{} // when set, open waits for it or for ctx
	bytes   int
	active  atomic.Int64
}

func (d *double) reader() reader {
	return reader{
		open: func(ctx context.Context, src source) (*clip.Clip, error) {
			path := src.path
			d.active.Add(1)
			defer d.active.Add(-1)
			d.mu.Lock()
			if d.opened == nil {
				d.opened = map[string]int{}
			}
			d.opened[path]++
			err := d.broken[path]
			d.mu.Unlock()
			time.Sleep(d.delay)
			if d.blocked != nil {
				select {
				case <-d.blocked:
				case <-ctx.Done():
					return nil, ctx.Err()
				}
			}
			if path == d.panics {
				var none []int
				_ = none[len(path)]
			}
			if err != nil {
				return nil, err
			}
			var n int
			if _, err := fmt.Sscanf(path, "/clips/%d", &n); err != nil {
				return nil, err
			}
			c := clip.New(clip.Float64, 1, 1, max(1, d.bytes/8), 1)
			clip.Samples[float64](c)[0] = float64(n)
			return c, nil
		},
		prepare: func(c *clip.Clip, in clip.InputSpec, dst []float32, rng *rand.Rand, aug clip.AugmentSpec, evalClip int) error {
			if len(dst) != 4 {
				return fault.New(fault.Usage, "%d places", len(dst))
			}
			dst[0], dst[1], dst[2], dst[3] = float32(clip.Samples[float64](c)[0]), float32(evalClip), 0, 0
			if rng != nil {
				dst[2] = rng.Float32()
			}
			return nil
		},
	}
}

// clips is a cohort of n rows for the double; every fourth is positive, every tenth (from 9) has no label.
func clips(n int) *Cohort {
	c := &Cohort{}
	c.Spec.Targets = []TargetSpec{{Name: "y", Kind: Binary}, {Name: "v", Kind: Regression}}
	for i := range n {
		y := []float64{float64((i%4 + 2) / 5)}
		if i%10 == 9 {
			y[0] = nan()
		}
		c.Rows = append(c.Rows, Row{ID: fmt.Sprintf("k%04d", i), Path: fmt.Sprintf("/clips/%d", i), Line: i + 2, Truth: map[string][]float64{"y": y, "v": {1}}})
	}
	return c
}

func nan() float64 { z := 0.0; return z / z }

var smallInput = clip.InputSpec{Channels: 1, Frames: 1, Height: 2, Width: 2}

func newTestLoader(t testing.TB, c *Cohort, d *double, cfg LoaderConfig) *Loader {
	t.Helper()
	cfg.reader = d.reader()
	if cfg.Input.Frames == 0 {
		cfg.Input = smallInput
	}
	l, err := NewLoader(c, c.All(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// seen is a copy of what a batch held.
type seen struct {
	Step  int
	X     []float32
	Shape [5]int
	Rows  []int
	Clips []int
}

func epoch(t testing.TB, l *Loader, n, start int) []seen {
	t.Helper()
	var out []seen
	for b, err := range l.Epoch(context.Background(), n, start) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, seen{b.Step, slices.Clone(b.X), b.Shape, b.Rows, b.EvalClip})
		b.Release()
		b.Release() // twice is once
	}
	return out
}

func rowsOf(batches []seen) (rows []int) {
	for _, b := range batches {
		rows = append(rows, b.Rows...)
	}
	return rows
}

// noLeak fails when goroutines outlive the test's work.
func noLeak(t *testing.T) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for range 100 {
			if runtime.NumGoroutine() <= before {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
		buf := make([]byte, 1<<16)
		t.Errorf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
	})
}
