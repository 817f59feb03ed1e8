package main

import (
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg" // radiographs
	"image/png"
	_ "image/png" // MR slices
	"io"
	"os"
	"path/filepath"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/deid/pixels/plant"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/stats"
)

// source is a ground with what is known of it.
type source struct {
	plant.Ground
	inside []bool // the sector, where it is known
	clean  bool   // no writing of its own
}

// sources are phantom clips and the real pictures that are here: the fifths that training leaves out, and files that it does not read, but for the
// XA loop, one CT slice and most lung clips, which were grounds in training too, with other strings in other fonts.
func sources(seed stats.Seed) ([]source, error) {
	var out []source
	for i, h := range []int{240, 434, 600, 240, 434, 600} {
		g, in, err := plant.Phantom(seed, i, h)
		if err != nil {
			return nil, err
		}
		out = append(out, source{g, in, true})
	}
	shared := os.Getenv("CINELOOP_SHARED")
	if shared == "" {
		shared = "../shared"
	}
	root := filepath.Join(shared, "data")
	for _, d := range []struct {
		name, modality, pattern string
		from, every             int
		clean                   bool
	}{
		{"echo", "US", "imaging/echo_dicom/*.dcm", 4, 5, true},
		{"echo with text", "US", "dicom/real/grailbio-go-dicom/examples/I_00000[13].dcm", 0, 1, false},
		{"XA", "XA", "dicom/real/grailbio-go-dicom/examples/I_000000.dcm", 0, 1, false},
		{"CT", "SC", "dicom/real/pydicom/test_files/693_UNCR.dcm", 0, 1, true},
		{"CT", "SC", "dicom/real/presidio/docs/samples/python/sample_data/*.dcm", 0, 1, false},
		{"CT", "SC", "dicom/real/dcm4che/*.dcm", 0, 3, false},
		{"MR", "SC", "dicom/real/pydicom-data/MR-SIEMENS-DICOM-WithOverlays.dcm", 0, 1, true},
		{"DX", "SC", "dicom/real/fo-dicom/GH133.dcm", 0, 1, false},
	} {
		paths, _ := filepath.Glob(filepath.Join(root, filepath.FromSlash(d.pattern)))
		for i := d.from; i < len(paths); i += d.every {
			if s, ok := fromDICOM(paths[i], d.name, d.modality, d.clean); ok {
				out = append(out, s)
			}
		}
	}
	for _, d := range []struct {
		name, modality, pattern string
		from, every             int
	}{{"MR", "SC", "imaging/sunnybrook/images/*.png", 28, 35 * 4}, {"CXR", "SC", "imaging/cxr_notes/images/*.jpg", 12, 15 * 2}} {
		paths, _ := filepath.Glob(filepath.Join(root, filepath.FromSlash(d.pattern)))
		for i := d.from; i < len(paths); i += d.every {
			f, err := os.Open(paths[i])
			if err != nil {
				continue
			}
			m, _, err := image.Decode(f)
			_ = f.Close()
			if err != nil {
				continue
			}
			g := plant.Ground{Name: d.name, Modality: d.modality, W: m.Bounds().Dx(), H: m.Bounds().Dy(), Frames: [][]uint8{rgb(m)}}
			out = append(out, source{Ground: g, clean: d.name == "MR"})
		}
	}
	paths, _ := filepath.Glob(filepath.Join(root, "imaging", "lus", "clips", "*.avi"))
	for i := 7; i < len(paths); i += 19 {
		c, err := clip.Open(paths[i])
		if err != nil || c.DType != clip.Uint8 {
			continue
		}
		g := plant.Ground{Name: "lung", Modality: "US", W: c.W, H: c.H}
		for t := range min(c.T, 16) {
			f := make([]uint8, 0, 3*c.H*c.W)
			for k := range c.H * c.W {
				for j := range 3 {
					f = append(f, c.Frame(t)[k*c.C+min(j, c.C-1)])
				}
			}
			g.Frames = append(g.Frames, f)
		}
		out = append(out, source{Ground: g})
	}
	return out, nil
}

func fromDICOM(path, name, modality string, clean bool) (source, bool) {
	f, err := dicom.Open(path)
	if err != nil {
		return source{}, false
	}
	defer f.Close()
	im, err := pixel.Open(f)
	if err != nil || im.Rows < 96 || im.Columns < 96 || im.Rows > 1600 {
		return source{}, false
	}
	g := plant.Ground{Name: name, Modality: modality, W: im.Columns, H: im.Rows}
	for i := range min(im.Frames, 16) {
		m, err := im.Render(i)
		if err != nil {
			return source{}, false
		}
		g.Frames = append(g.Frames, rgb(m))
	}
	sum := 0
	for _, v := range g.Frames[0] {
		sum += int(v)
	}
	g.Light = sum > 120*len(g.Frames[0])
	return source{Ground: g, clean: clean}, true
}

func rgb(m image.Image) []uint8 {
	b := m.Bounds()
	out := make([]uint8, 0, 3*b.Dx()*b.Dy())
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, bl, _ := m.At(x, y).RGBA()
			out = append(out, uint8(r>>8), uint8(g>>8), uint8(bl>>8))
		}
	}
	return out
}

// dumpString writes the place of a string before and after, to look at.
func dumpString(dir string, g source, s plant.Planted, before, after []byte, n int) error {
	box := s.Box.Inset(-20).Intersect(image.Rect(0, 0, g.W, g.H))
	m := image.NewGray(image.Rect(0, 0, box.Dx(), 2*box.Dy()))
	for y := range box.Dy() {
		for x := range box.Dx() {
			k := (box.Min.Y+y)*g.W + box.Min.X + x
			m.SetGray(x, y, color.Gray{before[k]})
			m.SetGray(x, y+box.Dy(), color.Gray{after[k]})
		}
	}
	name := fmt.Sprintf("%03d-%s-%s-%.0f-c%.0f.png", n, g.Name, s.Font, s.Size, s.Contrast)
	return atomicfile.Write(filepath.Join(dir, name), func(w io.Writer) error { return png.Encode(w, m) })
}
