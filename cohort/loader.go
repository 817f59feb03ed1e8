package cohort

import (
	"cmp"
	"context"
	"iter"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// LoaderConfig says how a [Loader] reads its rows.
type LoaderConfig struct {
	Input     clip.InputSpec   // with Frames, Height, Width and Channels set
	Augment   clip.AugmentSpec // drawn from (Seed, epoch, item) in training; outside it only EvalScale applies
	BatchSize int
	Seed      stats.Seed
	Train     bool   // shuffled, augmented, whole batches; else rows in order, every evaluation clip, nothing random
	Rank      int    // which of Ranks this loader is; from 0
	Ranks     int    // loaders that share an epoch, each with BatchSize of every step; 0: 1. All must be configured alike
	Balance   string // binary or class target whose classes training draws equally often; empty: off
	// BalanceBy, if set, is the number of a row's class instead (below 0: none); training draws each equally often.
	BalanceBy func(r Row) int
	Weight    string  // column of numbers ≥ 0: training draws rows in proportion to it; empty: off
	Patients  int     // training takes so many rows of every patient an epoch, all in turn over the epochs; 0: off
	ViewDrop  float64 // of studies, in training: each clip is left out with this probability, but never all of a study's
	View      int     // outside training: 0 as it is; k: augmented, another draw for each k (test-time augmentation)
	Workers   int     // goroutines that decode and transform; 0: GOMAXPROCS
	Ahead     int     // batches prepared beyond the one that the consumer has; 0: 2

	Cache      *Cache // shared with other loaders; nil: one of its own with CacheBytes
	CacheBytes int64

	// Alloc makes the batches' buffers, such as page-locked ones; default make. It is called only by the goroutine that ranges
	// over Epoch, and its buffers are used again for the loader's life.
	Alloc func(n int) []float32

	reader reader
}

// reader is what the loader asks of package clip.
type reader struct {
	open    openFunc
	prepare func(c *clip.Clip, in clip.InputSpec, dst []float32, rng *rand.Rand, aug clip.AugmentSpec, evalClip int) error
	working func(c *clip.Clip, in clip.InputSpec) (*clip.Clip, error)
}

// clipReader is the real one. A clip is decoded by one goroutine: the loader has many clips to decode at once.
var clipReader = reader{
	open: func(ctx context.Context, src source) (*clip.Clip, error) {
		opts := []clip.ReadOption{clip.WithContext(ctx), clip.Workers(1), clip.NoDigest()}
		if src.grey {
			opts = append(opts, clip.AsGrey())
		}
		return clip.Open(src.path, opts...)
	},
	prepare: func(c *clip.Clip, in clip.InputSpec, dst []float32, rng *rand.Rand, aug clip.AugmentSpec, evalClip int) error {
		if in.Working {
			return clip.PrepareWorking(c, in, dst, rng, aug, evalClip)
		}
		return clip.Prepare(c, in, dst, rng, aug, evalClip)
	},
	working: func(c *clip.Clip, in clip.InputSpec) (*clip.Clip, error) {
		return clip.Working(c, in, clip.AugmentSpec{})
	},
}

// openWorking decodes a source, and samples it where the input wants working clips.
func (l *Loader) openWorking(ctx context.Context, src source) (*clip.Clip, error) {
	c, err := l.cfg.reader.open(ctx, src)
	if err != nil || src.work == "" {
		return c, err
	}
	return l.cfg.reader.working(c, l.cfg.Input)
}

// OpenClip decodes a row's clip as loaders with that input do: networks of one channel never see colour. It goes with clip.Prepare
// where an input is needed outside an epoch, such as for an explanation.
func OpenClip(ctx context.Context, row Row, in clip.InputSpec) (*clip.Clip, error) {
	return clipReader.open(ctx, source{path: row.Path, grey: in.Channels == 1})
}

// Batch is a network's input with the rows that it came from.
type Batch struct {
	Step     int       // in the epoch
	X        []float32 // [N, C, T, H, W], of studies [N, V, C, T, H, W] with 0 where nothing is; valid until Release
	Shape    [5]int    // N, C, T, H, W; of studies N·V in place of N
	Slots    int       // V, the slots of a study; 0 where an item is one clip
	Present  []bool    // [N·V], which slots hold a clip; nil where an item is one clip
	Rows     []int     // of each item, index into Cohort.Rows
	EvalClip []int     // of each item, which of the input's EvalClips

	release func()
}

// Release gives the batch's buffer back for another batch; X must not be touched after. Calling it again does nothing. A batch that is
// never released costs its buffer and nothing else: the loader makes a new one.
func (b *Batch) Release() {
	if r := b.release; r != nil {
		b.release, b.X = nil, nil
		r()
	}
}

// LoaderStats says what loading cost. Wait against Total is the share of an epoch that the consumer lost to loading.
type LoaderStats struct {
	Batches, Items int
	Wait           time.Duration // that the consumer waited for batches, the first of each epoch included
	First          time.Duration // of Wait: for the first batch of each epoch
	Total          time.Duration // from the start of each epoch to its last batch
	Replaced       int           // training slots given to another row because theirs cannot be read
	Skipped        int           // evaluation slots left out for that reason
	Cache          CacheStats
}

// Loader turns rows into batches, on all cores, a few batches ahead of the consumer.
//
// An epoch's batches depend on (rows, config, epoch) only: not on the number of workers, on timing, or on where the epoch is
// entered. Training drops a last batch that is not full, unless it is the only one; rows are shuffled anew each epoch, so none is
// dropped always. Evaluation keeps it.
//
// A row whose file cannot be decoded or transformed is quarantined once, with its reason. In training its slots go to other rows
// (of the same class, when balanced) drawn from (seed, epoch, slot), so that batches stay full; in evaluation its slots are left out.
// Both are the same in a resumed epoch. Only when no row at all can be read does the epoch fail.
type Loader struct {
	c    *Cohort
	rows []int
	rank map[int]int // row -> position by key
	cfg  LoaderConfig
	clip int    // floats of one clip
	item int    // floats of one item: of a study, those of all slots
	work string // of the working clips, for the cache

	weights  []float64 // of rows, for drawing by weight; nil: off
	patients [][]int   // rows of each, for drawing by patient; nil: off

	classes    [][]int // for balancing; nil: off
	classOf    map[int]int
	unlabelled []int

	free    chan []float32
	made    atomic.Int64 // buffers: free, being filled or with the consumer
	held    atomic.Int64 // of made: with the consumer
	running atomic.Bool

	mu         sync.Mutex
	stats      LoaderStats
	bad        map[int]string // row -> reason
	badClips   map[clipAt]bool
	quarantine []Quarantine
}

// maxFree is how many idle buffers a loader keeps; a consumer that held more than that at once gives the rest to the collector.
const maxFree = 256

// NewLoader makes a loader of rows (indices into c.Rows). Errors are of code usage.
func NewLoader(c *Cohort, rows []int, cfg LoaderConfig) (*Loader, error) {
	in := cfg.Input
	switch {
	case len(rows) == 0:
		return nil, fault.New(fault.Usage, "loader: no rows")
	case cfg.BatchSize <= 0:
		return nil, fault.New(fault.Usage, "loader: batch size %d", cfg.BatchSize)
	case cfg.Ranks < 0 || cfg.Rank < 0 || cfg.Rank >= max(1, cfg.Ranks):
		return nil, fault.New(fault.Usage, "loader: rank %d of %d", cfg.Rank, cfg.Ranks)
	case !(cfg.ViewDrop >= 0 && cfg.ViewDrop < 1):
		return nil, fault.New(fault.Usage, "loader: views are left out with probability %v, which is not in [0, 1)", cfg.ViewDrop)
	case in.EvalClips < 0 && !cfg.Train:
		return nil, fault.New(fault.Usage, "loader: eval_clips is %d: a loader needs to know the number, 1 or more", in.EvalClips)
	case in.Frames <= 0 || in.Height <= 0 || in.Width <= 0 || in.Channels <= 0:
		return nil, fault.New(fault.Usage, "loader: input shape %d×%d×%d×%d (channels, frames, height, width) is not complete", in.Channels, in.Frames, in.Height, in.Width)
	}
	if in.Working && cfg.Train && clip.MovesSamples(cfg.Augment) {
		return nil, fault.New(fault.Usage, "loader: input.working does not go with augmentation that moves samples").
			WithHint("take input.working out, or rotate_deg, scale, translate, permute and temporal_jitter")
	}
	if cfg.Workers <= 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	cfg.Ranks = max(1, cfg.Ranks)
	if cfg.Ahead <= 0 {
		cfg.Ahead = 2
	}
	if cfg.Alloc == nil {
		cfg.Alloc = func(n int) []float32 { return make([]float32, n) }
	}
	if cfg.reader.open == nil {
		cfg.reader = clipReader
	}
	if cfg.Cache == nil {
		var err error
		if cfg.Cache, err = NewCache(CacheConfig{Bytes: cfg.CacheBytes}); err != nil {
			return nil, err
		}
	}
	l := &Loader{
		c: c, rows: slices.Clone(rows), rank: map[int]int{}, cfg: cfg, work: workOf(in),
		clip: in.Planes() * in.Frames * in.Height * in.Width,
		free: make(chan []float32, maxFree), bad: map[int]string{}, badClips: map[clipAt]bool{},
	}
	l.item = l.clip * max(1, len(c.Slots))
	byKey := slices.Clone(rows)
	slices.SortFunc(byKey, func(a, b int) int { return cmp.Compare(c.Rows[a].ID, c.Rows[b].ID) })
	for i, r := range byKey {
		l.rank[r] = i
	}
	if err := l.drawing(); err != nil {
		return nil, err
	}
	if cfg.Train && (cfg.Balance != "" || cfg.BalanceBy != nil) {
		if cfg.BalanceBy != nil {
			l.classifyBy(cfg.BalanceBy)
		} else if err := l.classify(cfg.Balance); err != nil {
			return nil, err
		}
		l.classOf = map[int]int{}
		for k, rows := range l.classes {
			for _, r := range rows {
				l.classOf[r] = k
			}
		}
	}
	return l, nil
}

// Steps is the number of batches in an epoch. With several ranks all have so many, whose rows are those of one batch of the ranks' sizes
// together; an evaluation's last steps may have none for the last ranks, and are then left out there.
func (l *Loader) Steps() int {
	n, b := l.epochRows(), l.cfg.BatchSize*l.cfg.Ranks
	if l.cfg.Train {
		return max(1, n/b)
	}
	return (n*max(1, l.cfg.Input.EvalClips) + b - 1) / b
}

// Stats is a snapshot, also in the middle of an epoch.
func (l *Loader) Stats() LoaderStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Cache = l.cfg.Cache.Stats()
	return s
}

