package cohort

import (
	"cmp"
	"context"
	"math"
	"runtime"
	"slices"

	"github.com/cineloop/cineloop/stats"
)

// What it takes for two items to be the same once one is laid over the other. Among 95 lung clips, 526 cine MR frames and 24 echo clips,
// three frames of items that differ correlate at 0.79 at most (0.72 outside the lung); copies that were mirrored, cropped by up to a tenth on
// each side or cut in time reach 0.84 and mostly 0.9, with sketches of 0.75 and more. One pair of lung clips, one video cut out in two
// sizes and filed under two patients, a man and a woman, reaches 0.95.
//
// Pictures that hold little, such as digits or simple shapes, are all alike once aligned: in a cohort of such the limit rises with what
// its likest pairs reach, and pictures smaller than a thumbnail are left to the other checks.
const (
	nearSketches = 3    // how many of the likest items of other patients each item is laid over
	nearSketch   = 0.75 // cosine of their sketches
	nearMeans    = 0.7  // correlation of their means over time, before any frame is decoded again
	nearAligned  = 0.85 // correlation of frames, at least
	nearFew      = 0.95 // the same where fewer pairs than fencePairs tell what is usual
	fencePairs   = 30
	fenceSpans   = 3 // quartile ranges above the upper quartile of the means' correlations, in Fisher's z: Tukey's outer fence
)

// aligned are two files and how the one lies best over the other.
type aligned struct {
	files [2]int // the lower first
	at    placement
	r     float64 // of their means over time
}

// alike gives add the pairs of files, the lower first, that show the same once one is cropped, moved, mirrored, brightened or cut in time:
// candidates by their sketches, then three frames of the one, each laid over all frames of the other. Pairs that are never to be
// compared are left out.
func alike(ctx context.Context, files []file, facts []Facts, never func(a, b int) bool, add func(a, b int, likeness float64)) error {
	pairs := candidates(ctx, facts, never)
	likeness := make([]float64, len(pairs))
	each := func(do func(i int)) error {
		parallel(runtime.GOMAXPROCS(0), len(pairs), func(i int) {
			if ctx.Err() == nil {
				do(i)
			}
		})
		return ctx.Err()
	}
	if err := each(func(i int) { pairs[i].align(facts) }); err != nil {
		return err
	}
	limit := unusual(pairs)
	if err := each(func(i int) { likeness[i] = pairs[i].laid(ctx, files) }); err != nil {
		return err
	}
	for i, p := range pairs {
		if likeness[i] >= limit {
			add(p.files[0], p.files[1], likeness[i])
		}
	}
	return nil
}

// unusual is the likeness from which a pair stands out of the cohort's likest pairs.
func unusual(pairs []aligned) float64 {
	if len(pairs) < fencePairs {
		return nearFew
	}
	z := make([]float64, len(pairs))
	for i, p := range pairs {
		z[i] = math.Atanh(min(p.r, 1-1e-9))
	}
	slices.Sort(z)
	low, high := stats.Quantile(z, 0.25), stats.Quantile(z, 0.75)
	return max(nearAligned, math.Tanh(high+fenceSpans*(high-low)))
}

// candidates are pairs of files of which one is among the likest of the other: the likest however like it is, which tells what is usual. The time is quadratic in the items: 10,000
// are compared in about half a minute of one core.
func candidates(ctx context.Context, facts []Facts, never func(a, b int) bool) []aligned {
	type near struct {
		file int
		like float32
	}
	found := make([][]near, len(facts))
	parallel(runtime.GOMAXPROCS(0), len(facts), func(a int) {
		if facts[a].sketch == nil || ctx.Err() != nil {
			return
		}
		var best []near
		for b := range facts {
			if b == a || facts[b].sketch == nil || never(min(a, b), max(a, b)) {
				continue
			}
			like, _ := facts[a].sketch.like(facts[b].sketch)
			if like < nearSketch && len(best) > 0 && like <= best[0].like || len(best) == nearSketches && like <= best[nearSketches-1].like {
				continue
			}
			best = append(best, near{b, like})
			slices.SortStableFunc(best, func(x, y near) int { return cmp.Compare(y.like, x.like) })
			for len(best) > nearSketches || len(best) > 1 && best[len(best)-1].like < nearSketch {
				best = best[:len(best)-1]
			}
		}
		found[a] = best
	})
	var out []aligned
	for a, best := range found {
		for _, n := range best {
			out = append(out, aligned{files: [2]int{min(a, n.file), max(a, n.file)}})
		}
	}
	slices.SortFunc(out, func(x, y aligned) int { return slices.Compare(x.files[:], y.files[:]) })
	return slices.Compact(out)
}

// align lays the means over time over each other.
func (p *aligned) align(facts []Facts) {
	a, b := facts[p.files[0]].sketch, facts[p.files[1]].sketch
	_, mirrored := a.like(b)
	p.at, p.r = align(a.mean, b.mean, mirrored)
}

// laid is how well the frames of one of the pair are found in the other, placed as their means are; 0 where either cannot be read again.
func (p *aligned) laid(ctx context.Context, files []file) float64 {
	if p.r < nearMeans {
		return 0
	}
	var frames [2][][]float64
	for i, f := range p.files {
		cl, err := clipReader.open(ctx, source{path: files[f].Path})
		if err != nil {
			return 0
		}
		if frames[i] = details(samplesOf(cl), cl.T); len(frames[i]) == 0 {
			return 0
		}
	}
	return max(contained(frames[0], frames[1], p.at, false), contained(frames[1], frames[0], p.at, true))
}
