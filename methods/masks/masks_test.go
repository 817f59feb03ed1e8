package masks

import (
	"math"
	"testing"

	"github.com/cineloop/cineloop/clip/volume"
	"github.com/cineloop/cineloop/torch"
	"github.com/cineloop/cineloop/torch/torchtest"
)

func withEngine(t *testing.T, fn func(e *torch.Engine)) { torchtest.Run(t, 1, fn) }

// Two items of three classes on 2×2 positions; one position is not known.
var (
	logits = []float64{
		0.3, -1.2, 0.8, 0.1, 1.1, 0.4, -0.6, 0.9, -0.2, 0.7, 0.5, -1.5,
		-0.9, 0.2, 1.4, 0.6, 0.3, -0.4, 0.8, -0.1, 1.2, 0.5, -0.7, 0.2,
	}
	class = []int64{0, 1, 2, -1, 1, 2, 0, 0}
)

func softmax(n, c, p int) float64 {
	var sum float64
	for k := range 3 {
		sum += math.Exp(logits[n*12+k*4+p])
	}
	return math.Exp(logits[n*12+c*4+p]) / sum
}

// byHand are the losses from their formulas, in plain arithmetic.
func byHand() map[string]float64 {
	out := map[string]float64{}
	var known float64
	both, either := [2][3]float64{}, [2][3]float64{}
	for n := range 2 {
		for p := range 4 {
			c := class[n*4+p]
			if c < 0 {
				continue
			}
			known++
			q := softmax(n, int(c), p)
			out["ce"] -= math.Log(q)
			out["focal"] -= (1 - q) * (1 - q) * math.Log(q)
			both[n][c] += q
			either[n][c]++
			for k := range 3 {
				either[n][k] += softmax(n, k, p)
				if k > 0 {
					out["boundary"] += softmax(n, k, p) * distance(n, k, p)
				}
			}
		}
	}
	out["ce"], out["focal"], out["boundary"] = out["ce"]/known, out["focal"]/known, out["boundary"]/(2*known)
	var item, batch float64
	for k := 1; k < 3; k++ {
		for n := range 2 {
			item += (2*both[n][k] + 1) / (either[n][k] + 1) / 4
		}
		batch += (2*(both[0][k]+both[1][k]) + 1) / (either[0][k] + either[1][k] + 1) / 2
	}
	out["dice"], out["batch dice"] = 1-item, 1-batch
	return out
}

func distance(n, k, p int) float64 { return float64((n+2*k+3*p)%5) - 2 }

// losses computes each loss from a tensor of logits.
func losses(e *torch.Engine) map[string]func(*torch.Tensor) *torch.Tensor {
	truth := func() Truth { return NewTruth(e.FromInt64s(class, 2, 2, 2), 3) }
	return map[string]func(*torch.Tensor) *torch.Tensor{
		"ce":         func(x *torch.Tensor) *torch.Tensor { return CrossEntropy(x, truth()) },
		"focal":      func(x *torch.Tensor) *torch.Tensor { return Focal(x, truth(), 2) },
		"dice":       func(x *torch.Tensor) *torch.Tensor { return Dice(x, truth(), false) },
		"batch dice": func(x *torch.Tensor) *torch.Tensor { return Dice(x, truth(), true) },
		"boundary": func(x *torch.Tensor) *torch.Tensor {
			var d []float64
			for n := range 2 {
				for k := range 3 {
					for p := range 4 {
						d = append(d, distance(n, k, p))
					}
				}
			}
			return Boundary(x, truth(), e.FromFloat64s(d, 2, 3, 2, 2))
		},
	}
}

