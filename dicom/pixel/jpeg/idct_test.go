package jpeg

import (
	"math/rand/v2"
	"testing"
)

// TestInverse8: the vector form gives the scalar form's bits, for blocks of every sparseness and up to the largest coefficients that eight-bit
// samples have (±2047 before a quantiser's rounding), and leaves the workspace empty and its neighbours alone.
func TestInverse8(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const stride = 21
	for n := range 20000 {
		var w [64]int32
		top := int32([]int{1, 30, 300, 2048, 16384}[n%5])
		for range rng.IntN(65) {
			w[rng.IntN(64)] = rng.Int32N(2*top+1) - top
		}
		a, b := make([]byte, 8*stride), make([]byte, 8*stride)
		v := w
		idct8(&v, a[3:], stride)
		u := w
		inverse8(&u, b[3:], stride)
		if string(a) != string(b) {
			t.Fatalf("block %v:\n%v\n%v", w, a, b)
		}
		if u != [64]int32{} {
			t.Fatal("the workspace is not empty")
		}
	}
}

// TestInverse8ByHand: a DC coefficient of 80 is a flat block of 128 + 80/8.
func TestInverse8ByHand(t *testing.T) {
	w := [64]int32{80}
	dst := make([]byte, 64)
	inverse8(&w, dst, 8)
	for i, v := range dst {
		if v != 138 {
			t.Fatalf("sample %d is %d", i, v)
		}
	}
	w = [64]int32{-5000}
	inverse8(&w, dst, 8)
	if dst[0] != 0 || dst[63] != 0 {
		t.Error("samples are not clamped")
	}
}
