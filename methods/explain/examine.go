package explain

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
)

// Criteria are the limits that a map must keep. The zero value means [DefaultCriteria].
type Criteria struct {
	Fraction   float64 `json:"fraction"` // of the input that the region test masks
	Shifts     int     // random places that it compares with
	PValue     float64 `json:"p_value"`    // largest p of the region test
	Randomised float64 `json:"randomised"` // largest rank correlation with the map of the network with random weights
	Edge       float64 `json:"edge"`       // largest rank correlation with edge strength
	Fill       Fill    `json:"fill"`
}

// DefaultCriteria: the top 10 % against 99 other places at p ≤ 0.05; rank correlations of at most 0.5 with the randomised network's map
// and 0.7 with edges. The first is a convention of testing; the other two are ours, stated so that they can be argued with.
var DefaultCriteria = Criteria{Fraction: 0.1, Shifts: 99, PValue: 0.05, Randomised: 0.5, Edge: 0.7, Fill: FillMean}

// Finding is a map's one-word verdict.
type Finding string

// The findings.
const (
	Supported    Finding = "supported"
	NotSupported Finding = "not supported" // hiding it matters no more than hiding something else
	EdgeDetector Finding = "edge detector" // no different from the input's edges
	Unstable     Finding = "unstable"      // the same with random weights, or another with a little noise
	PixelValues  Finding = "pixel values"  // no different from the map of the same pixels in another order
	Empty        Finding = "empty"         // the map is zero everywhere
)

// Verdict is what may be said of a map. It marshals to JSON; rank correlations that do not exist are null.
type Verdict struct {
	Finding    Finding      `json:"finding"`
	Words      string       `json:"words"`
	Region     RegionResult `json:"region"`
	Randomised *float64     `json:"rank_correlation_randomised"`
	Edge       *float64     `json:"rank_correlation_edges"`
}

// Examination is what [Examine] needs.
type Examination struct {
	Input      Input
	Map        *Map   // at the input's resolution
	Randomised *Map   // the same method's map of the network with random weights, at the input's resolution
	Grid       [3]int // the resolution [t, h, w] at which the method works (the layer's), for a fair comparison with edges
	Score      ScoreFunc
	Criteria   Criteria
	Effect     string // what a fall of the score is, in words; default "lowers the score by"
	Rand       *rand.Rand
}

// Examine tests a map and says in words what it is worth.
func Examine(ctx context.Context, e Examination) (Verdict, error) {
	if e.Criteria == (Criteria{}) {
		e.Criteria = DefaultCriteria
	}
	if e.Effect == "" {
		e.Effect = "lowers the score by"
	}
	if e.Map == nil || e.Randomised == nil {
		return Verdict{}, errors.New("explain: a map is examined together with its randomised control; one of them is missing")
	}
	c := e.Criteria
	region, err := RegionTest(ctx, e.Input, e.Map, c.Fraction, c.Shifts, c.Fill, e.Rand, e.Score)
	if err != nil {
		return Verdict{}, err
	}
	edges, err := Edges(e.Input, e.Grid[0], e.Grid[1], e.Grid[2])
	if err != nil {
		return Verdict{}, err
	}
	randomised, edge := RankCorrelation(e.Map, e.Randomised), RankCorrelation(e.Map, edges)
	v := Verdict{Region: region, Randomised: finite(randomised), Edge: finite(edge)}
	v.Finding, v.Words = judge(c, e.Map, e.Effect, region, randomised, edge)
	return v, nil
}

func judge(c Criteria, m *Map, effect string, region RegionResult, randomised, edge float64) (Finding, string) {
	zero := true
	for _, v := range m.Values {
		zero = zero && v == 0
	}
	median := region.Random[len(region.Random)/2]
	hiding := fmt.Sprintf("hiding the highlighted %.0f %% %s %.3g, hiding the same shape elsewhere %.3g (median of %d places; p = %.2g)",
		100*region.Fraction, effect, region.Fall, median, len(region.Random), region.PValue)
	switch {
	case zero:
		return Empty, "Nothing is highlighted: no position of this layer speaks for the score."
	case randomised > c.Randomised:
		return Unstable, fmt.Sprintf("Do not read this map: with random weights it is much the same (rank correlation %.2f).", randomised)
	case edge > c.Edge:
		return EdgeDetector, fmt.Sprintf("Do not read this map: it follows the image's edges (rank correlation %.2f).", edge)
	case region.PValue > c.PValue || region.Fall <= 0:
		return NotSupported, "Not supported: " + hiding + "."
	}
	return Supported, "Supported: " + hiding + "."
}

// minStability is the least rank correlation with the maps of slightly noisy inputs that a map may have: ours, stated to be argued with.
const minStability = 0.5

// Shaken takes a verdict back when small noise makes another map.
func (v *Verdict) Shaken(s Stability) {
	if v.Finding == Supported && s.Spearman != nil && *s.Spearman < minStability {
		v.Finding = Unstable
		v.Words = fmt.Sprintf("Do not read this map: noise of %.0f %% of the input's deviation makes another (rank correlation %.2f).", 100*s.Noise, *s.Spearman)
	}
}

// Relabelled takes a verdict back when the map of a network that learnt shuffled labels is much the same: what it shows is then the
// picture, not what was learnt. The limit is that of random weights.
func (v *Verdict) Relabelled(s Similarity) {
	if v.Finding == Supported && s.Spearman != nil && *s.Spearman > DefaultCriteria.Randomised {
		v.Finding = Unstable
		v.Words = fmt.Sprintf("Do not read this map: a network that learnt shuffled labels has much the same (rank correlation %.2f).", *s.Spearman)
	}
}

// Finite is a pointer to x, or nil where x is no number that JSON can hold.
func Finite(x float64) *float64 { return finite(x) }

func finite(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}
