package cohort

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

func TestLoaderTraining(t *testing.T) {
	noLeak(t)
	c := clips(22)
	l := newTestLoader(t, c, &double{}, LoaderConfig{BatchSize: 4, Train: true, Seed: 5, Workers: 3})
	if l.Steps() != 5 {
		t.Errorf("%d steps", l.Steps())
	}
	one, two := epoch(t, l, 0, 0), epoch(t, l, 1, 0)
	for i, b := range one {
		if b.Step != i || b.Shape != [5]int{4, 1, 1, 2, 2} || len(b.X) != 16 || len(b.Rows) != 4 {
			t.Errorf("batch %d: %+v", i, b)
		}
		for k, r := range b.Rows {
			if b.X[4*k] != float32(r) || b.X[4*k+2] == 0 {
				t.Errorf("batch %d item %d: %v for row %d", i, k, b.X[4*k:4*k+4], r)
			}
		}
	}
	rows := rowsOf(one)
	slices.Sort(rows)
	if len(slices.Compact(rows)) != 20 {
		t.Errorf("rows %v: want 20 of 22, each once", rows)
	}
	if slices.Equal(rowsOf(one), rowsOf(two)) {
		t.Error("two epochs have one order")
	}
	// Anything but (rows, seed, epoch) leaves the batches as they are.
	d2 := &double{delay: 100 * time.Microsecond}
	l2 := newTestLoader(t, c, d2, LoaderConfig{BatchSize: 4, Train: true, Seed: 5, Workers: 1, Ahead: 7, CacheBytes: 1 << 20})
	if d := cmp.Diff(two, epoch(t, l2, 1, 0)); d != "" {
		t.Errorf("one worker gives other batches: %s", d)
	}
	l3 := newTestLoader(t, c, &double{}, LoaderConfig{BatchSize: 4, Train: true, Seed: 6})
	if slices.Equal(rowsOf(one), rowsOf(epoch(t, l3, 0, 0))) {
		t.Error("another seed has the same order")
	}
}

func TestLoaderResumesExactly(t *testing.T) {
	noLeak(t)
	for _, cfg := range []LoaderConfig{{BatchSize: 3, Train: true}, {BatchSize: 3, Train: true, Balance: "y"}, {BatchSize: 4, Input: clip.InputSpec{Channels: 1, Frames: 1, Height: 2, Width: 2, EvalClips: 3}}} {
		d := &double{broken: map[string]error{"/clips/3": errors.New("bad"), "/clips/8": errors.New("bad")}}
		c := clips(20)
		whole := epoch(t, newTestLoader(t, c, d, cfg), 4, 0)
		for start := range len(whole) + 1 {
			part := epoch(t, newTestLoader(t, c, d, cfg), 4, start)
			if diff := cmp.Diff(append([]seen{}, whole[start:]...), append([]seen{}, part...)); diff != "" {
				t.Fatalf("%+v from step %d: %s", cfg, start, diff)
			}
		}
	}
}

func TestLoaderEvaluation(t *testing.T) {
	noLeak(t)
	c := clips(5)
	d := &double{}
	in := smallInput
	in.EvalClips = 3
	l := newTestLoader(t, c, d, LoaderConfig{BatchSize: 4, Input: in, Workers: 4, Balance: "y"})
	got := epoch(t, l, 0, 0)
	if l.Steps() != 4 || len(got) != 4 || got[3].Shape[0] != 3 {
		t.Fatalf("%d steps, %+v", l.Steps(), got)
	}
	i := 0
	for _, b := range got {
		for k, r := range b.Rows {
			if r != i/3 || b.Clips[k] != i%3 || b.X[4*k] != float32(r) || b.X[4*k+1] != float32(i%3) || b.X[4*k+2] != 0 {
				t.Errorf("item %d: row %d clip %d %v", i, r, b.Clips[k], b.X[4*k:4*k+4])
			}
			i++
		}
	}
	if i != 15 {
		t.Errorf("%d items", i)
	}
	for path, n := range d.opened {
		if n > 2 { // once a batch that has some of its clips
			t.Errorf("%s was decoded %d times", path, n)
		}
	}
}

