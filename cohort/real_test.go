package cohort

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/internal/testdata"
)

// pngFolder writes n grey 8×8 images, image i all of value 10·i, and a table of them.
func pngFolder(t *testing.T, n int) Spec {
	t.Helper()
	files := map[string]string{}
	table := "file,value\n"
	for i := range n {
		im := image.NewGray(image.Rect(0, 0, 8, 8))
		for k := range im.Pix {
			im.Pix[k] = byte(10 * i)
		}
		var b bytes.Buffer
		if err := png.Encode(&b, im); err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("%02d.png", i)
		files["im/"+name] = b.String()
		table += fmt.Sprintf("%s,%d\n", name, 10*i)
	}
	files["t.csv"] = table
	return Spec{Root: folder(t, files), Table: "t.csv", File: "im/{file}", Targets: []TargetSpec{{Name: "value", Kind: Regression}}}
}

var stillInput = clip.InputSpec{Channels: 1, Frames: 1, Height: 4, Width: 4, Normalise: "unit"}

// From files through package clip to batches: every input holds its own file's pixels, next to its own row's truth.
func TestLoaderReadsFiles(t *testing.T) {
	noLeak(t)
	c := mustLoad(t, pngFolder(t, 20))
	whole, err := os.ReadFile(c.Rows[7].Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.Rows[7].Path, whole[:len(whole)-20], 0o600); err != nil {
		t.Fatal(err)
	}
	for _, train := range []bool{true, false} {
		l, err := NewLoader(c, c.All(), LoaderConfig{Input: stillInput, BatchSize: 4, Train: train, Workers: 3, CacheBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		for n := range 2 {
			items := 0
			for b, err := range l.Epoch(context.Background(), n, 0) {
				if err != nil {
					t.Fatal(err)
				}
				for k, r := range b.Rows {
					items++
					want := float32(c.Rows[r].Truth["value"][0]) / 255
					for _, v := range b.X[16*k : 16*k+16] {
						if v < want-1e-5 || v > want+1e-5 {
							t.Fatalf("row %d holds %g, want %g", r, v, want)
						}
					}
				}
				b.Release()
			}
			if want := map[bool]int{true: 20, false: 19}[train]; items != want {
				t.Errorf("train %v: %d items, want %d", train, items, want)
			}
		}
		q := l.Quarantine()
		if len(q) != 1 || q[0].Line != 9 || q[0].Reason == "" || strings.Contains(q[0].Reason, c.Spec.Root) {
			t.Errorf("quarantine %+v", q)
		}
		if s := l.Stats().Cache; s.Decoded != 19 || s.Memory < 19 {
			t.Errorf("a second epoch decoded again: %+v", s)
		}
	}
}

// With a cache on disk, a later process needs the sources' names and sizes but not their content.
func TestDiskCacheReadsNoSource(t *testing.T) {
	c := mustLoad(t, pngFolder(t, 6))
	dir := t.TempDir()
	run := func() (LoaderStats, []float32) {
		cache, err := NewCache(CacheConfig{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		l, err := NewLoader(c, c.All(), LoaderConfig{Input: stillInput, BatchSize: 6, Cache: cache})
		if err != nil {
			t.Fatal(err)
		}
		var x []float32
		for b, err := range l.Epoch(context.Background(), 0, 0) {
			if err != nil {
				t.Fatal(err)
			}
			x = append(x, b.X...)
			b.Release()
		}
		return l.Stats(), x
	}
	first, one := run()
	if os.Geteuid() != 0 { // root reads everything
		for _, r := range c.Rows {
			if err := os.Chmod(r.Path, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	second, two := run()
	if first.Cache.Decoded != 6 || second.Cache.Decoded != 0 || second.Cache.Disk != 6 {
		t.Errorf("first %+v, second %+v", first.Cache, second.Cache)
	}
	if d := cmp.Diff(one, two); d != "" {
		t.Error(d)
	}
}

// Real clips: the same batches from one worker and from many, and after a resumption.
func TestLoaderOnSharedClips(t *testing.T) {
	noLeak(t)
	root := testdata.Shared(t, "data", "imaging", "lus")
	c := mustLoad(t, Spec{Root: root, Table: "index.csv", File: "clips/{clip}", Where: map[string]string{"single_site": "1"},
		Targets: []TargetSpec{{Name: "label", Kind: Class}}})
	cfg := LoaderConfig{Input: clip.InputSpec{Channels: 1, Frames: 4, Height: 32, Width: 32, Normalise: "unit"}, BatchSize: 4, Train: true, Seed: 3, Balance: "label",
		Augment: clip.AugmentSpec{FlipLR: true, RotateDeg: 10, Scale: []float64{0.9, 1.1}, TemporalJitter: true, Brightness: 0.1}}
	cache, err := NewCache(CacheConfig{Bytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	batches := func(workers, start int) []seen {
		cfg.Workers, cfg.Cache = workers, cache
		l, err := NewLoader(c, c.All(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		return epoch(t, l, 2, start)
	}
	one := batches(1, 0)
	if d := cmp.Diff(one, batches(5, 0)); d != "" {
		t.Error("five workers give other batches")
	}
	if d := cmp.Diff(one[3:], batches(2, 3)); d != "" {
		t.Error("a resumed epoch gives other batches")
	}
	if len(one) != len(c.Rows)/4 {
		t.Errorf("%d batches of %d rows", len(one), len(c.Rows))
	}
}

// A one-channel network never decodes colour, and an input made outside an epoch is the epoch's.
func TestLoaderOnStressEcho(t *testing.T) {
	c := mustLoad(t, Spec{Root: testdata.Shared(t, "data", "imaging", "echo_dicom"), Table: "dicom", Where: map[string]string{"stage": "Baseline"}})
	for _, channels := range []int{1, 3} {
		in := clip.InputSpec{Channels: channels, Frames: 4, Height: 24, Width: 32, Normalise: "unit"}
		l, err := NewLoader(c, c.All(), LoaderConfig{Input: in, BatchSize: 6, CacheBytes: 1 << 30})
		if err != nil {
			t.Fatal(err)
		}
		got := epoch(t, l, 0, 0)
		if len(got) != 1 || got[0].Shape != [5]int{6, channels, 4, 24, 32} {
			t.Fatalf("%d batches", len(got))
		}
		want, bytes := make([]float32, channels*4*24*32), int64(0)
		for k, r := range got[0].Rows {
			cl, err := OpenClip(context.Background(), c.Rows[r], in)
			if err != nil {
				t.Fatal(err)
			}
			if cl.C != channels {
				t.Errorf("%d channels were decoded for a network of %d", cl.C, channels)
			}
			bytes += int64(len(cl.Data))
			if err := clip.Prepare(cl, in, want, nil, clip.AugmentSpec{}, 0); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got[0].X[k*len(want):(k+1)*len(want)]); d != "" {
				t.Errorf("row %d: %s", r, d)
			}
		}
		if s := l.Stats().Cache; s.Bytes != bytes {
			t.Errorf("the cache holds %d bytes of %d", s.Bytes, bytes)
		}
	}
}