// Quarantine lists the rows that could not be read so far, by line.
func (l *Loader) Quarantine() []Quarantine {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := slices.Clone(l.quarantine)
	slices.SortFunc(out, func(a, b Quarantine) int { return cmp.Compare(a.Line, b.Line) })
	return out
}

// Epoch gives the batches of an epoch from startStep on: the very batches that an epoch from 0 gives there. It ends after the last
// batch, with the first error (no readable row, a decoder that is not installed), or with ctx's error when that is done. When the
// loop is left, at its end or before, every goroutine has ended. One epoch runs at a time.
func (l *Loader) Epoch(ctx context.Context, epoch, startStep int) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		if !l.running.CompareAndSwap(false, true) {
			yield(nil, fault.New(fault.Internal, "loader: a second epoch was begun before the first had ended"))
			return
		}
		defer l.running.Store(false)
		for l.made.Load() < int64(l.cfg.Ahead+1) {
			l.grow()
		}
		p := newPipeline(ctx, l, epoch, startStep)
		defer p.stop()
		begin, last := time.Now(), time.Duration(0)
		for first := true; ; first = false {
			if l.held.Load() >= l.made.Load() {
				l.grow() // the consumer holds every buffer
			}
			asked := time.Now()
			b, err := p.next()
			waited := time.Since(asked)
			total := time.Since(begin)
			l.mu.Lock()
			l.stats.Wait += waited
			l.stats.Total += total - last
			if first {
				l.stats.First += waited
			}
			if b != nil {
				l.stats.Batches++
				l.stats.Items += len(b.Rows)
			}
			l.mu.Unlock()
			last = total
			if err != nil {
				yield(nil, err)
				return
			}
			if b == nil || !yield(b, nil) {
				return
			}
		}
	}
}

func (l *Loader) grow() {
	l.made.Add(1)
	l.giveBack(l.cfg.Alloc(l.item * l.cfg.BatchSize))
}

func (l *Loader) giveBack(buf []float32) {
	select {
	case l.free <- buf:
	default:
		l.made.Add(-1)
	}
}
