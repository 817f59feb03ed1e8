package net

import (
	"math"
	"sync"

	"github.com/cineloop/cineloop/internal/fault"
)

// Workspace is memory that runs share. One goroutine uses it at a time.
type Workspace struct{ a, b, phases Planes }

var workspaces = sync.Pool{New: func() any { return new(Workspace) }}

// Run is the network's output for in: Out planes at the network's stride, rounded up. The input is not changed.
func (n *Network) Run(in *Planes) (*Planes, error) {
	if in.C != n.Layers[0].In || in.H < 1 || in.W < 1 {
		return nil, fault.New(fault.Internal, "a network of %d channels was given %d of %d × %d", n.Layers[0].In, in.C, in.H, in.W)
	}
	ws := workspaces.Get().(*Workspace)
	defer workspaces.Put(ws)
	x, free, other := in, &ws.a, &ws.b
	for i := range n.Layers {
		dst := free
		if i == len(n.Layers)-1 {
			dst = new(Planes)
		}
		n.Layers[i].forward(dst, x, &ws.phases, n.padAfter(i))
		x, free, other = dst, other, free
	}
	return x, nil
}

// padAfter is the border that the layer after layer i needs.
func (n *Network) padAfter(i int) int {
	if i+1 == len(n.Layers) || n.Layers[i+1].Kind != Same {
		return 0
	}
	return n.Layers[i+1].border()
}

func (l *Layer) border() int {
	if l.Kind == Half {
		return 1
	}
	return (l.Kernel - 1) / 2 * l.Dilation
}

// forward computes one layer.
func (l *Layer) forward(dst, src, phases *Planes, pad int) {
	x := src
	if l.Kind != Same {
		src.split(phases, l.border())
		x = phases
	} else if src.pad < l.border() {
		phases.reset(src.C, src.H, src.W, l.border())
		for c := range src.C {
			for y := range src.H {
				copy(phases.Row(c, y), src.Row(c, y))
			}
		}
		x = phases
	}
	dst.reset(l.Out, x.H, x.W, pad)
	offs := l.offsets(x)
	lo := float32(0)
	if l.Linear {
		lo = float32(math.Inf(-1))
	}
	blocks := (x.W + lanes - 1) / lanes
	wide := blocks * lanes
	rows := make([]float32, 4*wide)
	size := (1 + len(offs)) * 4
	for g := range (l.Out + 3) / 4 {
		w := l.packed[g*size : (g+1)*size]
		for y := range x.H {
			tile(rows, wide, x.v, x.at(0, y, 0), offs, w, blocks, lo)
			for o := 4 * g; o < min(4*g+4, l.Out); o++ {
				copy(dst.Row(o, y), rows[(o-4*g)*wide:])
			}
		}
	}
}

// offsets is where each tap's value lies from the output's own place, in values, in the order of the weights.
func (l *Layer) offsets(x *Planes) []int {
	var offs []int
	if l.Kind == Half { // row 2y − 1 + i is phase (i + 1) & 1 of cell y + (i − 1) div 2
		for c := range l.In {
			for i := range 4 {
				for j := range 4 {
					plane := 4*c + 2*((i+1)&1) + (j+1)&1
					offs = append(offs, plane*x.plane+((i+1)/2-1)*x.stride+(j+1)/2-1)
				}
			}
		}
		return offs
	}
	r := (l.Kernel - 1) / 2
	for c := range l.channels() {
		for i := -r; i <= r; i++ {
			for j := -r; j <= r; j++ {
				offs = append(offs, c*x.plane+i*l.Dilation*x.stride+j*l.Dilation)
			}
		}
	}
	return offs
}

// tileGo computes blocks × 16 neighbouring outputs of four channels: dst[o·wide + x] = max(lo, w[o] + Σ w[4(1+k)+o] · src[at + offs[k] + x]),
// summed in the order of k. The assembly does the same operations on the same values.
func tileGo(dst []float32, wide int, src []float32, at int, offs []int, w []float32, blocks int, lo float32) {
	for b := range blocks {
		x0 := b * lanes
		var acc [4][lanes]float32
		for o := range 4 {
			for x := range lanes {
				acc[o][x] = w[o]
			}
		}
		for k, off := range offs {
			from := at + off + x0
			s := src[from : from+lanes : from+lanes]
			w0, w1, w2, w3 := w[4*k+4], w[4*k+5], w[4*k+6], w[4*k+7]
			for x, v := range s {
				// The conversions keep compilers from fusing product and sum, which would round once instead of twice.
				acc[0][x] += float32(w0 * v)
				acc[1][x] += float32(w1 * v)
				acc[2][x] += float32(w2 * v)
				acc[3][x] += float32(w3 * v)
			}
		}
		for o := range 4 {
			out := dst[o*wide+x0 : o*wide+x0+lanes]
			for x, v := range acc[o] {
				out[x] = max(v, lo)
			}
		}
	}
}
