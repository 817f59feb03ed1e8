package explain

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/stats"
)

// glove: players 0 and 1 have left gloves, 2 a right one; a pair is worth 1. Shapley values 1/6, 1/6, 4/6 (textbook).
func glove(p []bool) (float64, error) {
	if p[2] && (p[0] || p[1]) {
		return 1, nil
	}
	return 0, nil
}

func close(t *testing.T, what string, got []float64, tol float64, want ...float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s = %v, want %v", what, got, want)
	}
	for i := range got {
		if !(math.Abs(got[i]-want[i]) <= tol) {
			t.Errorf("%s = %v, want %v", what, got, want)
			return
		}
	}
}

func TestShapleyByHand(t *testing.T) {
	phi, empty, err := ExactShapley(3, glove)
	if err != nil || empty != 0 {
		t.Fatal(empty, err)
	}
	close(t, "exact", phi, 1e-12, 1./6, 1./6, 4./6)
	phi, _, err = KernelSHAP(3, 0, nil, glove)
	if err != nil {
		t.Fatal(err)
	}
	close(t, "kernel", phi, 1e-12, 1./6, 1./6, 4./6)
	phi, _, err = KernelSHAP(3, 4000, stats.Seed(1).Stream("k"), glove)
	if err != nil {
		t.Fatal(err)
	}
	close(t, "kernel, sampled", phi, 0.03, 1./6, 1./6, 4./6)
	phi, se, err := SampledShapley(3, 2000, stats.Seed(1).Stream("s"), glove)
	if err != nil {
		t.Fatal(err)
	}
	close(t, "sampled", phi, 4*slices.Max(se)+1e-9, 1./6, 1./6, 4./6)
	// Pairwise index of 0 and 2: half of (1−0−0) without 1, half of (1−1−0+0) with it.
	in, err := Interactions(3, glove)
	if err != nil {
		t.Fatal(err)
	}
	close(t, "interactions", []float64{in[0][1], in[0][2], in[1][2], in[0][0]}, 1e-12, -0.5, 0.5, 0.5, 0)
	if _, _, err := ExactShapley(13, glove); err == nil {
		t.Error("13 players were enumerated")
	}
	one := func(p []bool) (float64, error) {
		if p[0] {
			return 5, nil
		}
		return 2, nil
	}
	if phi, empty, err := KernelSHAP(1, 0, nil, one); err != nil || phi[0] != 3 || empty != 2 {
		t.Errorf("one player: %v, %v, %v", phi, empty, err)
	}
}

