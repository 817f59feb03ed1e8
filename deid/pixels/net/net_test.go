package net

import (
	"math"
	"math/rand/v2"
	"testing"
)

// reference is the layer written as the definition has it, in double precision.
func reference(l Layer, in *Planes) [][]float64 {
	get := func(c, y, x int) float64 {
		if c >= in.C || y < 0 || x < 0 || y >= in.H || x >= in.W {
			return 0
		}
		return float64(in.Row(c, y)[x])
	}
	h, w, step := in.H, in.W, 1
	if l.Kind != Same {
		h, w, step = (h+1)/2, (w+1)/2, 2
	}
	out := make([][]float64, l.Out)
	r := (l.Kernel - 1) / 2
	for o := range out {
		out[o] = make([]float64, h*w)
		for y := range h {
			for x := range w {
				sum, k := float64(l.Bias[o]), o*l.channels()*l.Kernel*l.Kernel
				for c := range l.channels() {
					for i := range l.Kernel {
						for j := range l.Kernel {
							var v float64
							switch l.Kind {
							case Same:
								v = get(c, y+(i-r)*l.Dilation, x+(j-r)*l.Dilation)
							case Half:
								v = get(c, step*y-1+i, step*x-1+j)
							case Phase:
								v = get(c/4, 2*(y+i-1)+c%4/2, 2*(x+j-1)+c%2)
							}
							sum += float64(l.Weight[k]) * v
							k++
						}
					}
				}
				if !l.Linear {
					sum = max(sum, 0)
				}
				out[o][y*w+x] = sum
			}
		}
	}
	return out
}

func randomLayer(r *rand.Rand, kind Kind, in, out, kernel, dilation int, linear bool) Layer {
	l := Layer{Kind: kind, In: in, Out: out, Kernel: kernel, Dilation: dilation, Linear: linear}
	l.Bias = make([]float32, out)
	l.Weight = make([]float32, out*l.channels()*kernel*kernel)
	for i := range l.Bias {
		l.Bias[i] = r.Float32() - 0.5
	}
	for i := range l.Weight {
		l.Weight[i] = r.Float32() - 0.5
	}
	return l
}

func randomPlanes(r *rand.Rand, c, h, w int) *Planes {
	p := NewPlanes(c, h, w, 0)
	for i := range c {
		for y := range h {
			for x := range p.Row(i, y) {
				p.Row(i, y)[x] = r.Float32()
			}
		}
	}
	return p
}

func TestLayersAgainstDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		kind                   Kind
		in, out, kernel, dilat int
		linear                 bool
		h, w                   int
	}{
		{Same, 3, 5, 3, 1, false, 9, 37}, {Same, 2, 4, 3, 4, true, 20, 16}, {Same, 6, 1, 1, 1, true, 1, 1},
		{Phase, 2, 8, 3, 1, false, 13, 21}, {Half, 3, 6, 4, 1, false, 11, 50}, {Half, 1, 4, 4, 1, true, 2, 2},
	} {
		l := randomLayer(r, c.kind, c.in, c.out, c.kernel, c.dilat, c.linear)
		n, err := Read((&Network{Layers: []Layer{l}}).Bytes())
		if err != nil {
			t.Fatal(err)
		}
		in := randomPlanes(r, c.in, c.h, c.w)
		got, err := n.Run(in)
		if err != nil {
			t.Fatal(err)
		}
		want := reference(l, in)
		for o := range want {
			for i, v := range want[o] {
				if g := float64(got.Row(o, i/got.W)[i%got.W]); math.Abs(g-v) > 1e-4 {
					t.Fatalf("%+v: channel %d, value %d: %g, want %g", c, o, i, g, v)
				}
			}
		}
	}
}

