package stats

import (
	"context"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"gonum.org/v1/gonum/stat/distuv"
)

// Bootstrap resamples clusters with replacement (Efron and Tibshirani 1993; the cluster form of Davison and Hinkley 1997, section
// 3.8): all rows of a drawn patient come along, as often as the patient is drawn.
type Bootstrap struct {
	Resamples int     // default 1000
	Level     float64 // default 0.95
	Seed      Seed
	Name      string // separates the streams of different bootstraps of one seed
	BCa       bool   // bias-corrected and accelerated intervals (Efron 1987), which cost one more evaluation a cluster
	Workers   int    // default all cores; the result does not depend on it
}

// Statistics computes out[j] on the rows, row i counting weight[i] times (a whole number, 0 for rows not drawn). NaN means undefined
// on this resample. It is called from several goroutines at once and must not keep weight or out.
type Statistics func(weight []float64, out []float64)

// Draws are the values of k statistics on the data, on each resample, and (for BCa) with each cluster left out.
type Draws struct {
	Point    []float64   // [k]
	Resample [][]float64 // [k][Resamples]
	jack     [][]float64 // [k][clusters]; nil without BCa
	level    float64
}

// Clusters are the rows of each distinct key, in the keys' sorted order, so that the order of rows does not matter. Rows with an
// empty key stand alone.
func Clusters(keys []string) [][]int {
	rows := make(map[string][]int, len(keys))
	var names []string
	var alone [][]int
	for i, k := range keys {
		if k == "" {
			alone = append(alone, []int{i})
			continue
		}
		if rows[k] == nil {
			names = append(names, k)
		}
		rows[k] = append(rows[k], i)
	}
	slices.Sort(names)
	out := make([][]int, 0, len(names)+len(alone))
	for _, k := range names {
		out = append(out, rows[k])
	}
	return append(out, alone...)
}

// Run evaluates k statistics of n rows on the data and on every resample of clusters. The error is ctx's.
func (b Bootstrap) Run(ctx context.Context, clusters [][]int, n, k int, stat Statistics) (*Draws, error) {
	if b.Resamples <= 0 {
		b.Resamples = 1000
	}
	if b.Level == 0 {
		b.Level = 0.95
	}
	d := &Draws{Point: make([]float64, k), level: b.Level, Resample: matrix(k, b.Resamples)}
	ones := make([]float64, n)
	for _, rows := range clusters {
		for _, r := range rows {
			ones[r] = 1
		}
	}
	stat(ones, d.Point)
	jobs := b.Resamples
	if b.BCa {
		d.jack = matrix(k, len(clusters))
		jobs += len(clusters)
	}
	b.parallel(ctx, jobs, n, k, func(job int, weight, out []float64) {
		if job < b.Resamples {
			clear(weight)
			rng := b.Seed.Stream("bootstrap", b.Name, job)
			for range clusters {
				for _, r := range clusters[rng.IntN(len(clusters))] {
					weight[r]++
				}
			}
			stat(weight, out)
			scatter(d.Resample, job, out)
			return
		}
		copy(weight, ones)
		for _, r := range clusters[job-b.Resamples] {
			weight[r] = 0
		}
		stat(weight, out)
		scatter(d.jack, job-b.Resamples, out)
	})
	return d, ctx.Err()
}

// parallel runs jobs on the workers, each with its own weight and output slices.
func (b Bootstrap) parallel(ctx context.Context, jobs, n, k int, do func(job int, weight, out []float64)) {
	workers := b.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(workers, jobs) {
		wg.Go(func() {
			weight, out := make([]float64, n), make([]float64, k)
			for ctx.Err() == nil {
				job := int(next.Add(1)) - 1
				if job >= jobs {
					return
				}
				do(job, weight, out)
			}
		})
	}
	wg.Wait()
}

func matrix(k, n int) [][]float64 {
	flat := make([]float64, k*n)
	out := make([][]float64, k)
	for j := range out {
		out[j] = flat[j*n : (j+1)*n : (j+1)*n]
	}
	return out
}

func scatter(dst [][]float64, at int, values []float64) {
	for j, v := range values {
		dst[j][at] = v
	}
}

