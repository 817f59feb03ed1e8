package phantom

import (
	"math"
	"math/rand/v2"
)

// SegmentNames are the 17 segments of Cerqueira et al. (Circulation 2002), index 0 is segment 1.
var SegmentNames = [17]string{
	"basal anterior wall", "basal anteroseptum", "basal inferoseptum", "basal inferior wall", "basal inferolateral wall", "basal anterolateral wall",
	"mid anterior wall", "mid anteroseptum", "mid inferoseptum", "mid inferior wall", "mid inferolateral wall", "mid anterolateral wall",
	"apical anterior wall", "apical septum", "apical inferior wall", "apical lateral wall", "apex",
}

// Directions round the long axis in degrees: the anterolateral wall is at 0, on the right of an apical four-chamber view, and
// angles grow through anterior (60) and septum (120, 180).
var segmentAngle = [17]float64{60, 120, 180, 240, 300, 0, 60, 120, 180, 240, 300, 0, 60, 150, 240, 330, 0}

// Fraction of the long axis from the endocardial apex (0) to the mitral plane (1).
var segmentLevel = [17]float64{.83, .83, .83, .83, .83, .83, .50, .50, .50, .50, .50, .50, .22, .22, .22, .22, .03}

// territories are the segments that coronary arteries feed (Lang 2015, Figure 5), simplified to one owner each.
var territories = [3][]int{
	{0, 1, 6, 7, 12, 13, 16}, // left anterior descending
	{2, 3, 8, 9, 14},         // right
	{4, 5, 10, 11, 15},       // circumflex
}

// drawScores draws wall motion scores: one coronary territory, from a core outwards.
func drawScores(r *rand.Rand, ischaemic, severe bool) [17]int {
	var s [17]int
	for i := range s {
		s[i] = 1
	}
	pick, extent, deep, dys := r.Float64(), r.Float64(), r.Float64(), r.Float64()
	if !ischaemic {
		return s
	}
	t := territories[0]
	if pick > 0.5 {
		t = territories[1]
	}
	if pick > 0.8 {
		t = territories[2]
	}
	n := 2 + int(extent*float64(len(t)-1))
	worst := 3
	if deep < 0.35 && !severe {
		worst = 2
	}
	if worst == 3 && dys < 0.25 {
		worst = 4
	}
	// The end of a territory's list is its apical end, where infarcts are worst.
	for j := range min(n, len(t)) {
		seg := t[len(t)-1-j]
		s[seg] = worst
		if worst == 4 && j > 1 {
			s[seg] = 3
		}
		if j == n-1 {
			s[seg] = 2
		}
	}
	return s
}

// The contraction table covers direction × level in steps of 5 degrees × 1/24 of the long axis.
const (
	contractionAngles = 72
	contractionLevels = 25
)

// contraction is each place's share of the healthy inward motion: 1 normal, 0.5 hypokinetic, 0 akinetic, below 0 dyskinetic.
type contraction [contractionLevels][contractionAngles]float32

// newContraction blends the segments' shares with a Gaussian of 25 degrees and 0.12 of the long axis. dys is the share with which
// a dyskinetic segment ends 10 % wider than at end-diastole. It is nil when every segment is normal.
func newContraction(scores [17]int, dys float64) *contraction {
	share := [5]float64{0, 1, 0.5, 0, dys}
	normal := true
	for _, s := range scores {
		normal = normal && s == 1
	}
	if normal {
		return nil
	}
	c := new(contraction)
	for l := range contractionLevels {
		for a := range contractionAngles {
			level, angle := float64(l)/(contractionLevels-1), float64(a)*360/contractionAngles
			var sum, weight float64
			for s, score := range scores {
				da := math.Abs(math.Remainder(angle-segmentAngle[s], 360)) / 25
				if s == 16 {
					da = 0
				}
				dl := (level - segmentLevel[s]) / 0.12
				w := math.Exp(-0.5*(da*da+dl*dl)) + 1e-12
				sum += w * share[score]
				weight += w
			}
			c[l][a] = float32(sum / weight)
		}
	}
	return c
}

// at reads the table at a direction (degrees) and level, bilinearly.
func (c *contraction) at(angle, level float32) float32 {
	l := min(max(level, 0), 1) * (contractionLevels - 1)
	li := min(int(l), contractionLevels-2)
	lf := l - float32(li)
	a := angle * (contractionAngles / 360.0)
	if a < 0 {
		a += contractionAngles
	}
	ai := int(a)
	af := a - float32(ai)
	ai %= contractionAngles
	aj := (ai + 1) % contractionAngles
	lo := c[li][ai] + af*(c[li][aj]-c[li][ai])
	hi := c[li+1][ai] + af*(c[li+1][aj]-c[li+1][ai])
	return lo + lf*(hi-lo)
}
