package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"image"
	_ "image/jpeg" // radiographs
	_ "image/png"  // MR slices
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/clip/phantom"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/stats"
)

// picture is RGB [H, W, 3]; only the rectangle is free of text.
type picture struct {
	pix  []uint8
	h, w int
	free image.Rectangle
}

// pictures are grounds for text. Every fifth is held out.
type pictures struct{ train, held []picture }

func (p *pictures) add(name string, i int, q picture) {
	if q.free.Empty() {
		q.free = image.Rect(0, 0, q.w, q.h)
	}
	if i%5 == 4 {
		p.held = append(p.held, q)
		return
	}
	p.train = append(p.train, q)
}

// loadPictures simulates and reads what crops come from. Real pictures that are not here are done without.
func loadPictures(seed stats.Seed) (*pictures, error) {
	p := &pictures{}
	for i, size := range []int{112, 240, 434, 600} {
		c, err := phantom.New(phantom.Config{Seed: seed + stats.Seed(i), Patients: 5, Views: []phantom.View{phantom.A4C, phantom.PLAX}, Frames: 8, Height: size, Width: size * 4 / 3, Tissue: true})
		if err != nil {
			return nil, err
		}
		for k := range 5 {
			for _, v := range []phantom.View{phantom.A4C, phantom.PLAX} {
				cl, _ := c.Clip(k, v)
				p.add("phantom", k, fromGrey(cl.Frame(k%cl.T), cl.H, cl.W))
			}
		}
	}
	shared := os.Getenv("CINELOOP_SHARED")
	if shared == "" {
		shared = "../shared"
	}
	root := filepath.Join(shared, "data")
	p.dicoms(filepath.Join(root, "imaging", "echo_dicom", "*.dcm"), 1)
	for _, name := range []string{"grailbio-go-dicom/examples/I_000000.dcm", "pydicom-data/693_UNCI.dcm", "fo-dicom/mr.dcm", "cornerstone3D/examplesOld/test-images/CTImage.dcm", "fo-dicom/GH1339.dcm",
		"fo-dicom/IM-0001-0001-0001.dcm", "dcm_qa_12bit/*/*.dcm", "dcm_qa_decubitus/*/*.dcm", "highdicom/dx_image.dcm", "example-dicom-structural/dicoms/*.dcm", "pydicom/test_files/JPEG-lossy.dcm"} {
		p.dicoms(filepath.Join(root, "dicom", "real", filepath.FromSlash(name)), 3)
	}
	p.images(filepath.Join(root, "imaging", "sunnybrook", "images", "*.png"), 7, 1)
	p.images(filepath.Join(root, "imaging", "cxr_notes", "images", "*.jpg"), 3, 0.55)
	p.clips(filepath.Join(root, "imaging", "lus"))
	fmt.Printf("%d pictures to learn from, %d held out\n", len(p.train), len(p.held))
	return p, nil
}

func fromGrey(b []byte, h, w int) picture {
	q := picture{pix: make([]uint8, 3*h*w), h: h, w: w}
	for i := range h * w {
		q.pix[3*i], q.pix[3*i+1], q.pix[3*i+2] = b[i], b[i], b[i]
	}
	return q
}

func fromImage(m image.Image) picture {
	b := m.Bounds()
	q := picture{h: b.Dy(), w: b.Dx()}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, bl, _ := m.At(x, y).RGBA()
			q.pix = append(q.pix, uint8(r>>8), uint8(g>>8), uint8(bl>>8))
		}
	}
	return q
}

func (p *pictures) dicoms(pattern string, every int) {
	paths, _ := filepath.Glob(pattern)
	for i, path := range paths {
		if i%every != 0 {
			continue
		}
		f, err := dicom.Open(path)
		if err != nil {
			continue
		}
		if im, err := pixel.Open(f); err == nil && im.Rows >= 96 && im.Columns >= 96 {
			for _, t := range slices.Compact([]int{0, im.Frames / 2}) {
				if m, err := im.Render(t); err == nil {
					p.add(path, i/every, fromImage(m))
				}
			}
		}
		_ = f.Close()
	}
}

func (p *pictures) images(pattern string, every int, inner float64) {
	paths, _ := filepath.Glob(pattern)
	for i, path := range paths {
		if i%every != 0 {
			continue
		}
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		m, _, err := image.Decode(f)
		_ = f.Close()
		if err != nil {
			continue
		}
		q := fromImage(m)
		dx, dy := int(float64(q.w)*(1-inner)/2), int(float64(q.h)*(1-inner)/2)
		q.free = image.Rect(dx, dy, q.w-dx, q.h-dy)
		p.add(path, i/every, q)
	}
}