// Interval is that of statistic j: BCa where the bootstrap asked for it and it is defined, else percentile. Resamples on which the
// statistic is undefined are left out; with fewer than half of them (or fewer than 20) left, or with all values equal (no spread to
// judge by), there is no interval: see [Draws.Degenerate].
func (d *Draws) Interval(j int) Interval {
	return d.interval(d.Point[j], d.Resample[j], func() []float64 {
		if d.jack == nil {
			return nil
		}
		return d.jack[j]
	})
}

// Difference is the value and interval of statistic a minus statistic b on the same resamples.
func (d *Draws) Difference(a, b int) (float64, Interval) {
	minus := func(x, y []float64) []float64 {
		out := make([]float64, len(x))
		for i := range x {
			out[i] = x[i] - y[i]
		}
		return out
	}
	point := d.Point[a] - d.Point[b]
	return point, d.interval(point, minus(d.Resample[a], d.Resample[b]), func() []float64 {
		if d.jack == nil {
			return nil
		}
		return minus(d.jack[a], d.jack[b])
	})
}

// Degenerate reports whether statistic j has one and the same value on every resample where it is defined.
func (d *Draws) Degenerate(j int) bool {
	kept := defined(d.Resample[j])
	return len(kept) > 0 && slices.Min(kept) == slices.Max(kept)
}

// Undefined is the share of resamples on which statistic j is undefined.
func (d *Draws) Undefined(j int) float64 {
	return 1 - float64(len(defined(d.Resample[j])))/float64(len(d.Resample[j]))
}

func (d *Draws) interval(point float64, draws []float64, jackknife func() []float64) Interval {
	kept := defined(draws)
	if math.IsNaN(point) || len(kept) < 20 || 2*len(kept) < len(draws) {
		return noInterval(d.level, "bootstrap")
	}
	slices.Sort(kept)
	if kept[0] == kept[len(kept)-1] {
		return noInterval(d.level, "bootstrap")
	}
	lo, hi := (1-d.level)/2, (1+d.level)/2
	method := "bootstrap-percentile"
	if a, b, ok := bcaLevels(point, kept, defined(jackknife()), lo, hi); ok {
		lo, hi, method = a, b, "bootstrap-bca"
	}
	return Interval{Low: Quantile(kept, lo), High: Quantile(kept, hi), Level: d.level, Method: method}
}

// bcaLevels moves the tail probabilities lo and hi by the median bias z0 and the acceleration a (Efron and Tibshirani 1993,
// equations 14.10 to 14.15). sorted are the draws.
func bcaLevels(point float64, sorted, jack []float64, lo, hi float64) (float64, float64, bool) {
	if len(jack) < 3 {
		return 0, 0, false
	}
	below, _ := slices.BinarySearch(sorted, point)
	upto, _ := slices.BinarySearch(sorted, math.Nextafter(point, math.Inf(1)))
	z0 := distuv.UnitNormal.Quantile((float64(below) + float64(upto-below)/2) / float64(len(sorted)))
	var mean, s2, s3 float64
	for _, v := range jack {
		mean += v / float64(len(jack))
	}
	for _, v := range jack {
		s2 += (mean - v) * (mean - v)
		s3 += (mean - v) * (mean - v) * (mean - v)
	}
	if s2 == 0 || math.IsInf(z0, 0) {
		return 0, 0, false
	}
	a := s3 / (6 * math.Pow(s2, 1.5))
	if a*(z0+distuv.UnitNormal.Quantile(hi)) >= 1 || a*(z0+distuv.UnitNormal.Quantile(lo)) >= 1 {
		return 0, 0, false // beyond the pole of the correction, where it turns round
	}
	move := func(p float64) float64 {
		z := z0 + distuv.UnitNormal.Quantile(p)
		return distuv.UnitNormal.CDF(z0 + z/(1-a*z))
	}
	return move(lo), move(hi), true
}

// Quantile of sorted values at p in 0..1, linear between order statistics (type 7 of Hyndman and Fan 1996, NumPy's default).
// NaN of none.
func Quantile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 || math.IsNaN(p) {
		return math.NaN()
	}
	h := p * float64(len(sorted)-1)
	i := min(int(h), len(sorted)-2)
	if i < 0 {
		return sorted[0]
	}
	return sorted[i] + (h-float64(i))*(sorted[i+1]-sorted[i])
}

func defined(x []float64) []float64 {
	out := make([]float64, 0, len(x))
	for _, v := range x {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			out = append(out, v)
		}
	}
	return out
}
