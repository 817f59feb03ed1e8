package cohort

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	if grey, err := c.get(context.Background(), source{"a", true}, open); err != nil || grey == get("a") {
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

func TestDiskCache(t *testing.T) {
	dir, src := filepath.Join(t.TempDir(), "cache"), filepath.Join(t.TempDir(), "a.npz")
	if err := os.WriteFile(src, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := src + "#train_images[3]"
	opened := 0
	open := func(context.Context, source) (*clip.Clip, error) { opened++; return cine(), nil }
	get := func() CacheStats {
		t.Helper()
		c, err := NewCache(CacheConfig{Dir: dir}) // a new process: nothing in memory
		if err != nil {
			t.Fatal(err)
		}
		cl, err := c.get(context.Background(), source{path: path}, open)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(cine(), cl); d != "" {
			t.Errorf("from the cache: %s", d)
		}
		return c.Stats()
	}
	file := func() string {
		names, _ := filepath.Glob(filepath.Join(dir, "*"))
		if len(names) != 1 {
			t.Fatalf("files in the cache: %v", names)
		}
		return names[0]
	}
	if s := get(); s.Decoded != 1 {
		t.Errorf("first: %+v", s)
	}
	if s := get(); s.Disk != 1 || opened != 1 {
		t.Errorf("second: %+v", s)
	}
	name := file()
	if st, _ := os.Stat(name); st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v: pixels must not be readable by others", st.Mode())
	}
	if st, _ := os.Stat(dir); st.Mode().Perm() != 0o700 {
		t.Errorf("folder mode %v", st.Mode())
	}
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for what, content := range map[string][]byte{
		"cut short": whole[:len(whole)-9], "empty": nil, "one bit": flip(whole, len(whole)-20), "header": flip(whole, 30), "magic": flip(whole, 0),
		"checksum": flip(whole, len(whole)-1), "length": flip(whole, len(diskMagic)+3),
	} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if s := get(); s.Damaged != 1 || s.Decoded != 1 || s.Disk != 0 {
			t.Errorf("%s: %+v", what, s)
		}
		if again, _ := os.ReadFile(file()); !bytes.Equal(again, whole) {
			t.Errorf("%s: the file was not made anew", what)
		}
	}
	if err := os.WriteFile(src, []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s := get(); s.Decoded != 1 || s.Disk != 0 {
		t.Errorf("after the source changed: %+v", s)
	}
}

func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 0x10
	return b
}

func TestDiskCacheIsBounded(t *testing.T) {
	dir, data := t.TempDir(), t.TempDir()
	var size int64
	for i := range 4 {
		path := filepath.Join(data, fmt.Sprint(i))
		if err := os.Mkdir(path, 0o755); err != nil { // a series: a folder of frames
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, "frame"), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		limit := int64(0)
		if size > 0 {
			limit = 2*size + size/2
		}
		c, err := NewCache(CacheConfig{Dir: dir, DirBytes: limit})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.get(context.Background(), source{path: path}, func(context.Context, source) (*clip.Clip, error) { return cine(), nil }); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			size = c.disk.used
		}
	}
	names, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(names) != 2 {
		t.Errorf("%d files fit the bound, want 2", len(names))
	}
	if _, err := NewCache(CacheConfig{Dir: filepath.Join(names[0], "x")}); err == nil {
		t.Error("a folder inside a file was made")
	}
	d := &diskCache{dir: dir}
	one := d.file(source{path: filepath.Join(data, "0")})
	if err := os.WriteFile(filepath.Join(data, "0", "frame2"), []byte("y"), 0o600); err != nil {
		t.Fatal(err)
	}
	if two := d.file(source{path: filepath.Join(data, "0")}); one == two || one == "" {
		t.Error("a frame more did not change the key")
	}
	if d.file(source{filepath.Join(data, "1"), true}) == d.file(source{filepath.Join(data, "1"), false}) {
		t.Error("grey and colour have one key")
	}
	if d.file(source{path: filepath.Join(data, "none")}) != "" {
		t.Error("an absent source has a key")
	}
}

func FuzzDecodeCached(f *testing.F) {
	dir := f.TempDir()
	head := []byte(`{"T":1,"H":2,"W":2,"C":1,"DType":1}`)
	if err := writeCached(dir, filepath.Join(dir, "x"), head, []byte{1, 2, 3, 4}); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(filepath.Join(dir, "x"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := decodeCached(bytes.NewReader(b), int64(len(b)))
		if err == nil && c.Validate() != nil {
			t.Fatal("an invalid clip was given out")
		}
	})
}
