package main

import (
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
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
		pixels, err := readIDX(filepath.Join(dir, f.name+"-images-idx3-ubyte.gz"), 0x803)
		if err != nil {
			return nil, err
		}
		labels, err := readIDX(filepath.Join(dir, f.name+"-labels-idx1-ubyte.gz"), 0x801)
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

// readIDX returns the bytes after the header.
func readIDX(path string, magic uint32) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	all, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	header := 4 + 4*int(magic&0xff)
	if len(all) < header || binary.BigEndian.Uint32(all) != magic {
		return nil, fmt.Errorf("%s: not an idx file of kind %#x", path, magic)
	}
	return all[header:], nil
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
