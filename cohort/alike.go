package cohort

import (
	"cmp"
	"context"
	"runtime"
	"slices"
)

// What it takes for two items to be the same once one is laid over the other. Among 95 lung clips, 208 volumes of the hippocampus, 526
// cine MR frames and 24 echo clips, three frames of items that differ correlate at 0.79 at most (0.73 outside the lung); copies that were
// mirrored, cropped by up to a tenth on each side or cut in time reach 0.84 and mostly 0.9, with sketches of 0.75 and more. One pair of lung
// clips, one video cut out in two sizes and filed under two patients, a man and a woman, reaches 0.95.
const (
	nearSketches = 3    // how many of the likest items of other patients each item is laid over
	nearSketch   = 0.75 // cosine of their sketches
	nearMeans    = 0.7  // correlation of their means over time, before any frame is decoded again
	nearAligned  = 0.85 // correlation of frames
)

// alike gives add the pairs of files, the lower first, that show the same once one is cropped, moved, mirrored, brightened or cut in time:
// candidates by their sketches, then three frames of the one, each laid over all frames of the other. Pairs that are never to be
// compared are left out.
func alike(ctx context.Context, files []file, facts []Facts, never func(a, b int) bool, add func(a, b int, likeness float64)) error {
	pairs := candidates(ctx, facts, never)
	likeness := make([]float64, len(pairs))
	parallel(runtime.GOMAXPROCS(0), len(pairs), func(i int) {
		if ctx.Err() == nil {
			likeness[i] = laid(ctx, files, facts, pairs[i])
		}
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	for i, p := range pairs {
		if likeness[i] >= nearAligned {
			add(p[0], p[1], likeness[i])
		}
	}
	return nil
}

// candidates are pairs of files, the lower first, of which one is among the likest of the other. The time is quadratic in the items: 10,000
// are compared in about half a minute of one core.
func candidates(ctx context.Context, facts []Facts, never func(a, b int) bool) [][2]int {
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
			if like < nearSketch || len(best) == nearSketches && like <= best[nearSketches-1].like {
				continue
			}
			best = append(best, near{b, like})
			slices.SortStableFunc(best, func(x, y near) int { return cmp.Compare(y.like, x.like) })
			best = best[:min(len(best), nearSketches)]
		}
		found[a] = best
	})
	var out [][2]int
	for a, best := range found {
		for _, n := range best {
			out = append(out, [2]int{min(a, n.file), max(a, n.file)})
		}
	}
	slices.SortFunc(out, func(x, y [2]int) int { return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1])) })
	return slices.Compact(out)
}

// laid is how well the frames of one of the pair are found in the other, placed as their means are; 0 where either cannot be read again.
func laid(ctx context.Context, files []file, facts []Facts, pair [2]int) float64 {
	a, b := facts[pair[0]].sketch, facts[pair[1]].sketch
	_, mirrored := a.like(b)
	p, r := align(a.mean, b.mean, mirrored)
	if r < nearMeans {
		return 0
	}
	var frames [2][][]float64
	for i, f := range pair {
		cl, err := clipReader.open(ctx, source{path: files[f].Path})
		if err != nil {
			return 0
		}
		if frames[i] = details(samplesOf(cl), cl.T); len(frames[i]) == 0 {
			return 0
		}
	}
	return max(contained(frames[0], frames[1], p, false), contained(frames[1], frames[0], p, true))
}
