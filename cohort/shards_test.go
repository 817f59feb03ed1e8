package cohort

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/internal/fault"
)

// mappedCache is a cache in a folder, closed with the test. Only a system that cannot map files skips the test.
func mappedCache(t *testing.T, dir string) *Cache {
	t.Helper()
	if !canMap {
		t.Skip("no memory-mapped caches on this system")
	}
	c, err := NewCache(CacheConfig{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// newShards opens a store with small shards; its mappings go with the test.
func newShards(t *testing.T, dir string, limit, size int64) *shardStore {
	t.Helper()
	if !canMap {
		t.Skip("no memory-mapped caches on this system")
	}
	s, err := openShards(dir, limit, size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s
}

func keyNamed(name string) (k sourceKey) {
	copy(k[:], name)
	return k
}

// bigger is a clip of n bytes, all different from those of another fill.
func bigger(n int, fill byte) *clip.Clip {
	c := clip.New(clip.Uint8, 1, 1, n, 1)
	for i := range c.Data {
		c.Data[i] = fill + byte(i%7)
	}
	return c
}

func TestShardsKeepAndShare(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	a, b := newShards(t, dir, 0, 1<<20), newShards(t, dir, 0, 1<<20)
	if c, damaged := a.get(keyNamed("one")); c != nil || damaged {
		t.Fatal("something was there before")
	}
	kept := a.put(keyNamed("one"), cine())
	if d := cmp.Diff(cine(), kept); d != "" {
		t.Errorf("as kept: %s", d)
	}
	got, damaged := b.get(keyNamed("one")) // another process: it learns of the record when it misses it
	if d := cmp.Diff(cine(), got); d != "" || damaged {
		t.Errorf("in another process: %s", d)
	}
	if clip.Samples[int16](got)[3] != clip.Samples[int16](cine())[3] {
		t.Error("samples cannot be used where they lie")
	}
	if b.put(keyNamed("one"), cine()); b.used() != a.used() {
		t.Error("a clip was kept twice")
	}
	if d := cmp.Diff(cine(), b.put(keyNamed("two"), cine())); d != "" {
		t.Error(d)
	}
	if c, _ := a.get(keyNamed("two")); c == nil {
		t.Error("the first process does not see what the second keeps")
	}
	names, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(names) != 2 {
		t.Errorf("files: %v, want one shard and the lock", names)
	}
	for _, name := range names {
		if st, _ := os.Stat(name); st.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v: pixels must not be readable by others", name, st.Mode())
		}
	}
	if st, _ := os.Stat(dir); st.Mode().Perm() != 0o700 {
		t.Errorf("folder mode %v", st.Mode())
	}
	if _, err := openShards(filepath.Join(names[0], "x"), 0, 1); fault.CodeOf(err) != fault.Input {
		t.Errorf("a folder inside a file: %v", err)
	}
}

// TestShardsDamage: whatever is done to a shard, its clip is decoded again and nothing wrong is given out.
func TestShardsDamage(t *testing.T) {
	whole := func(dir string) (string, []byte) {
		s := newShards(t, dir, 0, 1<<20)
		s.put(keyNamed("a"), cine())
		s.put(keyNamed("b"), cine())
		s.close()
		name := filepath.Join(dir, "000001.shard")
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return name, b
	}
	for what, change := range map[string]func([]byte) []byte{
		"cut short":       func(b []byte) []byte { return b[:len(b)-recordTail-9] },
		"cut in the head": func(b []byte) []byte { return b[:64+len(b[64:])/2+20] },
		"empty":           func([]byte) []byte { return nil },
		"one bit":         func(b []byte) []byte { return flip(b, len(b)-recordTail-64) },
		"meta":            func(b []byte) []byte { return flip(b, len(b)/2+32+recordHead+8) },
		"head":            func(b []byte) []byte { return flip(b, 64+len(b[64:])/2+20) },
		"magic":           func(b []byte) []byte { return flip(b, 0) },
		"checksum":        func(b []byte) []byte { return flip(b, len(b)-recordTail) },
		"zeros": func(b []byte) []byte {
			return append(bytes.Clone(b[:64+len(b[64:])/2]), make([]byte, len(b[64:])/2)...)
		},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			name, b := whole(dir)
			if err := os.WriteFile(name, change(b), 0o600); err != nil {
				t.Fatal(err)
			}
			s := newShards(t, dir, 0, 1<<20)
			if c, _ := s.get(keyNamed("b")); c != nil {
				t.Fatal("a damaged clip was given out")
			}
			if d := cmp.Diff(cine(), s.put(keyNamed("b"), cine())); d != "" {
				t.Errorf("kept anew: %s", d)
			}
			again := newShards(t, dir, 0, 1<<20)
			if c, damaged := again.get(keyNamed("b")); c == nil || damaged {
				t.Error("the clip that was kept anew is not found")
			}
		})
	}
}

// TestShardsWriterDied: what a killed writer left after the last record is written over, not read.
func TestShardsWriterDied(t *testing.T) {
	dir := t.TempDir()
	s := newShards(t, dir, 0, 1<<20)
	s.put(keyNamed("a"), cine())
	b, err := appendRecord(nil, keyNamed("b"), cine())
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "000001.shard")
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(b[:len(b)-1]); err != nil {
		t.Fatal(err)
	}
	f.Close()
	other := newShards(t, dir, 0, 1<<20)
	if c, damaged := other.get(keyNamed("b")); c != nil || damaged {
		t.Error("half a record was read")
	}
	if other.put(keyNamed("c"), bigger(5000, 1)) == nil {
		t.Error("nothing can be kept after a writer died")
	}
	if c, _ := s.get(keyNamed("c")); c == nil || !bytes.Equal(c.Data, bigger(5000, 1).Data) {
		t.Error("a process that saw the half record does not see the whole one")
	}
}