func TestLoaderDropsNoOnlyBatch(t *testing.T) {
	l := newTestLoader(t, clips(3), &double{}, LoaderConfig{BatchSize: 8, Train: true})
	got := epoch(t, l, 0, 0)
	if len(got) != 1 || got[0].Shape[0] != 3 || l.Steps() != 1 {
		t.Errorf("%+v", got)
	}
}

func TestLoaderBalances(t *testing.T) {
	c := clips(40) // 4 without label; 9 of the other 36 positive... counted below
	l := newTestLoader(t, c, &double{}, LoaderConfig{BatchSize: 1, Train: true, Balance: "y"})
	count := [3]int{}
	for i := range c.Rows {
		switch y := c.Rows[i].Truth["y"][0]; {
		case y != y:
			count[2]++
		default:
			count[int(y)]++
		}
	}
	if count[0] <= 2*count[1] {
		t.Fatalf("the cohort is balanced by itself: %v", count)
	}
	for n := range 3 {
		drawn, times := [3]int{}, map[int]int{}
		for _, r := range rowsOf(epoch(t, l, n, 0)) {
			times[r]++
			switch y := c.Rows[r].Truth["y"][0]; {
			case y != y:
				drawn[2]++
			default:
				drawn[int(y)]++
			}
		}
		if drawn[0]+drawn[1]+drawn[2] != 40 || drawn[2] != count[2] || drawn[0]-drawn[1] > 1 || drawn[1]-drawn[0] > 1 {
			t.Errorf("epoch %d drew %v of %v", n, drawn, count)
		}
		for r, k := range times {
			y := c.Rows[r].Truth["y"][0]
			most := 1
			if y == 1 {
				most = (drawn[1] + count[1] - 1) / count[1]
			}
			if k > most {
				t.Errorf("epoch %d drew row %d %d times", n, r, k)
			}
		}
	}
	// Two draws of one row in an epoch are augmented differently.
	values := map[int]map[float32]bool{}
	draws := map[int]int{}
	for _, b := range epoch(t, l, 0, 0) {
		if values[b.Rows[0]] == nil {
			values[b.Rows[0]] = map[float32]bool{}
		}
		values[b.Rows[0]][b.X[2]] = true
		draws[b.Rows[0]]++
	}
	for r, v := range values {
		if len(v) != draws[r] {
			t.Errorf("row %d: %d draws, %d augmentations", r, draws[r], len(v))
		}
	}
}

func TestLoaderCorruptFileInTheMiddle(t *testing.T) {
	noLeak(t)
	c := clips(12)
	d := &double{broken: map[string]error{"/clips/5": fmt.Errorf("reading /clips/5: %w", errors.New("JPEG cut short"))}, panics: "/clips/7"}
	eval := newTestLoader(t, c, d, LoaderConfig{BatchSize: 4, Workers: 2})
	got := epoch(t, eval, 0, 0)
	if diff := cmp.Diff([]int{0, 1, 2, 3, 4, 6, 8, 9, 10, 11}, rowsOf(got)); diff != "" {
		t.Error(diff)
	}
	if got[1].Shape[0] != 2 || got[1].X[0] != 4 || got[1].X[4] != 6 || len(got[1].X) != 8 {
		t.Errorf("the gap was not closed: %+v", got[1])
	}
	want := []Quarantine{{7, "k0005", "reading the file: JPEG cut short"}, {9, "k0007", "the decoder failed: runtime error: index out of range [8] with length 0"}}
	if diff := cmp.Diff(want, eval.Quarantine()); diff != "" {
		t.Error(diff)
	}
	if s := eval.Stats(); s.Skipped != 2 || s.Items != 10 || s.Batches != 3 {
		t.Errorf("%+v", s)
	}
	train := newTestLoader(t, c, d, LoaderConfig{BatchSize: 4, Train: true, Workers: 2})
	first := epoch(t, train, 0, 0)
	for _, b := range first {
		if len(b.Rows) != 4 || slices.Contains(b.Rows, 5) || slices.Contains(b.Rows, 7) {
			t.Errorf("batch %+v", b.Rows)
		}
		for k, r := range b.Rows {
			if b.X[4*k] != float32(r) {
				t.Errorf("row %d holds %v", r, b.X[4*k])
			}
		}
	}
	if s := train.Stats(); s.Replaced != 2 || s.Items != 12 {
		t.Errorf("%+v", s)
	}
	// What the loader knows by now changes nothing: the epoch is the same again, and opens no broken file again.
	before := d.opened["/clips/5"]
	if diff := cmp.Diff(first, epoch(t, train, 0, 0)); diff != "" {
		t.Error(diff)
	}
	if d.opened["/clips/5"] != before || len(train.Quarantine()) != 2 {
		t.Error("a broken file was opened again")
	}
}