func TestPlainLoopHasTheSameBits(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	src := randomPlanes(r, 8, 40, 100)
	offs := []int{-1, 0, 1, src.stride, 3*src.plane + 7, 7 * src.plane}
	w := make([]float32, 4*(1+len(offs)))
	for i := range w {
		w[i] = r.Float32() - 0.5
	}
	a, b := make([]float32, 4*96), make([]float32, 4*96)
	for _, lo := range []float32{0, float32(math.Inf(-1))} {
		tile(a, 96, src.v, src.at(0, 5, 2), offs, w, 6, lo)
		tileGo(b, 96, src.v, src.at(0, 5, 2), offs, w, 6, lo)
		for i := range a {
			if math.Float32bits(a[i]) != math.Float32bits(b[i]) {
				t.Fatalf("value %d: %x and %x", i, math.Float32bits(a[i]), math.Float32bits(b[i]))
			}
		}
	}
}

func TestChainAndRefusals(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	n := &Network{Layers: []Layer{randomLayer(r, Phase, 2, 8, 3, 1, false), randomLayer(r, Half, 8, 8, 4, 1, false), randomLayer(r, Same, 8, 8, 3, 2, false), randomLayer(r, Same, 8, 1, 1, 1, true)}}
	b := n.Bytes()
	got, err := Read(b)
	if err != nil || got.Stride != 4 {
		t.Fatalf("stride %d, %v", got.Stride, err)
	}
	for range 2 { // memory is used again
		out, err := got.Run(randomPlanes(rand.New(rand.NewPCG(7, 8)), 2, 30, 45))
		if err != nil || out.C != 1 || out.H != 8 || out.W != 12 {
			t.Fatalf("%+v, %v", out, err)
		}
		v := out.Row(0, 3)[4]
		again, _ := got.Run(randomPlanes(rand.New(rand.NewPCG(7, 8)), 2, 30, 45))
		if again.Row(0, 3)[4] != v {
			t.Error("two runs differ")
		}
		if _, err := got.Run(randomPlanes(r, 2, 7, 3)); err != nil {
			t.Error(err)
		}
	}
	if _, err := got.Run(NewPlanes(3, 4, 4, 0)); err == nil {
		t.Error("three channels were taken for two")
	}
	for i := range b {
		if i < 40 {
			_, _ = Read(b[:i])
		}
	}
	if _, err := Read(b[:len(b)-1]); err == nil {
		t.Error("a short file was read")
	}
	if _, err := Read(append(b[:len(b):len(b)], 0)); err == nil {
		t.Error("a long file was read")
	}
	nan := append([]byte(nil), b...)
	nan[17], nan[18], nan[19], nan[20] = 0, 0, 0xC0, 0x7F
	if _, err := Read(nan); err == nil {
		t.Error("a NaN was read")
	}
}

func FuzzRead(f *testing.F) {
	r := rand.New(rand.NewPCG(9, 1))
	f.Add((&Network{Layers: []Layer{randomLayer(r, Same, 1, 1, 1, 1, true)}}).Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, err := Read(b); err == nil {
			if _, err := n.Run(NewPlanes(n.Layers[0].In, 5, 5, 0)); err != nil {
				t.Error(err)
			}
		}
	})
}

func BenchmarkNetwork(b *testing.B) {
	r := rand.New(rand.NewPCG(5, 6))
	n, _ := Read((&Network{Layers: []Layer{randomLayer(r, Phase, 2, 12, 3, 1, false), randomLayer(r, Half, 12, 20, 4, 1, false),
		randomLayer(r, Same, 20, 20, 3, 1, false), randomLayer(r, Same, 20, 20, 3, 2, false), randomLayer(r, Same, 20, 20, 3, 4, false), randomLayer(r, Same, 20, 20, 3, 1, false),
		randomLayer(r, Same, 20, 1, 1, 1, true)}}).Bytes())
	in := randomPlanes(r, 2, 600, 800)
	for b.Loop() {
		if _, err := n.Run(in); err != nil {
			b.Fatal(err)
		}
	}
}
