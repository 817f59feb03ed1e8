package survival

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cineloop/cineloop/stats"
)

// ForestOptions are the choices of a random survival forest; zero values mean the defaults in brackets.
type ForestOptions struct {
	Trees   int // [100]
	Leaf    int // fewest people in a leaf [15]
	Try     int // covariates looked at in each node [⌈√P⌉]
	Splits  int // split points looked at for each of them [10]
	Workers int // [all cores]; the result does not depend on it
	Seed    stats.Seed
}

// Forest is a random survival forest (Ishwaran et al. 2008): trees on bootstrap samples, split by the log-rank statistic, with a
// Nelson–Aalen estimate in each leaf.
type Forest struct {
	Times []float64 // distinct event times of the training set, at most 250 of them
	trees []tree
}

type tree struct {
	nodes  []node
	hazard [][]float32 // cumulative, by leaf
}

type node struct {
	feature     int32 // −1: a leaf
	left, right int32 // nodes; of a leaf, left is its row of hazard
	at          float64
}

// GrowForest grows a forest on x [N][P]. The error is Input for labels that cannot be learnt from, or ctx's.
func GrowForest(ctx context.Context, x [][]float64, l Labels, o ForestOptions) (*Forest, error) {
	if err := l.CheckTrain(); err != nil {
		return nil, err
	}
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&o.Trees, 100)
	def(&o.Leaf, 15)
	def(&o.Try, int(math.Ceil(math.Sqrt(float64(len(x[0]))))))
	def(&o.Splits, 10)
	def(&o.Workers, runtime.GOMAXPROCS(0))
	f := &Forest{trees: make([]tree, o.Trees)}
	var events []float64
	for i, t := range l.Time {
		if l.Event[i] != 0 {
			events = append(events, t)
		}
	}
	slices.Sort(events)
	events = slices.Compact(events)
	if len(events) > 250 {
		for i := range 250 {
			f.Times = append(f.Times, events[(len(events)-1)*i/249])
		}
	} else {
		f.Times = events
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(o.Workers, o.Trees) {
		wg.Go(func() {
			for ctx.Err() == nil {
				k := int(next.Add(1)) - 1
				if k >= o.Trees {
					return
				}
				g := grower{x: x, l: l, o: o, times: f.Times, rng: o.Seed.Stream("tree", k)}
				rows := make([]int, len(x))
				for i := range rows {
					rows[i] = g.rng.IntN(len(x))
				}
				slices.SortFunc(rows, func(a, b int) int { // by time, so that every node's rows are too
					switch {
					case l.Time[a] < l.Time[b]:
						return -1
					case l.Time[a] > l.Time[b]:
						return 1
					}
					return a - b
				})
				g.grow(rows)
				f.trees[k] = g.tree
			}
		})
	}
	wg.Wait()
	return f, ctx.Err()
}

type grower struct {
	x     [][]float64
	l     Labels
	o     ForestOptions
	times []float64
	rng   *rand.Rand
	tree  tree
}

// grow adds a node for rows, which are in the order of time, and returns its number.
func (g *grower) grow(rows []int) int32 {
	id := int32(len(g.tree.nodes))
	g.tree.nodes = append(g.tree.nodes, node{feature: -1})
	feature, at, ok := g.split(rows)
	if !ok {
		g.tree.nodes[id].left = int32(len(g.tree.hazard))
		g.tree.hazard = append(g.tree.hazard, g.leaf(rows))
		return id
	}
	var left, right []int
	for _, i := range rows {
		if g.x[i][feature] <= at {
			left = append(left, i)
		} else {
			right = append(right, i)
		}
	}
	a := g.grow(left)
	b := g.grow(right)
	g.tree.nodes[id] = node{feature: int32(feature), at: at, left: a, right: b}
	return id
}

