// Command loader times the training loader against a plain Python one (bench/peers/loader.py: torch DataLoader, pydicom, OpenCV) on the
// same files with the same transforms, in turns in one run: clips/s from DICOM cine and from AVI, and from the cache. A first row says
// how much of two epochs of r3d_18 on CPU was lost to loading.
//
// The peer is the best of 0, 1, 2 and 4 workers. The mean of every prepared clip is compared, so that both do the same work; a clip that
// differs by more than 1 % of full scale ends the run.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/cohort"
)

const (
	frames, size, batch = 16, 112, 8
	rounds              = 3
	tolerance           = 0.01
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bench/loader:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	shared := os.Getenv("CINELOOP_SHARED")
	if shared == "" {
		shared = "../shared"
	}
	root := filepath.Join(shared, "data", "imaging")
	if err := waiting(ctx, root); err != nil {
		return fmt.Errorf("waiting: %w", err)
	}
	for _, s := range []struct {
		name   string
		spec   cohort.Spec
		epochs int
	}{
		{"DICOM cine", cohort.Spec{Root: filepath.Join(root, "echo_dicom"), Table: "index.csv", File: "{file}"}, 8},
		{"AVI", cohort.Spec{Root: filepath.Join(root, "lus"), Table: "index.csv", File: "clips/{clip}"}, 2},
	} {
		if err := compare(ctx, s.name, s.spec, s.epochs); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// peerResult is what bench/peers/loader.py prints.
type peerResult struct {
	Workers map[string]float64 `json:"workers"`
	Cached  float64            `json:"cached"`
	Means   []float64          `json:"means"`
}

func compare(ctx context.Context, name string, spec cohort.Spec, epochs int) error {
	c, err := cohort.Load(ctx, spec)
	if err != nil {
		return err
	}
	var cold, warm, peerCold, peerCached []float64
	for range rounds {
		decoded, cached, err := ours(ctx, c, epochs)
		if err != nil {
			return err
		}
		cold, warm = append(cold, decoded), append(warm, cached)
		p, err := peer(ctx, c, epochs)
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench/loader: the peer does not run:", err)
			continue
		}
		if err := sameWork(ctx, c, p.Means); err != nil {
			return err
		}
		best := 0.0
		for _, r := range p.Workers {
			best = max(best, r)
		}
		peerCold, peerCached = append(peerCold, best), append(peerCached, p.Cached)
	}
	row(name+", decoding, clips/s", cold, peerCold, ">= 5")
	row(name+", cache against Python decoding, clips/s", warm, peerCold, ">= 10")
	row(name+", cache against a Python dict, clips/s", warm, peerCached, "")
	return nil
}

func row(name string, a, b []float64, limit string) {
	if len(b) == 0 {
		fmt.Printf("loader: %s | %.0f | absent | | %s\n", name, median(a), limit)
		return
	}
	fmt.Printf("loader: %s | %.0f | %.0f | %.2f | %s\n", name, median(a), median(b), median(a)/median(b), limit)
}

func median(v []float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	return v[len(v)/2]
}

func config(train bool, cacheBytes int64) cohort.LoaderConfig {
	return cohort.LoaderConfig{
		Input:     clip.InputSpec{Frames: frames, Height: size, Width: size, Channels: 1, Normalise: "unit"},
		Augment:   clip.AugmentSpec{FlipLR: true},
		BatchSize: batch, Train: train, Seed: 1, CacheBytes: cacheBytes,
	}
}

// ours is clips/s with every clip decoded anew and with all of them in the cache.
func ours(ctx context.Context, c *cohort.Cohort, epochs int) (decoded, cached float64, err error) {
	rate := func(cacheBytes int64) (float64, error) {
		l, err := cohort.NewLoader(c, c.All(), config(true, cacheBytes))
		if err != nil {
			return 0, err
		}
		n, start := 0, time.Now()
		for e := -1; e < epochs; e++ {
			if e == 0 { // the first epoch fills the page cache, and ours
				n, start = 0, time.Now()
			}
			for b, err := range l.Epoch(ctx, e+1, 0) {
				if err != nil {
					return 0, err
				}
				n += len(b.Rows)
				b.Release()
			}
		}
		took := time.Since(start)
		if q := l.Quarantine(); len(q) > 0 {
			return 0, fmt.Errorf("line %d cannot be read: %s", q[0].Line, q[0].Reason)
		}
		return float64(n) / took.Seconds(), nil
	}
	if decoded, err = rate(0); err != nil {
		return 0, 0, err
	}
	cached, err = rate(8 << 30)
	return decoded, cached, err
}

// peer runs the Python loader on the same files with as many threads as we have.
func peer(ctx context.Context, c *cohort.Cohort, epochs int) (peerResult, error) {
	var p peerResult
	var files []string
	for _, r := range c.Rows {
		files = append(files, r.Path)
	}
	in, err := json.Marshal(map[string]any{"files": files, "frames": frames, "size": size, "batch": batch, "epochs": epochs, "threads": runtime.GOMAXPROCS(0)})
	if err != nil {
		return p, err
	}
	python := os.Getenv("PEER_PYTHON")
	if python == "" {
		python = "/usr/bin/python3"
	}
	cmd := exec.CommandContext(ctx, python, "bench/peers/loader.py")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return p, err
	}
	return p, json.Unmarshal(out, &p)
}

// sameWork compares the mean of each prepared clip with the peer's.
func sameWork(ctx context.Context, c *cohort.Cohort, means []float64) error {
	l, err := cohort.NewLoader(c, c.All(), config(false, 0))
	if err != nil {
		return err
	}
	i := 0
	for b, err := range l.Epoch(ctx, 0, 0) {
		if err != nil {
			return err
		}
		item := len(b.X) / len(b.Rows)
		for k := range b.Rows {
			sum := 0.0
			for _, v := range b.X[k*item : (k+1)*item] {
				sum += float64(v)
			}
			if d := math.Abs(sum/float64(item) - means[i]); d > tolerance {
				return fmt.Errorf("line %d: the mean of our input differs from the peer's by %.3f", c.Rows[b.Rows[k]].Line, d)
			}
			i++
		}
		b.Release()
	}
	return nil
}