func TestLoaderWholeBatchBroken(t *testing.T) {
	d := &double{broken: map[string]error{"/clips/2": errors.New("x"), "/clips/3": errors.New("x")}}
	got := epoch(t, newTestLoader(t, clips(6), d, LoaderConfig{BatchSize: 2}), 0, 0)
	if len(got) != 2 || got[1].Step != 2 || got[1].Rows[0] != 4 {
		t.Errorf("%+v", got)
	}
}

func TestLoaderSubstituteKeepsTheClass(t *testing.T) {
	c := clips(40)
	d := &double{broken: map[string]error{}}
	positives := 0
	for i, r := range c.Rows {
		if r.Truth["y"][0] == 1 {
			if positives++; positives > 1 { // one positive can be read
				d.broken[c.Rows[i].Path] = errors.New("bad")
			}
		}
	}
	l := newTestLoader(t, c, d, LoaderConfig{BatchSize: 8, Train: true, Balance: "y"})
	n := 0
	for _, r := range rowsOf(epoch(t, l, 0, 0)) {
		if c.Rows[r].Truth["y"][0] == 1 {
			n++
		}
	}
	if n != 18 {
		t.Errorf("%d of 40 draws are positive, want half of the 36 labelled", n)
	}
}

func TestLoaderErrors(t *testing.T) {
	noLeak(t)
	all := &double{broken: map[string]error{}}
	for i := range 6 {
		all.broken[fmt.Sprintf("/clips/%d", i)] = errors.New("bad")
	}
	missing := &double{broken: map[string]error{"/clips/2": fault.New(fault.Missing, "ffmpeg is not installed")}}
	for _, k := range []struct {
		d    *double
		cfg  LoaderConfig
		code fault.Code
		want string
	}{
		{all, LoaderConfig{BatchSize: 2, Train: true}, fault.Input, ": bad; and none of the 6 rows that could stand in"},
		{missing, LoaderConfig{BatchSize: 2}, fault.Missing, "ffmpeg is not installed"},
		{missing, LoaderConfig{BatchSize: 2, Train: true}, fault.Missing, "ffmpeg is not installed"},
		{&double{}, LoaderConfig{BatchSize: 2, Input: clip.InputSpec{Channels: 1, Frames: 1, Height: 3, Width: 2}}, fault.Usage, "6 places"},
	} {
		l := newTestLoader(t, clips(6), k.d, k.cfg)
		var last error
		for b, err := range l.Epoch(context.Background(), 0, 0) {
			if last = err; err == nil {
				b.Release()
			}
		}
		if last == nil || !strings.Contains(last.Error(), k.want) || fault.CodeOf(last) != k.code {
			t.Errorf("got %v, want %s", last, k.want)
		}
	}
	for want, cfg := range map[string]LoaderConfig{
		"batch size 0":     {},
		"is not complete":  {BatchSize: 1, Input: clip.InputSpec{Frames: 1}},
		"eval_clips is -1": {BatchSize: 1, Input: clip.InputSpec{EvalClips: -1}},
		`"v" is no binary`: {BatchSize: 1, Train: true, Balance: "v", Input: smallInput},
	} {
		if _, err := NewLoader(clips(2), []int{0, 1}, cfg); fault.CodeOf(err) != fault.Usage || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := NewLoader(clips(2), nil, LoaderConfig{BatchSize: 1}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("no rows: %v", err)
	}
}

func TestLoaderCancelledMidEpoch(t *testing.T) {
	noLeak(t)
	d := &double{blocked: make(chan struct{})}
	l := newTestLoader(t, clips(30), d, LoaderConfig{BatchSize: 2, Workers: 4})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for d.active.Load() < 4 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	var errs []error
	for _, err := range l.Epoch(ctx, 0, 0) {
		errs = append(errs, err)
	}
	if len(errs) != 1 || fault.CodeOf(errs[0]) != fault.Interrupted {
		t.Errorf("%v", errs)
	}
	if d.active.Load() != 0 || len(l.Quarantine()) != 0 {
		t.Errorf("%d decoders are still at work, quarantine %v", d.active.Load(), l.Quarantine())
	}
	// The loader is whole again.
	close(d.blocked)
	if n := len(rowsOf(epoch(t, l, 0, 0))); n != 30 {
		t.Errorf("%d rows after a cancelled epoch", n)
	}
}

func TestLoaderLeftEarly(t *testing.T) {
	noLeak(t)
	made := 0
	d := &double{}
	l := newTestLoader(t, clips(50), d, LoaderConfig{BatchSize: 2, Workers: 4, Alloc: func(n int) []float32 { made++; return make([]float32, n) }})
	for n := range 20 {
		for b, err := range l.Epoch(context.Background(), n, 0) {
			if err != nil {
				t.Fatal(err)
			}
			b.Release()
			if b.Step == n%5 {
				break
			}
		}
		if d.active.Load() != 0 {
			t.Fatal("a decoder outlives the loop")
		}
	}
	if made != 3 {
		t.Errorf("%d buffers for a look-ahead of 2", made)
	}
	func() {
		defer func() { _ = recover() }()
		for range l.Epoch(context.Background(), 0, 0) {
			panic("in the consumer")
		}
	}()
	if n := len(rowsOf(epoch(t, l, 0, 0))); n != 50 {
		t.Errorf("%d rows after a panic of the consumer", n)
	}
}

func TestLoaderOneEpochAtATime(t *testing.T) {
	l := newTestLoader(t, clips(4), &double{}, LoaderConfig{BatchSize: 1})
	for b, err := range l.Epoch(context.Background(), 0, 0) {
		if err != nil {
			t.Fatal(err)
		}
		b.Release()
		for _, err := range l.Epoch(context.Background(), 0, 0) {
			if err == nil {
				t.Error("a second epoch ran within the first")
			}
		}
		break
	}
}

// A consumer that keeps every batch gets new buffers and never hangs; what it holds is not overwritten.
func TestLoaderBatchesKept(t *testing.T) {
	made := 0
	l := newTestLoader(t, clips(600), &double{}, LoaderConfig{BatchSize: 2, Workers: 2, Alloc: func(n int) []float32 { made++; return make([]float32, n) }})
	var kept []*Batch
	for b, err := range l.Epoch(context.Background(), 0, 0) {
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, b)
	}
	for _, b := range kept {
		for k, r := range b.Rows {
			if b.X[4*k] != float32(r) {
				t.Fatalf("row %d holds %v", r, b.X[4*k])
			}
		}
		b.Release() // more than the loader keeps: the rest is let go
	}
	if made < 300 || made > 304 || len(l.free) != maxFree {
		t.Errorf("%d buffers made for 300 batches, %d free", made, len(l.free))
	}
	if n := len(epoch(t, l, 1, 0)); n != 300 {
		t.Errorf("%d batches after", n)
	}
}

