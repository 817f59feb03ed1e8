package cohort

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cineloop/cineloop/clip"
)

// cine is a clip with every field set.
func cine() *clip.Clip {
	c := clip.New(clip.Int16, 2, 3, 4, 1)
	for i := range clip.Samples[int16](c) {
		clip.Samples[int16](c)[i] = int16(i*311 - 2000)
	}
	c.TimesMS = []float64{0, 33.333333333333336}
	c.Spacing = clip.Spacing{Row: 0.1, Column: 1.0 / 3}
	c.Affine = &clip.Affine{{1, 0, 0, 0.1}}
	c.Photometric = clip.CT
	c.Source = clip.Source{Format: "dicom", Reader: "r/1", Instances: []string{"1.2.3"}, Tags: map[string]string{"Modality": "US"}}
	return c
}

func TestCacheMemory(t *testing.T) {
	c, err := NewCache(CacheConfig{Bytes: 150})
	if err != nil {
		t.Fatal(err)
	}
	opened := 0
	open := func(ctx context.Context, src source) (*clip.Clip, error) {
		if src.path == "bad" {
			return nil, errors.New("bad")
		}
		opened++
		return cine(), nil // 48 bytes
	}
	get := func(path string) *clip.Clip {
		cl, err := c.get(context.Background(), source{path: path}, open)
		if err != nil {
			t.Fatal(err)
		}
		return cl
	}
	if a := get("a"); get("a") != a {
		t.Error("a second reading is another clip")
	}
	if grey, err := c.get(context.Background(), source{path: "a", grey: true}, open); err != nil || grey == get("a") {
		t.Error("grey and colour are one clip")
	}
	get("b")
	get("c")
	get("c") // does not fit: 3 × 48 of 150 bytes are taken
	if _, err := c.get(context.Background(), source{path: "bad"}, open); err == nil {
		t.Error("an error was lost")
	}
	if d := cmp.Diff(CacheStats{Memory: 2, Decoded: 5, Bytes: 144, Clips: 3}, c.Stats()); d != "" || opened != 5 {
		t.Error(d)
	}
	none, err := NewCache(CacheConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := none.get(context.Background(), source{path: "a"}, open); err != nil || none.Stats().Clips != 0 {
		t.Errorf("%v %+v", err, none.Stats())
	}
}

func TestCacheSharesOneRead(t *testing.T) {
	noLeak(t)
	c, _ := NewCache(CacheConfig{})
	started, finish := make(chan struct{}), make(chan struct{})
	opened := 0
	open := func(ctx context.Context, _ source) (*clip.Clip, error) {
		opened++
		if opened == 1 {
			close(started)
		}
		select {
		case <-finish:
			return cine(), nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	lead, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := c.get(lead, source{path: "a"}, open); !errors.Is(err, context.Canceled) {
			t.Errorf("the cancelled leader got %v", err)
		}
	})
	<-started
	gone, leave := context.WithCancel(context.Background())
	wg.Go(func() {
		if _, err := c.get(gone, source{path: "a"}, open); !errors.Is(err, context.Canceled) {
			t.Errorf("the cancelled follower got %v", err)
		}
	})
	for range 3 {
		wg.Go(func() {
			if cl, err := c.get(context.Background(), source{path: "a"}, open); err != nil || cl == nil {
				t.Errorf("a follower of a cancelled leader got %v", err)
			}
		})
	}
	time.Sleep(10 * time.Millisecond) // for the followers to queue up; what is tested holds without it too
	leave()
	cancel()
	close(finish)
	wg.Wait()
	if opened > 5 {
		t.Errorf("%d reads", opened)
	}
}

func TestCachePanicReleasesFollowers(t *testing.T) {
	c, _ := NewCache(CacheConfig{})
	func() {
		defer func() { _ = recover() }()
		_, _ = c.get(context.Background(), source{path: "a"}, func(context.Context, source) (*clip.Clip, error) { panic("decoder") })
	}()
	if len(c.flight) != 0 {
		t.Error("the path is still locked")
	}
}
