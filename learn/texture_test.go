package learn

import (
	"math"
	"testing"

	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

func TestTextureByHand(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		s := e.Scope()
		defer s.Close()
		// One item, two channels, two frames of 1 by 3. The first channel rises by 1, 3 within a frame and by 2 between frames.
		v := e.FromFloat32([]float32{0, 1, 4, 2, 3, 6, 5, 5, 5, 5, 5, 5}, 1, 2, 2, 1, 3)
		got := texture(v)
		log := func(v float64) float64 { return math.Log(v+leastVariance) / 2 }
		none := log(0)
		// means 16/6 and 5; variances (0+1+16+4+9+36)/6 − (16/6)² and 0; time 2²; height is too short; width (1+9)/2; second
		// differences of width 2².
		want := []float64{16. / 6, 5, log(66./6 - 256./36), none, log(4), none, log(5), none, log(4), none}
		if len(got) != 1 || len(got[0]) != len(want) {
			t.Fatalf("%v, want %d numbers", got, len(want))
		}
		for k, w := range want {
			if math.Abs(got[0][k]-w) > 1e-5 {
				t.Errorf("number %d is %v, want %v", k, got[0][k], w)
			}
		}
	})
}

// A picture that was blurred and stretched back to the same mean and deviation differs in nothing but its differences.
func TestTextureSeesBlur(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		s := e.Scope()
		defer s.Close()
		rng := stats.Seed(5).Stream("blur")
		n := int64(24)
		raw := make([]float32, n*n)
		for i := range raw {
			raw[i] = float32(rng.NormFloat64())
		}
		standard := func(x *torch.Tensor) *torch.Tensor {
			m, d := x.Mean(), x.Std(nil, 0, false)
			return x.Sub(m).Div(d)
		}
		sharp := standard(e.FromFloat32(raw, 1, 1, 1, n, n))
		smooth := standard(torch.AvgPool2d(sharp.Reshape(1, 1, n, n), []int64{3, 3}, []int64{1, 1}, []int64{1, 1}).Reshape(1, 1, 1, n, n))
		a, b := texture(sharp)[0], texture(smooth)[0]
		if len(a) != 6 { // mean, deviation, H, second H, W, second W: there is one frame
			t.Fatalf("%d numbers", len(a))
		}
		for k := range a {
			if d := math.Abs(a[k] - b[k]); k < 2 && d > 1e-4 || k >= 2 && d < 0.3 {
				t.Errorf("number %d: %.3f sharp, %.3f blurred", k, a[k], b[k])
			}
		}
	})
}
