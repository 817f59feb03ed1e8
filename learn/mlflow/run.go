package mlflow

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cineloop/cineloop/internal/atomicfile"
)

// Status is how a run ended.
type Status string

// The statuses that a run ends with.
const (
	Finished Status = "FINISHED"
	Failed   Status = "FAILED"
	Killed   Status = "KILLED"

	running Status = "RUNNING"
)

// Config says where and what is logged.
type Config struct {
	URL        string
	Token      string // empty: none
	Experiment string
	Name       string // of the run
	Params     []Pair
	Tags       []Pair
	File       string       // where the run's ID is kept, so that a resumed training goes on with it
	Resume     bool         // go on with the run in File, where there is one
	Say        func(string) // called from Start and End only; nil: silence

	Queue   int           // points that wait at most; default 20,000
	Pause   time.Duration // first pause after a failure, doubled up to a minute; default 1 s
	Gather  time.Duration // how long points gather before they are sent; default 2 s
	Grace   time.Duration // how long End waits for what is left; default 10 s
	HTTP    *http.Client  // default: one of its own
	started time.Time
}

const longestPause = time.Minute

// Run is a run on the server, or one that would be there if the server were.
type Run struct {
	cfg  Config
	c    client
	done chan struct{} // closed when the goroutine has ended
	wake chan struct{}
	stop context.CancelFunc

	mu      sync.Mutex
	queue   []Metric
	lost    int
	ending  Status // set once
	id      string
	trouble error // the last failure
	gaveUp  bool  // the server refused for good
	sent    int
}

// Start begins to log. It returns at once, whatever the server does.
func Start(cfg Config) *Run {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&cfg.Pause, time.Second)
	set(&cfg.Gather, 2*time.Second)
	set(&cfg.Grace, 10*time.Second)
	if cfg.Queue == 0 {
		cfg.Queue = 20_000
	}
	if cfg.HTTP == nil {
		// An answer that leads elsewhere is not followed: the token is for this server.
		cfg.HTTP = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	cfg.started = time.Now()
	ctx, cancel := context.WithCancel(context.Background())
	r := &Run{cfg: cfg, c: client{cfg.URL, cfg.Token, cfg.HTTP}, done: make(chan struct{}), wake: make(chan struct{}, 1), stop: cancel}
	go r.work(ctx)
	return r
}

// Log takes points of one step. It never waits: when the queue is full the oldest points go.
func (r *Run) Log(step int64, at time.Time, values map[string]float64) {
	if r == nil {
		return
	}
	var points []Metric
	for k, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			points = append(points, Metric{Key(k), v, at.UnixMilli(), step})
		}
	}
	slices.SortFunc(points, func(a, b Metric) int {
		if a.Key < b.Key {
			return -1
		}
		return 1
	})
	r.mu.Lock()
	if r.gaveUp {
		r.lost += len(points)
	} else {
		r.queue = append(r.queue, points...)
		if over := len(r.queue) - r.cfg.Queue; over > 0 {
			r.queue = slices.Delete(r.queue, 0, over)
			r.lost += over
		}
	}
	r.mu.Unlock()
	r.nudge()
}

func (r *Run) nudge() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Trouble is what keeps points from the server; nil where nothing does. Whoever reports progress says it once.
func (r *Run) Trouble() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.trouble
}

// End sends what is left and the status, waits for that as long as the grace lasts, and says what did not arrive.
func (r *Run) End(s Status) {
	if r == nil {
		return
	}
	r.mu.Lock()
	first := r.ending == ""
	if first {
		r.ending = s
	}
	r.mu.Unlock()
	if !first {
		return
	}
	r.nudge()
	t := time.NewTimer(r.cfg.Grace)
	defer t.Stop()
	select {
	case <-r.done:
	case <-t.C:
		r.stop()
		<-r.done
	}
	r.stop()
	r.mu.Lock()
	left, trouble := len(r.queue)+r.lost, r.trouble
	r.mu.Unlock()
	if r.cfg.Say == nil {
		return
	}
	switch {
	case trouble != nil:
		r.cfg.Say(fmt.Sprintf("MLflow has not got everything: %d points are only in log.jsonl (%v)", left, trouble))
	case left > 0:
		r.cfg.Say(fmt.Sprintf("MLflow has not got everything: %d points that waited too long are only in log.jsonl", left))
	}
}

