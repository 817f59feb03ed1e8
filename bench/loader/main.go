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

	"golang.org/x/sys/unix"

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
		name            string
		spec            cohort.Spec
		epochs          int
		decoding, cache string // limits
	}{
		{"DICOM cine", cohort.Spec{Root: filepath.Join(root, "echo_dicom"), Table: "index.csv", File: "{file}"}, 8, ">= 5", ">= 10"},
		{"AVI", cohort.Spec{Root: filepath.Join(root, "lus"), Table: "index.csv", File: "clips/{clip}"}, 2, "", ""},
	} {
		if err := compare(ctx, s.name, s.spec, s.epochs, s.decoding, s.cache); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// peerResult is what bench/peers/loader.py prints.
type peerResult struct {
	Workers map[string]float64 `json:"workers"`
	Cached  float64            `json:"cached"`
	CPU     float64            `json:"cpu"`
	CacheC  float64            `json:"cached_cpu"`
	Means   []float64          `json:"means"`
}

func compare(ctx context.Context, name string, spec cohort.Spec, epochs int, limitDecoding, limitCache string) error {
	c, err := cohort.Load(ctx, spec)
	if err != nil {
		return err
	}
	var cold, warm, coldCPU, warmCPU, peerCold, peerCached, peerCPU, peerCachedCPU []float64
	for range rounds {
		decoded, err := ours(ctx, c, epochs, "")
		if err != nil {
			return err
		}
		dir, err := os.MkdirTemp("", "cineloop-bench-*")
		if err != nil {
			return err
		}
		cached, err := ours(ctx, c, 4*epochs, dir)
		os.RemoveAll(dir)
		if err != nil {
			return err
		}
		cold, warm = append(cold, decoded.wall), append(warm, cached.wall)
		coldCPU, warmCPU = append(coldCPU, decoded.cpu), append(warmCPU, cached.cpu)
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
		peerCPU, peerCachedCPU = append(peerCPU, p.CPU), append(peerCachedCPU, p.CacheC)
	}
	row(name+", decoding, clips/s", cold, peerCold, limitDecoding)
	row(name+", decoding, clips a CPU second", coldCPU, peerCPU, "")
	row(name+", cache against Python decoding, clips/s", warm, peerCold, limitCache)
	row(name+", cache against Python decoding, clips a CPU second", warmCPU, peerCPU, "")
	row(name+", cache against a Python dict, clips/s", warm, peerCached, "")
	row(name+", cache against a Python dict, clips a CPU second", warmCPU, peerCachedCPU, "")
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

func config(train bool) cohort.LoaderConfig {
	return cohort.LoaderConfig{
		// Working: resampled bytes are rounded to bytes, as OpenCV's are.
		Input:     clip.InputSpec{Frames: frames, Height: size, Width: size, Channels: 1, Normalise: "unit", Working: true},
		Augment:   clip.AugmentSpec{FlipLR: true},
		BatchSize: batch, Train: train, Seed: 1,
	}
}

// speed is clips a second, by the clock and by this process's CPU time. The latter says more on a machine that others use too.
type speed struct{ wall, cpu float64 }

// ours reads epochs with a cache in dir; without one, every clip is decoded anew.
func ours(ctx context.Context, c *cohort.Cohort, epochs int, dir string) (speed, error) {
	cfg := config(true)
	cache, err := cohort.NewCache(cohort.CacheConfig{Dir: dir})
	if err != nil {
		return speed{}, err
	}
	defer cache.Close()
	cfg.Cache = cache
	l, err := cohort.NewLoader(c, c.All(), cfg)
	if err != nil {
		return speed{}, err
	}
	n, start, cpu := 0, time.Now(), cpuSeconds()
	for e := range epochs + 1 {
		if e == 1 { // the first epoch filled the page cache, and ours
			n, start, cpu = 0, time.Now(), cpuSeconds()
		}
		for b, err := range l.Epoch(ctx, e, 0) {
			if err != nil {
				return speed{}, err
			}
			n += len(b.Rows)
			b.Release()
		}
	}
	s := speed{float64(n) / time.Since(start).Seconds(), float64(n) / (cpuSeconds() - cpu)}
	if q := l.Quarantine(); len(q) > 0 {
		return speed{}, fmt.Errorf("line %d cannot be read: %s", q[0].Line, q[0].Reason)
	}
	return s, nil
}

func cpuSeconds() float64 {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		panic(err) // it fails for wrong arguments only
	}
	return float64(r.Utime.Sec+r.Stime.Sec) + float64(r.Utime.Usec+r.Stime.Usec)/1e6
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
	cmd := exec.CommandContext(ctx, python, "-W", "ignore", "bench/peers/loader.py")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return p, err
	}
	return p, json.Unmarshal(out, &p)
}

// sameWork compares the mean of each prepared clip with the peer's.
func sameWork(ctx context.Context, c *cohort.Cohort, means []float64) error {
	l, err := cohort.NewLoader(c, c.All(), config(false))
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
