package main

import (
	"math"
	"path/filepath"

	"github.com/cineloop/cineloop/bench/internal/idx"
)

// images are pictures of 28×28 in [0, 1] with labels.
type images struct {
	pixels []float32
	label  []int
}

func (m images) len() int { return len(m.label) }

func (m images) at(i int) []float32 { return m.pixels[i*784 : (i+1)*784] }

type data struct{ train, test, not, fashion images }

func readData(dir string, n, judged int) (*data, error) {
	var d data
	for _, f := range []struct {
		to   *images
		name string
		n    int
	}{{&d.train, "mnist-train", n}, {&d.test, "mnist-t10k", judged}, {&d.not, "notmnist-t10k", judged}, {&d.fashion, "fashion-t10k", judged}} {
		pixels, err := idx.Read(filepath.Join(dir, f.name+"-images-idx3-ubyte.gz"), 0x803)
		if err != nil {
			return nil, err
		}
		labels, err := idx.Read(filepath.Join(dir, f.name+"-labels-idx1-ubyte.gz"), 0x801)
		if err != nil {
			return nil, err
		}
		count := min(f.n, len(labels), len(pixels)/784)
		for _, v := range pixels[:count*784] {
			f.to.pixels = append(f.to.pixels, float32(v)/255)
		}
		for _, v := range labels[:count] {
			f.to.label = append(f.to.label, int(v))
		}
	}
	return &d, nil
}

// rotate turns a picture about its middle, with straight interpolation.
func rotate(p []float32, degrees float64) []float32 {
	out := make([]float32, 784)
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	get := func(x, y int) float64 {
		if x < 0 || y < 0 || x > 27 || y > 27 {
			return 0
		}
		return float64(p[y*28+x])
	}
	for y := range 28 {
		for x := range 28 {
			dx, dy := float64(x)-13.5, float64(y)-13.5
			u, v := cos*dx-sin*dy+13.5, sin*dx+cos*dy+13.5
			x0, y0 := math.Floor(u), math.Floor(v)
			a, b := u-x0, v-y0
			i, j := int(x0), int(y0)
			out[y*28+x] = float32((1-a)*(1-b)*get(i, j) + a*(1-b)*get(i+1, j) + (1-a)*b*get(i, j+1) + a*b*get(i+1, j+1))
		}
	}
	return out
}

// first is at most n of the pictures.
func (m images) first(n int) images {
	n = min(n, m.len())
	return images{m.pixels[:n*784], m.label[:n]}
}
