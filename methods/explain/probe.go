package explain

import (
	"fmt"
	"math"

	"github.com/cineloop/cineloop/stats"
)

// View is a part of the picture that a disease should not show in, or the whole for comparison.
type View string

// The views of a hunt for shortcuts.
const (
	Whole   View = "the whole picture"
	Corners View = "the corners"        // four squares of a fifth of the shorter side
	Outside View = "outside the sector" // where nothing of the tissue moves: text, marks, logos, and the sector's own outline
	Table   View = "the table"          // a column or a fact of the file, judged by the cohort's check
)

// views are those made of pixels.
var views = []View{Whole, Corners, Outside}

// probeGrid is the side of the grid that a probe sees a view at, and probeFolds over how many groups of patients its scores are out of fold.
const probeGrid, probeFolds = 14, 5

// Probe is how well a linear classifier tells a target from one view alone.
type Probe struct {
	View  View     `json:"view"`
	AUROC float64  `json:"auroc"` // out of fold
	Low   *float64 `json:"low"`   // interval by patient, at the level that the number of views asks for
	High  *float64 `json:"high"`
	Tells bool     `json:"tells"` // Low is above 0.5
}

// Prober gathers what views show of a cohort, an input at a time.
type Prober struct {
	seen     map[View][][]float64
	positive []bool
	patients []string
}

// NewProber is a prober without inputs.
func NewProber() *Prober { return &Prober{seen: map[View][][]float64{}} }

// Add takes an input with its answer and patient. Only the time-mean of each view on a coarse grid is kept.
func (p *Prober) Add(in Input, positive bool, patient string) error {
	if err := in.check(); err != nil {
		return err
	}
	for _, v := range views {
		p.seen[v] = append(p.seen[v], features(in, v))
	}
	p.positive, p.patients = append(p.positive, positive), append(p.patients, patient)
	return nil
}

// least is how many of each answer a probe needs.
const least = 10

// Except is everything but the view, in every frame: hiding it shows the view alone.
func Except(in Input, v View) Region {
	r := Region{Name: "all but " + string(v)}
	show := in.view(v)
	for i := range in.T * in.H * in.W {
		if !show[i%(in.H*in.W)] {
			r.At = append(r.At, i)
		}
	}
	return r
}

// Probes are the views' results, the whole picture first. It is an error to ask with fewer than ten of either answer.
func (p *Prober) Probes(seed stats.Seed) ([]Probe, error) {
	yes := 0
	for _, v := range p.positive {
		if v {
			yes++
		}
	}
	if yes < least || len(p.positive)-yes < least {
		return nil, fmt.Errorf("explain: %d and %d of either answer are too few to hunt for shortcuts; %d are needed", yes, len(p.positive)-yes, least)
	}
	fold := make([]int, len(p.patients))
	of := map[string]int{}
	for i, patient := range p.patients {
		k, known := of[patient]
		if !known {
			k = seed.Stream("probe", patient).IntN(probeFolds)
			of[patient] = k
		}
		fold[i] = k
	}
	var out []Probe
	for _, v := range views {
		a := stats.DeLongClustered(outOfFold(p.seen[v], p.positive, fold), p.positive, stats.Clusters(p.patients))
		iv := a.Interval(1 - 0.05/float64(len(views)-1))
		out = append(out, Probe{View: v, AUROC: a.Area, Low: finite(iv.Low), High: finite(iv.High), Tells: iv.Defined() && iv.Low > 0.5})
	}
	return out, nil
}

// features is the mean over time and channels of a view, on a grid; what is not in the view is 0. The outside has its own shape beside its
// values: how wide a sector was set is a shortcut too.
func features(in Input, v View) []float64 {
	show := in.view(v)
	m, shape := NewMap(1, in.H, in.W), NewMap(1, in.H, in.W)
	plane := in.H * in.W
	for i, shown := range show {
		if !shown {
			continue
		}
		shape.Values[i] = 1
		sum := 0.0
		for p := range in.C * in.T {
			sum += float64(in.X[p*plane+i])
		}
		m.Values[i] = float32(sum / float64(in.C*in.T))
	}
	out := widen(m.pool(1, probeGrid, probeGrid).Values)
	if v == Outside {
		out = append(out, widen(shape.pool(1, probeGrid, probeGrid).Values)...)
	}
	return out
}