// clips takes the middle of lung clips of the training split: their edges may carry text.
func (p *pictures) clips(dir string) {
	f, err := os.Open(filepath.Join(dir, "index.csv"))
	if err != nil {
		return
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return
	}
	split := slices.Index(rows[0], "split")
	n := 0
	for _, row := range rows[1:] {
		if row[split] != "train" {
			continue
		}
		c, err := clip.Open(filepath.Join(dir, "clips", row[0]), clip.WithContext(context.Background()))
		if err != nil || c.DType != clip.Uint8 {
			continue
		}
		q := picture{h: c.H, w: c.W}
		for i := range c.H * c.W {
			for k := range 3 {
				q.pix = append(q.pix, c.Frame(0)[i*c.C+min(k, c.C-1)])
			}
		}
		q.free = image.Rect(c.W/6, c.H/6, c.W-c.W/6, c.H-c.H/6)
		p.add(row[0], n, q)
		n++
	}
}

// crop is side × side pixels: of a picture at a random magnification and brightness, or made up.
func (p *pictures) crop(r *rand.Rand, held bool) []uint8 {
	out := make([]uint8, 3*side*side)
	u := r.Float64()
	if u < 0.3 {
		plain(r, out)
		return out
	}
	from := p.train
	if held {
		from = p.held
	}
	q := from[r.IntN(len(from))]
	scale := math.Exp((r.Float64() - 0.5) * 1.6) // picture pixels a crop pixel
	scale = min(scale, float64(q.free.Dx())/side, float64(q.free.Dy())/side)
	span := scale * side
	x0 := float64(q.free.Min.X) + r.Float64()*(float64(q.free.Dx())-span)
	y0 := float64(q.free.Min.Y) + r.Float64()*(float64(q.free.Dy())-span)
	flip, gain, invert := r.IntN(2) == 0, 0.6+0.9*r.Float64(), r.Float64() < 0.05
	for y := range side {
		for x := range side {
			sx := x
			if flip {
				sx = side - 1 - x
			}
			fx, fy := min(x0+float64(sx)*scale, float64(q.w-1)), min(y0+float64(y)*scale, float64(q.h-1))
			ix, iy := min(int(fx), q.w-2), min(int(fy), q.h-2)
			ax, ay := fx-float64(ix), fy-float64(iy)
			for c := range 3 {
				at := 3*(iy*q.w+ix) + c
				v := (1-ay)*((1-ax)*float64(q.pix[at])+ax*float64(q.pix[at+3])) + ay*((1-ax)*float64(q.pix[at+3*q.w])+ax*float64(q.pix[at+3*q.w+3]))
				v = min(255, v*gain)
				if invert {
					v = 255 - v
				}
				out[3*(y*side+x)+c] = uint8(v)
			}
		}
	}
	return out
}

// plain is a made-up ground: black, grey, white, a gradient, noise, or speckle.
func plain(r *rand.Rand, out []uint8) {
	base, noise, slope := 0.0, 0.0, 0.0
	switch r.IntN(6) {
	case 0, 1:
	case 2:
		base = 255 - 30*r.Float64()
	case 3:
		base = 255 * r.Float64()
	case 4:
		base, slope = 200*r.Float64(), r.Float64()
	case 5:
		base, noise = 150*r.Float64(), 60*r.Float64()
	}
	tint := [3]float64{1, 1, 1}
	if r.Float64() < 0.25 {
		tint = [3]float64{r.Float64(), r.Float64(), 1}
	}
	for y := range side {
		for x := range side {
			v := base + slope*float64(x-y) + noise*r.NormFloat64()
			for c := range 3 {
				out[3*(y*side+x)+c] = uint8(min(255, max(0, v*tint[c])))
			}
		}
	}
}