// TestShardsCutWhileMapped: a file that is cut while it is in use costs a decode, not the process.
func TestShardsCutWhileMapped(t *testing.T) {
	dir, src := t.TempDir(), filepath.Join(t.TempDir(), "clip")
	if err := os.WriteFile(src, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := clips(1)
	c.Rows[0].Path = src
	cache := mappedCache(t, dir)
	decoded := 0
	l := newTestLoader(t, c, &double{}, LoaderConfig{BatchSize: 1, Workers: 1, Cache: cache})
	l.cfg.reader.open = func(context.Context, source) (*clip.Clip, error) { decoded++; return bigger(1<<16, 3), nil }
	sum := 0
	l.cfg.reader.prepare = func(c *clip.Clip, _ clip.InputSpec, dst []float32, _ *rand.Rand, _ clip.AugmentSpec, _ int) error {
		sum = 0
		for _, b := range c.Data {
			sum += int(b)
		}
		return nil
	}
	run := func() {
		t.Helper()
		n := 0
		for b, err := range l.Epoch(context.Background(), 0, 0) {
			if err != nil {
				t.Fatal(err)
			}
			n += len(b.Rows)
			b.Release()
		}
		if n != 1 || sum == 0 || len(l.Quarantine()) != 0 {
			t.Fatalf("%d rows, sum %d, %v", n, sum, l.Quarantine())
		}
	}
	run()
	want := sum
	run()
	if decoded != 1 {
		t.Fatalf("%d decodes before", decoded)
	}
	if err := os.Truncate(filepath.Join(dir, "000001.shard"), 8192); err != nil {
		t.Fatal(err)
	}
	run()
	if decoded != 2 || sum != want || cache.Stats().Damaged == 0 {
		t.Errorf("%d decodes, sum %d of %d, %+v", decoded, sum, want, cache.Stats())
	}
}

func TestShardsAreBounded(t *testing.T) {
	dir := t.TempDir()
	one := func() int64 {
		b, err := appendRecord(nil, keyNamed("x"), bigger(4000, 0))
		if err != nil {
			t.Fatal(err)
		}
		return int64(len(b))
	}()
	limit := 3*one + 2*recordHead
	s := newShards(t, dir, limit, one+recordHead+1) // a shard a clip
	kept := 0
	for i := range 6 {
		if s.put(keyNamed(fmt.Sprint(i)), bigger(4000, byte(i))) != nil {
			kept++
		}
	}
	if kept != 2 || s.used() > limit {
		t.Errorf("%d clips kept, %d of %d bytes: what is in use stays, and the bound holds", kept, s.used(), limit)
	}
	if s.put(keyNamed("huge"), bigger(int(limit), 0)) != nil {
		t.Error("a clip larger than the bound was kept")
	}
	// Another run, later: shards that it uses stay, others make room.
	s.close()
	past := time.Now().Add(-time.Hour)
	for _, n := range []string{"000001.shard", "000002.shard"} {
		if err := os.Chtimes(filepath.Join(dir, n), past, past); err != nil {
			t.Fatal(err)
		}
	}
	user := newShards(t, dir, limit, one+recordHead+1)
	if c, _ := user.get(keyNamed("0")); c == nil {
		t.Fatal("the first clip is gone")
	}
	later := newShards(t, dir, limit, one+recordHead+1)
	if later.put(keyNamed("new"), bigger(4000, 9)) == nil {
		t.Error("nothing made room for a new clip")
	}
	if c, _ := user.get(keyNamed("0")); c == nil || !bytes.Equal(c.Data, bigger(4000, 0).Data) {
		t.Error("a clip in use was removed")
	}
	if c, _ := later.get(keyNamed("1")); c != nil {
		t.Error("the clip that nobody used is still there")
	}
	if later.used() > limit {
		t.Errorf("%d bytes of %d", later.used(), limit)
	}
}

func TestShardsOutOfDisk(t *testing.T) {
	dir := t.TempDir()
	s := newShards(t, dir, 0, 1<<20)
	s.put(keyNamed("a"), cine())
	sh := s.shards[filepath.Join(dir, "000001.shard")]
	readOnly, err := os.Open(sh.name) // writing fails, as on a full disk
	if err != nil {
		t.Fatal(err)
	}
	sh.file.Close()
	sh.file = readOnly
	if s.put(keyNamed("b"), cine()) != nil {
		t.Error("a clip was kept that could not be written")
	}
	if c, _ := s.get(keyNamed("a")); c == nil {
		t.Error("an earlier clip was lost")
	}
	os.RemoveAll(dir)
	if s.put(keyNamed("c"), cine()) != nil {
		t.Error("a clip was kept in a folder that is gone")
	}
}

// TestShardsConcurrent: goroutines of several stores over one folder, which is what processes are to each other.
func TestShardsConcurrent(t *testing.T) {
	dir := t.TempDir()
	const n = 40
	var wg sync.WaitGroup
	for p := range 3 {
		s := newShards(t, dir, 0, 40000)
		for w := range 2 {
			wg.Go(func() {
				for i := range n {
					k := (i*7 + p*11 + w*3) % n
					key := keyNamed(fmt.Sprint("clip", k))
					c, damaged := s.get(key)
					if c == nil {
						c = s.put(key, bigger(3000+k, byte(k)))
					}
					if damaged || c == nil || !bytes.Equal(c.Data, bigger(3000+k, byte(k)).Data) {
						t.Errorf("store %d, clip %d is wrong", p, k)
						return
					}
				}
			})
		}
	}
	wg.Wait()
	s := newShards(t, dir, 0, 40000)
	if len(s.index) != n {
		t.Errorf("%d clips, want %d, each once", len(s.index), n)
	}
	if b, _ := appendRecord(nil, sourceKey{}, bigger(3000, 0)); s.used() > int64(n)*int64(len(b)+128)+int64(len(s.shards))*recordHead {
		t.Error("clips were kept twice")
	}
}

// TestShardsOtherProcess: a real second process finds what this one decoded.
func TestShardsOtherProcess(t *testing.T) {
	if dir := os.Getenv("CINELOOP_TEST_SHARDS"); dir != "" {
		s := newShards(t, dir, 0, 1<<20)
		if c, damaged := s.get(keyNamed("a")); c == nil || damaged || cmp.Diff(cine(), c) != "" {
			t.Error("not found")
		}
		if s.put(keyNamed("b"), bigger(100, 5)) == nil {
			t.Error("not kept")
		}
		return
	}
	dir := t.TempDir()
	s := newShards(t, dir, 0, 1<<20)
	s.put(keyNamed("a"), cine())
	cmd := exec.Command(os.Args[0], "-test.run=^TestShardsOtherProcess$", "-test.v")
	cmd.Env = append(os.Environ(), "CINELOOP_TEST_SHARDS="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if c, _ := s.get(keyNamed("b")); c == nil || !bytes.Equal(c.Data, bigger(100, 5).Data) {
		t.Error("the other process's clip is not seen")
	}
}

func TestCacheWithShards(t *testing.T) {
	dir, src := t.TempDir(), filepath.Join(t.TempDir(), "a.npz")
	if err := os.WriteFile(src, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	opened := 0
	open := func(context.Context, source) (*clip.Clip, error) { opened++; return cine(), nil }
	get := func(s source) CacheStats {
		t.Helper()
		c := mappedCache(t, dir)
		for range 2 {
			cl, err := c.get(context.Background(), s, open)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(cine(), cl); d != "" {
				t.Errorf("from the cache: %s", d)
			}
		}
		return c.Stats()
	}
	a := source{path: src + "#train_images[3]"}
	if s := get(a); s.Decoded != 1 || s.Memory != 1 || s.Bytes != 0 || s.Mapped != 48 {
		t.Errorf("first: %+v", s)
	}
	if s := get(a); s.Disk != 1 || s.Memory != 1 || opened != 1 {
		t.Errorf("second process: %+v", s)
	}
	for what, other := range map[string]source{"grey": {path: a.path, grey: true}, "working": {path: a.path, work: workOf(clip.InputSpec{Working: true, Frames: 3})}} {
		if s := get(other); s.Decoded != 1 {
			t.Errorf("%s and the stored clip are one: %+v", what, s)
		}
	}
	if err := os.WriteFile(src, []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s := get(a); s.Decoded != 1 || s.Disk != 0 {
		t.Errorf("after the source changed: %+v", s)
	}
	if workOf(clip.InputSpec{Frames: 3}) != "" {
		t.Error("a stored clip has a sampling")
	}
	in := clip.InputSpec{Working: true, Frames: 3, Normalise: "unit"}
	same := clip.InputSpec{Working: true, Frames: 3, Normalise: "case", EvalClips: 1, Window: []float64{1, 2}}
	if workOf(in) != workOf(same) {
		t.Error("normalisation, which comes later, is in the key")
	}
}

func TestKeysOfFolders(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "frame"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	one, ok := keyOf(source{path: dir})
	if err := os.WriteFile(filepath.Join(dir, "frame2"), []byte("y"), 0o600); err != nil {
		t.Fatal(err)
	}
	if two, _ := keyOf(source{path: dir}); !ok || one == two {
		t.Error("a frame more did not change the key")
	}
	if _, ok := keyOf(source{path: filepath.Join(dir, "none")}); ok {
		t.Error("an absent source has a key")
	}
}

func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 0x10
	return b
}

func FuzzShard(f *testing.F) {
	dir := f.TempDir()
	s, err := openShards(dir, 0, 1<<16)
	if err != nil {
		f.Skip(err)
	}
	s.put(keyNamed("a"), cine())
	s.put(keyNamed("b"), bigger(9, 1))
	s.close()
	good, err := os.ReadFile(filepath.Join(dir, "000001.shard"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:100])
	f.Add([]byte(strings.Repeat("clip", 40)))
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "000001.shard"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := openShards(dir, 0, 1<<16)
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		for key := range s.index {
			if c, _ := s.get(key); c != nil && c.Validate() != nil {
				t.Fatal("an invalid clip was given out")
			}
		}
		if c := s.put(keyNamed("new"), cine()); c == nil {
			t.Fatal("nothing can be kept beside a strange file")
		}
	})
}