func TestLoaderLooksAheadABoundedWay(t *testing.T) {
	d := &double{}
	l := newTestLoader(t, clips(100), d, LoaderConfig{BatchSize: 2, Workers: 4, Ahead: 3})
	for b, err := range l.Epoch(context.Background(), 0, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if b.Step == 5 {
			time.Sleep(20 * time.Millisecond)
			d.mu.Lock()
			n := len(d.opened)
			d.mu.Unlock()
			if n > 2*(6+3) {
				t.Errorf("%d clips are decoded while the consumer has the sixth batch of 2", n)
			}
		}
		b.Release()
	}
}

func TestLoaderMeasuresWaiting(t *testing.T) {
	slow := newTestLoader(t, clips(8), &double{delay: 5 * time.Millisecond}, LoaderConfig{BatchSize: 1, Workers: 1})
	epoch(t, slow, 0, 0)
	s := slow.Stats()
	if s.Wait < 30*time.Millisecond || s.Wait > s.Total || s.First > s.Wait || s.First <= 0 {
		t.Errorf("a consumer that only waits: %+v", s)
	}
	fast := newTestLoader(t, clips(8), &double{}, LoaderConfig{BatchSize: 1})
	for b, err := range fast.Epoch(context.Background(), 0, 0) {
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
		b.Release()
	}
	if s := fast.Stats(); s.Wait*2 > s.Total || s.Total < 35*time.Millisecond {
		t.Errorf("a consumer that never waits: %+v", s)
	}
}