// graphic draws what scanners draw and is not text: curves, ticks, rulers, frames, crosses, arcs, dots, bars.
func graphic(r *rand.Rand, pix []uint8) {
	v := uint8(120 + r.IntN(136))
	ink := [3]uint8{v, v, v}
	if r.IntN(2) == 0 {
		ink = [3]uint8{uint8(r.IntN(256)), uint8(r.IntN(256)), uint8(r.IntN(256))}
	}
	set := func(x, y int) {
		if x >= 0 && y >= 0 && x < side && y < side {
			copy(pix[3*(y*side+x):], ink[:])
		}
	}
	seg := func(x0, y0, x1, y1 float64, gap int) {
		n := int(math.Hypot(x1-x0, y1-y0)) + 1
		for i := range n + 1 {
			if gap > 0 && i/gap%2 == 1 {
				continue
			}
			f := float64(i) / float64(n)
			set(int(x0+f*(x1-x0)), int(y0+f*(y1-y0)))
		}
	}
	x, y := r.Float64()*side, r.Float64()*side
	switch r.IntN(9) {
	case 0: // ECG
		base := y
		for px := range side {
			t := math.Mod(float64(px)+x, 40+20*r.Float64()*0)
			h := 0.0
			if t > 18 && t < 22 {
				h = 20 * (1 - math.Abs(t-20)/2)
			} else if t > 28 && t < 36 {
				h = 4 * math.Sin((t-28)/8*math.Pi)
			}
			for k := range int(h) + 1 {
				if k > int(h)-2 || h > 6 {
					set(px, int(base)-k)
				}
			}
		}
	case 1, 2: // a ruler
		step, long, vertical := 4+r.IntN(14), 2+r.IntN(6), r.IntN(2) == 0
		for i := 0; i < side; i += step {
			n := long
			if i/step%5 == 0 {
				n *= 2
			}
			for k := range n {
				if vertical {
					set(int(x)+k, i)
				} else {
					set(i, int(y)+k)
				}
			}
		}
	case 3: // a frame or a solid bar
		w, h := 10+r.Float64()*90, 4+r.Float64()*60
		if r.IntN(3) == 0 {
			for py := range int(h) {
				seg(x, y+float64(py), x+w, y+float64(py), 0)
			}
			return
		}
		seg(x, y, x+w, y, 0)
		seg(x, y+h, x+w, y+h, 0)
		seg(x, y, x, y+h, 0)
		seg(x+w, y, x+w, y+h, 0)
	case 4: // calipers: crosses, joined by dots
		x1, y1 := r.Float64()*side, r.Float64()*side
		for _, p := range [][2]float64{{x, y}, {x1, y1}} {
			seg(p[0]-4, p[1], p[0]+4, p[1], 0)
			seg(p[0], p[1]-4, p[0], p[1]+4, 0)
		}
		seg(x, y, x1, y1, 2+r.IntN(3))
	case 5: // an arc
		rad, a0 := 20+r.Float64()*150, r.Float64()*6
		for i := range 400 {
			a := a0 + float64(i)/400*2
			set(int(x+rad*math.Cos(a)), int(y+rad*math.Sin(a)))
		}
	case 6: // line
		seg(x, y, r.Float64()*side, r.Float64()*side, r.IntN(4))
	case 7: // a bar of greys or colours
		w, h := 5+r.IntN(12), 30+r.IntN(90)
		for py := range h {
			ink = [3]uint8{uint8(255 - 255*py/h), uint8(255 - 255*py/h), uint8(255 - 255*py/h)}
			for px := range w {
				set(int(x)+px, int(y)+py)
			}
		}
	case 8: // triangle, arrow or ring as a mark
		n := 3 + r.IntN(9)
		for i := range n {
			seg(x-float64(i)/2, y+float64(i), x+float64(i)/2, y+float64(i), 0)
		}
	}
}

// flow paints colour Doppler: a patch of velocities in red and blue, mosaic where they alias, ragged at its edges.
func flow(r *rand.Rand, pix []uint8) {
	cx, cy := r.Float64()*side, r.Float64()*side
	rx, ry := 10+r.Float64()*60, 10+r.Float64()*60
	cell := 1.5 + 7*r.Float64()
	n := int(side/cell) + 3
	speed, power := make([]float64, n*n), make([]float64, n*n)
	for i := range speed {
		speed[i], power[i] = r.NormFloat64(), r.NormFloat64()
	}
	bias, mosaic, energy := 2*r.Float64()-1, 0.3+1.5*r.Float64(), r.Float64() < 0.2
	smooth := r.IntN(2) == 0
	at := func(f []float64, x, y float64) float64 {
		fx, fy := x/cell, y/cell
		ix, iy := int(fx), int(fy)
		if !smooth {
			return f[iy*n+ix]
		}
		ax, ay := fx-float64(ix), fy-float64(iy)
		return (1-ay)*((1-ax)*f[iy*n+ix]+ax*f[iy*n+ix+1]) + ay*((1-ax)*f[(iy+1)*n+ix]+ax*f[(iy+1)*n+ix+1])
	}
	for y := range side {
		for x := range side {
			dx, dy := (float64(x)-cx)/rx, (float64(y)-cy)/ry
			if dx*dx+dy*dy+0.5*at(power, float64(x), float64(y)) > 1 {
				continue
			}
			v := math.Mod(bias+mosaic*0.6*at(speed, float64(x), float64(y))+5, 2) - 1
			m := uint8(90 + 165*math.Min(1, math.Abs(v)))
			p := pix[3*(y*side+x):]
			switch {
			case energy:
				p[0], p[1], p[2] = m, uint8(float64(m)*math.Abs(v)), uint8(r.IntN(30))
			case v > 0:
				p[0], p[1], p[2] = m, uint8(255*max(0, v-0.4)), uint8(r.IntN(20))
			default:
				p[0], p[1], p[2] = uint8(r.IntN(20)), uint8(255*max(0, -v-0.4)), m
			}
			if r.Float64() < 0.03*mosaic {
				p[0], p[1], p[2] = uint8(r.IntN(256)), uint8(160+r.IntN(90)), uint8(r.IntN(100))
			}
		}
	}
}
