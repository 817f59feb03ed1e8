package pixels

import "slices"

// countStrokes counts, in squares of 16 × 16, the pixels that are bright beside a dark one: what letters are full of.
func countStrokes(g []uint8, w, h int) []uint8 {
	bw := (w + block - 1) / block
	out := make([]uint8, bw*((h+block-1)/block))
	for y := range h {
		row := g[y*w : (y+1)*w]
		counts := out[y/block*bw:]
		for x := 2; x < len(row); x++ {
			d := int(row[x]) - int(row[x-2])
			if d > 48 || d < -48 {
				if c := &counts[x/block]; *c < 255 {
					*c++
				}
			}
		}
	}
	return out
}

const (
	surprising = 28 // strokes in three neighbouring squares above all that was examined: three letters have as many
	mostKeys   = 20 // frames that are examined at most
)

// Surprises chooses the frames to examine from every frame's strokes (by squares, columns a row): the first, the middle and the last one, and
// as long as some frame has strokes where no chosen one has, the frame that has most of them.
func Surprises(strokes [][]uint8, columns int) []int {
	n := len(strokes)
	chosen := slices.Compact([]int{0, n / 2, n - 1})
	seen := make([]uint8, len(strokes[0]))
	see := func(i int) {
		for k, v := range strokes[i] {
			seen[k] = max(seen[k], v)
		}
	}
	for _, i := range chosen {
		see(i)
	}
	for len(chosen) < mostKeys {
		best, at := surprising, -1
		for i, s := range strokes {
			if v := surprise(s, seen, columns); v > best {
				best, at = v, i
			}
		}
		if at < 0 {
			break
		}
		chosen = append(chosen, at)
		see(at)
	}
	slices.Sort(chosen)
	return chosen
}

// surprise is the most strokes in three neighbouring squares that were not seen before.
func surprise(s, seen []uint8, columns int) int {
	best := 0
	for k := range s {
		sum := 0
		for j := k; j < min(k+3, (k/columns+1)*columns, len(s)); j++ {
			sum += max(0, int(s[j])-int(seen[j]))
		}
		best = max(best, sum)
	}
	return best
}