// view says which positions [H, W] belong to a view.
func (in Input) view(v View) []bool {
	show := make([]bool, in.H*in.W)
	side := max(1, min(in.H, in.W)/5)
	var tissue []bool
	if v == Outside {
		tissue = in.sector()
	}
	for i := range show {
		y, x := i/in.W, i%in.W
		switch v {
		case Corners:
			show[i] = (y < side || y >= in.H-side) && (x < side || x >= in.W-side)
		case Outside:
			show[i] = !tissue[i]
		default:
			show[i] = true
		}
	}
	return show
}

// RegionOfView is the view as a region of the input, in every frame; empty for the outside of an input that is all tissue.
func RegionOfView(in Input, v View) Region {
	r := Region{Name: string(v)}
	show := in.view(v)
	for i := range in.T * in.H * in.W {
		if show[i%(in.H*in.W)] {
			r.At = append(r.At, i)
		}
	}
	return r
}

// sector guesses where tissue is: positions that change over time by more than a fifth of the typical change, the largest connected part of
// them, filled along rows and columns. A still input is all tissue.
func (in Input) sector() []bool {
	plane := in.H * in.W
	change := make([]float64, plane)
	peak := 0.0
	for i := range change {
		for c := range in.C {
			var sum, square float64
			for t := range in.T {
				v := float64(in.X[(c*in.T+t)*plane+i])
				sum, square = sum+v, square+v*v
			}
			mean := sum / float64(in.T)
			change[i] += math.Sqrt(max(0, square/float64(in.T)-mean*mean))
		}
		peak += change[i] / float64(plane)
	}
	moves := make([]bool, plane)
	for i, v := range change {
		moves[i] = peak == 0 || v > 0.2*peak
	}
	return fillGaps(largest(moves, in.H, in.W), in.H, in.W)
}

// largest is the largest part of a mask that is connected along rows, columns and diagonals.
func largest(mask []bool, h, w int) []bool {
	part := make([]int, len(mask))
	best, size, next := 0, 0, 0
	for i := range mask {
		if !mask[i] || part[i] != 0 {
			continue
		}
		next++
		part[i] = next
		n := 0
		for todo := []int{i}; len(todo) > 0; n++ {
			p := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			for y := max(0, p/w-1); y <= min(h-1, p/w+1); y++ {
				for x := max(0, p%w-1); x <= min(w-1, p%w+1); x++ {
					if q := y*w + x; mask[q] && part[q] == 0 {
						part[q] = next
						todo = append(todo, q)
					}
				}
			}
		}
		if n > size {
			best, size = next, n
		}
	}
	out := make([]bool, len(mask))
	for i := range out {
		out[i] = best > 0 && part[i] == best
	}
	return out
}

// fillGaps adds what lies between two positions of the mask both in its row and in its column.
func fillGaps(mask []bool, h, w int) []bool {
	between := func(n int, at func(i int) int) []bool {
		lo, hi := -1, -1
		for i := range n {
			if mask[at(i)] {
				if lo < 0 {
					lo = i
				}
				hi = i
			}
		}
		out := make([]bool, n)
		for i := range out {
			out[i] = lo >= 0 && i >= lo && i <= hi
		}
		return out
	}
	row := make([]bool, len(mask))
	for y := range h {
		copy(row[y*w:], between(w, func(x int) int { return y*w + x }))
	}
	out := make([]bool, len(mask))
	for x := range w {
		for y, b := range between(h, func(y int) int { return y*w + x }) {
			out[y*w+x] = b && row[y*w+x]
		}
	}
	return out
}
