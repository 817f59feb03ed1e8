package torch

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
)

var (
	opDistJoin      = intern("cineloop::dist_join")
	opDistLeave     = intern("cineloop::dist_leave")
	opDistSum       = intern("cineloop::dist_sum")
	opDistSumOver   = intern("cineloop::dist_sum_over")
	opDistBroadcast = intern("cineloop::dist_broadcast")
	opDistAverager  = intern("cineloop::dist_averager")
	opDistArm       = intern("cineloop::dist_arm")
	opDistFinish    = intern("cineloop::dist_finish")
	opDistDrop      = intern("cineloop::dist_drop")
)

// GroupConfig says which process of which group this is.
type GroupConfig struct {
	Rank, Size int
	Host       string        // where rank 0 listens; 127.0.0.1 keeps all traffic on the machine
	Port       int           // its port
	Timeout    time.Duration // of joining and of every exchange; 0: five minutes
}

// Group is several processes that compute together through c10d's Gloo, on the CPU. Every method is called by all of them, in the same order
// with tensors of the same shapes. When one ends, the others' next exchange fails ([GroupError]). It belongs to the engine's goroutine.
type Group struct {
	Rank, Size int

	e  *Engine
	id int64
}

// Join waits until all processes have joined. The engine's Config must have said Groups.
func (e *Engine) Join(cfg GroupConfig) (*Group, error) {
	switch {
	case e.Device() != CPU:
		return nil, fault.New(fault.Missing, "groups of processes exchange through Gloo, on the CPU; this engine is on %s", e.Device()).
			WithHint("train with device cpu, or with one process on the GPU")
	case cfg.Size < 1 || cfg.Rank < 0 || cfg.Rank >= cfg.Size || cfg.Port < 1 || cfg.Port > 65535:
		return nil, fault.New(fault.Usage, "rank %d of %d at port %d", cfg.Rank, cfg.Size, cfg.Port)
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 5 * time.Minute
	}
	g := &Group{Rank: cfg.Rank, Size: cfg.Size, e: e}
	err := e.Try(func() {
		g.id = opDistJoin.all(e, cfg.Rank, cfg.Size, cfg.Host, cfg.Port, int(cfg.Timeout.Milliseconds()))[0].(int64)
	})
	if err != nil {
		return nil, fault.New(fault.Resource, "joining %d processes at %s:%d as rank %d: %w", cfg.Size, cfg.Host, cfg.Port, cfg.Rank, err).
			WithHint("all ranks must be started, and reach rank 0 at that address")
	}
	return g, nil
}

// Sum adds the tensors over the group, in place.
func (g *Group) Sum(ts ...*Tensor) { opDistSum.do(g.e, g.id, ts) }

// SumFloat64s adds v over the group, in place: small tables of numbers.
func (g *Group) SumFloat64s(v []float64) {
	s := g.e.Scope()
	defer s.Close()
	t := g.e.FromFloat64s(v, int64(len(v)))
	g.Sum(t)
	copy(v, t.Float64s())
}

// SumOver is the sum of every process's t, which autograd differentiates through.
func (g *Group) SumOver(t *Tensor) *Tensor { return opDistSumOver.one(g.e, g.id, t) }

// Broadcast overwrites the tensors with those of the root.
func (g *Group) Broadcast(root int, ts ...*Tensor) { opDistBroadcast.do(g.e, g.id, root, ts) }

// Leave closes the group.
func (g *Group) Leave() { opDistLeave.do(g.e, g.id) }

// Averager replaces gradients by their mean over a group, sending them in buckets while the backward pass still runs (Li et al.,
// "PyTorch Distributed", VLDB 2020, section 3.2).
type Averager struct {
	Buckets int

	g  *Group
	id int64
}

// NewAverager watches the parameters, all of which must take part in every loss. bytes is the size of a bucket; 0: 25 MiB, as in PyTorch.
func (g *Group) NewAverager(params []*Tensor, bytes int64) *Averager {
	if bytes <= 0 {
		bytes = 25 << 20
	}
	r := opDistAverager.all(g.e, g.id, params, bytes)
	return &Averager{g: g, id: r[0].(int64), Buckets: int(r[1].(int64))}
}

// Arm makes the next backward pass one whose gradients are averaged, what earlier passes accumulated included. Without it gradients stay
// this process's own.
func (a *Averager) Arm() { opDistArm.do(a.g.e, a.id) }

// Finish waits for what the backward pass sent; then every Grad is the mean over the group, of the same bits everywhere.
func (a *Averager) Finish() { opDistFinish.do(a.g.e, a.id) }

// Free stops watching.
func (a *Averager) Free() { opDistDrop.do(a.g.e, a.id) }

// GroupError says whether err means that another process of the group is gone or does not answer.
func GroupError(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	if !strings.HasPrefix(e.Op, "cineloop::dist_") && !strings.Contains(e.Message, "gloo") {
		return false
	}
	for _, sign := range []string{"Connection closed", "Connection reset", "Timed out", "timed out", "Broken pipe", "gloo/transport", "Socket Timeout"} {
		if strings.Contains(e.Message, sign) {
			return true
		}
	}
	return false
}

func (g *Group) String() string { return fmt.Sprintf("rank %d of %d", g.Rank, g.Size) }