// TestLosses: values by hand and gradients by central differences, in float64.
func TestLosses(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		want := byHand()
		for name, f := range losses(e) {
			x := e.FromFloat64s(logits, 2, 3, 2, 2).SetRequiresGrad(true)
			loss := f(x)
			if got := loss.Item(); math.Abs(got-want[name]) > 1e-6 {
				t.Errorf("%s: %v, by hand %v", name, got, want[name])
			}
			e.Backward(loss)
			grad := x.Grad().Float64s()
			for i := range logits {
				at := func(d float64) float64 {
					moved := append([]float64{}, logits...)
					moved[i] += d
					return f(e.FromFloat64s(moved, 2, 3, 2, 2)).Item()
				}
				const h = 1e-5
				if slope := (at(h) - at(-h)) / (2 * h); math.Abs(slope-grad[i]) > 1e-7 {
					t.Errorf("%s: gradient %v by logit %d, differences give %v", name, grad[i], i, slope)
				}
			}
			for _, i := range []int{3, 7, 11} {
				if grad[i] != 0 {
					t.Errorf("%s: a position that is not known has gradient %v", name, grad[i])
				}
			}
		}
	})
}

// TestPerfectAndUnknown: sure and right is a loss of almost 0; with nothing known every loss is finite and has no gradient.
func TestPerfectAndUnknown(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		sure := make([]float32, 24)
		for n := range 2 {
			for p := range 4 {
				sure[n*12+4*((n+p)%3)+p] = 50
			}
		}
		right := []int64{0, 1, 2, 0, 1, 2, 0, 1}
		truth := NewTruth(e.FromInt64s(right, 2, 2, 2), 3)
		x := e.FromFloat32(sure, 2, 3, 2, 2)
		for name, v := range map[string]float64{"dice": Dice(x, truth, true).Item(), "ce": CrossEntropy(x, truth).Item(), "focal": Focal(x, truth, 2).Item()} {
			if math.Abs(v) > 1e-5 {
				t.Errorf("%s of a perfect answer: %v", name, v)
			}
		}
		nothing := NewTruth(e.FromInt64s([]int64{-1, -1, -1, -1, -1, -1, -1, -1}, 2, 2, 2), 3)
		y := e.FromFloat32(sure, 2, 3, 2, 2).SetRequiresGrad(true)
		total := Dice(y, nothing, true).Add(CrossEntropy(y, nothing)).Add(Focal(y, nothing, 2))
		if v := total.Item(); v != v || math.IsInf(v, 0) {
			t.Errorf("nothing known: %v", v)
		}
		e.Backward(total)
		for _, g := range y.Grad().Float32s() {
			if g != 0 {
				t.Fatalf("nothing known: gradient %v", g)
			}
		}
	})
}

// TestFocalWithoutFocus is cross-entropy.
func TestFocalWithoutFocus(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		x := e.FromFloat64s(logits, 2, 3, 2, 2)
		truth := NewTruth(e.FromInt64s(class, 2, 2, 2), 3)
		if a, b := Focal(x, truth, 0).Item(), CrossEntropy(x, truth).Item(); math.Abs(a-b) > 1e-12 {
			t.Errorf("focal %v, cross-entropy %v", a, b)
		}
	})
}

// TestBoundaryPullsInward: with true distances, the loss of the true mask is lower than that of a larger or a smaller one.
func TestBoundaryPullsInward(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		label := []uint8{0, 0, 1, 1, 1, 1, 0, 0}
		size := [3]int{1, 1, 8}
		var d []float32
		for c := range uint8(2) {
			d = append(d, volume.SignedDistances(label, c, size, [3]float64{1, 1, 1})...)
		}
		at := func(predicted []uint8) float64 {
			x := make([]float32, 16)
			for i, l := range predicted {
				x[int(l)*8+i] = 30
			}
			truth := NewTruth(e.FromInt64s([]int64{0, 0, 1, 1, 1, 1, 0, 0}, 1, 1, 8), 2)
			return Boundary(e.FromFloat32(x, 1, 2, 1, 8), truth, e.FromFloat32(d, 1, 2, 1, 8)).Item()
		}
		right := at(label)
		for _, other := range [][]uint8{{0, 1, 1, 1, 1, 1, 1, 0}, {0, 0, 0, 0, 0, 1, 0, 0}} {
			if at(other) <= right {
				t.Errorf("%v has loss %v, the truth %v", other, at(other), right)
			}
		}
	})
}