// split finds the best of some split points of some covariates.
func (g *grower) split(rows []int) (feature int, at float64, ok bool) {
	if len(rows) < 2*g.o.Leaf {
		return 0, 0, false
	}
	events := 0
	for _, i := range rows {
		if g.l.Event[i] != 0 {
			events++
		}
	}
	if events == 0 {
		return 0, 0, false
	}
	best := 0.0
	p := len(g.x[0])
	for k, j := range g.rng.Perm(p) {
		if k >= g.o.Try && ok {
			break
		}
		for range g.o.Splits {
			v := g.x[rows[g.rng.IntN(len(rows))]][j]
			if s := g.logRank(rows, j, v); s > best {
				best, feature, at, ok = s, j, v, true
			}
		}
	}
	return feature, at, ok
}

// logRank is the squared log-rank statistic of x_j ≤ v against the rest; 0 when a side is too small.
func (g *grower) logRank(rows []int, j int, v float64) float64 {
	n, left := float64(len(rows)), 0.0
	for _, i := range rows {
		if g.x[i][j] <= v {
			left++
		}
	}
	leaf := float64(g.o.Leaf)
	if left < leaf || n-left < leaf {
		return 0
	}
	var diff, variance float64
	for lo := 0; lo < len(rows); {
		t := g.l.Time[rows[lo]]
		var d, dl, gone, goneLeft float64
		hi := lo
		for hi < len(rows) && g.l.Time[rows[hi]] == t {
			i := rows[hi]
			in := g.x[i][j] <= v
			gone++
			if in {
				goneLeft++
			}
			if g.l.Event[i] != 0 {
				d++
				if in {
					dl++
				}
			}
			hi++
		}
		if d > 0 && n > 1 {
			share := left / n
			diff += dl - d*share
			variance += d * share * (1 - share) * (n - d) / (n - 1)
		}
		n -= gone
		left -= goneLeft
		lo = hi
	}
	if variance <= 0 {
		return 0
	}
	return diff * diff / variance
}

// leaf is the Nelson–Aalen estimate of rows at the forest's times.
func (g *grower) leaf(rows []int) []float32 {
	out := make([]float32, len(g.times))
	n, h := float64(len(rows)), 0.0
	at := 0
	for lo := 0; lo < len(rows); {
		t := g.l.Time[rows[lo]]
		for at < len(g.times) && g.times[at] < t {
			out[at] = float32(h)
			at++
		}
		d, hi := 0.0, lo
		for hi < len(rows) && g.l.Time[rows[hi]] == t {
			if g.l.Event[rows[hi]] != 0 {
				d++
			}
			hi++
		}
		h += d / n
		n -= float64(hi - lo)
		lo = hi
	}
	for ; at < len(g.times); at++ {
		out[at] = float32(h)
	}
	return out
}

// CumulativeHazard is the mean over trees, [person][time].
func (f *Forest) CumulativeHazard(x [][]float64) [][]float64 {
	out := make([][]float64, len(x))
	for i, row := range x {
		sum := make([]float64, len(f.Times))
		for _, t := range f.trees {
			n := t.nodes[0]
			for n.feature >= 0 {
				if row[n.feature] <= n.at {
					n = t.nodes[n.left]
				} else {
					n = t.nodes[n.right]
				}
			}
			for k, h := range t.hazard[n.left] {
				sum[k] += float64(h)
			}
		}
		for k := range sum {
			sum[k] /= float64(len(f.trees))
		}
		out[i] = sum
	}
	return out
}

// Survival is exp(−cumulative hazard), from time 0.
func (f *Forest) Survival(x [][]float64) Curves {
	c := newCurves(append([]float64{0}, f.Times...), len(x))
	for i, h := range f.CumulativeHazard(x) {
		c.Values[0][i] = 1
		for t, v := range h {
			c.Values[t+1][i] = math.Exp(-v)
		}
	}
	return c
}

// Mortality is the sum of the cumulative hazard over time, the forest's risk score.
func (f *Forest) Mortality(x [][]float64) []float64 {
	out := make([]float64, len(x))
	for i, h := range f.CumulativeHazard(x) {
		for _, v := range h {
			out[i] += v
		}
	}
	return out
}