func TestLoaderFlatMemory(t *testing.T) {
	noLeak(t)
	cache, err := NewCache(CacheConfig{Bytes: 10 << 10})
	if err != nil {
		t.Fatal(err)
	}
	d := &double{bytes: 4 << 10, broken: map[string]error{"/clips/3": errors.New("bad")}}
	made := 0
	l := newTestLoader(t, clips(16), d, LoaderConfig{BatchSize: 4, Train: true, Cache: cache, Alloc: func(n int) []float32 { made++; return make([]float32, n) }})
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	run := func(from, to int) {
		for n := from; n < to; n++ {
			for b, err := range l.Epoch(context.Background(), n, 0) {
				if err != nil {
					t.Fatal(err)
				}
				b.Release()
			}
		}
	}
	run(0, 10)
	early := heap()
	run(10, 100)
	if late := heap(); late > early+64<<10 {
		t.Errorf("heap %d after 10 epochs, %d after 100", early, late)
	}
	if made != 3 || len(l.Quarantine()) != 1 || cache.Stats().Clips != 2 {
		t.Errorf("%d buffers, quarantine %v, cache %+v", made, l.Quarantine(), cache.Stats())
	}
}

func FuzzLoaderOrder(f *testing.F) {
	f.Add(uint64(1), 10, 3, 2, true)
	f.Add(uint64(9), 1, 8, 0, false)
	f.Fuzz(func(t *testing.T, seed uint64, n, batch, at int, balance bool) {
		if n <= 0 || n > 200 || batch <= 0 || batch > 50 || at < 0 {
			return
		}
		cfg := LoaderConfig{BatchSize: batch, Train: true, Seed: stats.Seed(seed), Input: smallInput}
		if balance {
			cfg.Balance = "y"
		}
		c := clips(n)
		l, err := NewLoader(c, c.All(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		slots := l.order(at)
		if len(slots) != n {
			t.Fatalf("%d slots for %d rows", len(slots), n)
		}
		if !slices.Equal(slots, l.order(at)) {
			t.Fatal("two orders of one epoch")
		}
	})
}