func TestDependence(t *testing.T) {
	rows := [][]float64{{0, 1}, {1, 2}, {2, 3}, {3, 4}}
	score := func(rows [][]float64) ([]float64, error) { // 2·a + b²
		out := make([]float64, len(rows))
		for i, r := range rows {
			out[i] = 2*r[0] + r[1]*r[1]
		}
		return out, nil
	}
	pd, err := PartialDependence(rows, 0, []float64{0, 10}, score)
	if err != nil {
		t.Fatal(err)
	}
	close(t, "partial dependence", pd, 1e-12, 7.5, 27.5) // mean of b² = 30/4
	ale, err := AccumulatedEffects(rows, 0, []float64{0, 1, 3}, score)
	if err != nil {
		t.Fatal(err)
	}
	// Slope 2: 0, 2, 6, centred by bins' mid values 1 and 4 with two rows each: mean 2.5.
	close(t, "accumulated effects", ale, 1e-12, -2.5, -0.5, 3.5)
	if _, err := AccumulatedEffects(rows, 0, []float64{1, 0}, score); err == nil {
		t.Error("descending edges passed")
	}
	// The image as one player: groups {0} and {1}, absent from a background of zeros.
	phi, _, err := ExactShapley(2, Absent([]float64{3, 4}, [][]float64{{0, 0}}, [][]int{{0}, {1}}, score))
	if err != nil {
		t.Fatal(err)
	}
	close(t, "groups", phi, 1e-12, 6, 16)
	rise, err := PermutationImportance(rows, []int{1}, []int{3, 2, 1, 0}, func(rows [][]float64) (float64, error) { return rows[0][1], nil })
	if err != nil || rise != 3 {
		t.Errorf("permutation importance %v, %v", rise, err)
	}
	// Only column 0 is used: the other's SAGE value is 0, its own the variance of what it explains.
	phi, _, err = SAGE(rows, [][]int{{0}, {1}}, 50, 4, stats.Seed(1).Stream("sage"), func(s []float64) float64 {
		sum := 0.0
		for i, v := range s {
			sum += (v - rows[i][0]) * (v - rows[i][0]) / float64(len(s))
		}
		return sum
	}, func(rows [][]float64) ([]float64, error) {
		var out []float64
		for _, r := range rows {
			out = append(out, r[0])
		}
		return out, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	close(t, "SAGE", phi, 0.25, 1.25, 0)
}

func TestRegionsByHand(t *testing.T) {
	in := Input{1, 1, 1, 4, []float32{1, 2, 3, 10}}
	sum := func(x []float32, n int) ([]float64, error) {
		out := make([]float64, n)
		for i := range out {
			for _, v := range x[i*4 : i*4+4] {
				out[i] += float64(v)
			}
		}
		return out, nil
	}
	regions := []Region{RegionOf("a", []int{0, 1, 1, 2}, 1), RegionOf("b", []int{0, 1, 1, 2}, 2)}
	fall, whole, err := Ablate(in, regions, FillZero, nil, sum)
	if err != nil || whole != 16 {
		t.Fatal(whole, err)
	}
	close(t, "ablation", fall, 0, 5, 10)
	after, _, err := Serial(in, regions, FillZero, nil, sum)
	if err != nil {
		t.Fatal(err)
	}
	close(t, "serial", after, 0, 11, 1)
	// In-fill: position 1 and 2 grow from 1 and 10 at once.
	fall, _, err = Ablate(in, regions[:1], FillIn, nil, sum)
	if err != nil {
		t.Fatal(err)
	}
	close(t, "in-fill", fall, 0, 5-11)
	if _, _, err := Ablate(in, []Region{{"out", []int{4}}}, FillZero, nil, sum); err == nil {
		t.Error("a position outside passed")
	}
}

func TestTimeByHand(t *testing.T) {
	in := Input{1, 4, 1, 1, []float32{0, 1, 2, 5}}
	last := func(x []float32, n int) ([]float64, error) { return []float64{float64(x[3])}, nil }
	c, err := DisturbTime(in, 1, 4, stats.Seed(1).Stream("t"), last)
	if err != nil || c.Whole != 5 || c.Reversed != 0 || c.Dropped != 2 || c.Frozen != 2 {
		t.Errorf("controls %+v, %v", c, err)
	}
	fall, _, err := FrameImportance(in, last)
	if err != nil {
		t.Fatal(err)
	}
	close(t, "frames", fall, 0, 0, 0, 0, 3)
	phases, err := PhaseImportance([]float64{1, 2, 3, 4}, 3, 1) // systole: 3, 0
	if err != nil || phases[Systole] != 2.5 || phases[Diastole] != 2.5 {
		t.Errorf("phases %v, %v", phases, err)
	}
	if _, err := PhaseImportance(nil, 0, 0); err == nil {
		t.Error("no frames passed")
	}
}

func TestFlipAndRISE(t *testing.T) {
	in := brightBox(box{0, 4, 4, 4, 8, 8})
	score := meanOver(in, box{0, 4, 4, 4, 8, 8})
	good, bad := NewMap(4, 16, 16), NewMap(4, 16, 16)
	box{0, 4, 4, 4, 8, 8}.each(in, func(p int) { good.Values[p] = 1 })
	box{0, 12, 12, 4, 16, 16}.each(in, func(p int) { bad.Values[p] = 1 })
	flip := func(m *Map) Faithfulness {
		f, err := Flip(context.Background(), in, m, 16, 8, FillMean, stats.Seed(2).Stream("flip"), score)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	g, b := flip(good), flip(bad)
	if g.DeletionArea >= g.RandomDeletion || g.InsertionArea <= g.RandomInsertion || g.DeletionArea >= b.DeletionArea {
		t.Errorf("faithful %v/%v against random %v/%v, unfaithful %v", g.DeletionArea, g.InsertionArea, g.RandomDeletion, g.RandomInsertion, b.DeletionArea)
	}
	m, err := RISE(context.Background(), in, 400, [3]int{1, 4, 4}, 0.5, FillMean, stats.Seed(3).Stream("rise"), score)
	if err != nil {
		t.Fatal(err)
	}
	mask := make([]bool, len(m.Values))
	box{0, 4, 4, 4, 8, 8}.each(in, func(p int) { mask[p] = true })
	if l, err := Localise(widen(m.Values), mask); err != nil || !l.Pointing || l.Rank < 0.5 {
		t.Errorf("RISE's localisation %+v, %v", l, err)
	}
	s, err := Shake(in, 2, 0.05, stats.Seed(4).Stream("shake"), func(Input) (*Map, error) { return good, nil })
	if err != nil || *s.MaxSensitivity != 0 || math.Abs(*s.Spearman-1) > 1e-12 {
		t.Errorf("a map that never moves: %+v, %v", s, err)
	}
	same, err := Compare(good, good)
	if err != nil || math.Abs(*same.Spearman-1) > 1e-12 || math.Abs(*same.SSIM-1) > 1e-12 || math.Abs(same.TopK-1) > 1e-12 || same.TopKNull > 0.3 {
		t.Errorf("a map and itself: %+v, %v", same, err)
	}
}