// work is the goroutine: the run first, then batches, and the status at the end.
func (r *Run) work(ctx context.Context) {
	defer close(r.done)
	if !r.try(ctx, func() error { return r.open(ctx) }) {
		return
	}
	params := r.cfg.Params
	for len(params) > 0 {
		n := min(len(params), maxParams)
		if !r.try(ctx, func() error { return r.c.batch(ctx, r.id, nil, clip(params[:n])) }) {
			return
		}
		params = params[n:]
	}
	for {
		r.mu.Lock()
		n, ending := min(len(r.queue), maxMetrics), r.ending
		batch := slices.Clone(r.queue[:n])
		lost := r.lost
		r.mu.Unlock()
		switch {
		case n > 0:
			if !r.try(ctx, func() error { return r.c.batch(ctx, r.id, batch, nil) }) {
				return
			}
			r.mu.Lock()
			gone := min(n, r.lost-lost) // pushed out while they were under way: they have arrived
			r.lost -= gone
			r.queue = slices.Delete(r.queue, 0, n-gone)
			r.sent += n
			r.mu.Unlock()
		case ending != "":
			r.try(ctx, func() error { return r.c.update(ctx, r.id, string(ending), time.Now()) })
			return
		default:
			if !r.wait(ctx) {
				return
			}
		}
	}
}

// wait sleeps until there is something to do, and then a little longer, so that points gather; false when it is over.
func (r *Run) wait(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-r.wake:
	}
	r.mu.Lock()
	ending := r.ending
	r.mu.Unlock()
	if ending != "" {
		return true
	}
	return r.sleep(ctx, r.cfg.Gather)
}

// sleep waits, or until the run is ending; false when it is over.
func (r *Run) sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-t.C:
			return true
		case <-r.wake:
			r.mu.Lock()
			ending := r.ending
			r.mu.Unlock()
			if ending != "" {
				r.nudge()
				return true
			}
		}
	}
}

// try does something until it is done; false when it will not be: the server refused for good, or time is up.
func (r *Run) try(ctx context.Context, do func() error) bool {
	for pause := r.cfg.Pause; ; pause = min(2*pause, longestPause) {
		err := do()
		if ctx.Err() != nil && err != nil {
			return false // what kept it is said already
		}
		r.mu.Lock()
		r.trouble = err
		if err != nil && lasting(err) {
			r.gaveUp = true
			r.lost += len(r.queue)
			r.queue = nil
		}
		gaveUp, ending := r.gaveUp, r.ending
		r.mu.Unlock()
		if err == nil {
			return true
		}
		if gaveUp {
			return false
		}
		if ending != "" {
			pause = r.cfg.Pause // the grace is short
			t := time.NewTimer(pause)
			select {
			case <-ctx.Done():
				t.Stop()
				return false
			case <-t.C:
			}
			continue
		}
		if !r.sleep(ctx, pause) {
			return false
		}
	}
}

// kept is the content of Config.File.
type kept struct {
	URL string `json:"url"`
	ID  string `json:"run_id"`
}

// open takes up the run of an earlier part of the training, or makes one.
func (r *Run) open(ctx context.Context) error {
	if r.cfg.Resume && r.cfg.File != "" {
		var k kept
		if b, err := os.ReadFile(r.cfg.File); err == nil && json.Unmarshal(b, &k) == nil && k.URL == r.cfg.URL && k.ID != "" {
			err := r.c.update(ctx, k.ID, string(running), time.Time{})
			if err == nil {
				r.setID(k.ID)
				r.cfg.Params = nil // it has them
				return nil
			}
			if !hasCode(err, "RESOURCE_DOES_NOT_EXIST") {
				return err
			}
		}
	}
	experiment, err := r.c.experiment(ctx, r.cfg.Experiment)
	if err != nil {
		return err
	}
	id, err := r.c.create(ctx, experiment, r.cfg.Name, r.cfg.started, clip(r.cfg.Tags))
	if err != nil {
		return err
	}
	r.setID(id)
	if r.cfg.File == "" {
		return nil
	}
	b, err := json.Marshal(kept{r.cfg.URL, id})
	if err == nil {
		err = os.MkdirAll(filepath.Dir(r.cfg.File), 0o755)
	}
	if err == nil {
		_ = atomicfile.WriteBytes(r.cfg.File, append(b, '\n')) // without it a resumed training begins another run
	}
	return nil
}

func (r *Run) setID(id string) {
	r.mu.Lock()
	r.id = id
	r.mu.Unlock()
}

// clip are pairs as the server takes them.
func clip(pairs []Pair) []Pair {
	out := []Pair{}
	for _, p := range pairs {
		v := p.Value
		if len(v) > maxValue {
			v = strings.ToValidUTF8(v[:maxValue-3], "") + "..."
		}
		out = append(out, Pair{Key(p.Key), v})
	}
	return out
}
