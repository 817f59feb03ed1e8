package plant

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"math"
	"os/exec"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
)

// Correlation is how much a place in a grey picture is like a string's ink, −1…1: normalised over the string's box. Light ink on dark and dark
// ink on light are both readable, so the size counts. A place without any structure has 0.
func Correlation(s String, grey []uint8, w int) float64 {
	var n, sa, saa, sv, svv, sav float64
	for i, a := range s.Glyph {
		x, y := s.Box.Min.X+i%s.Box.Dx(), s.Box.Min.Y+i/s.Box.Dx()
		v, a := float64(grey[y*w+x]), float64(a)
		n++
		sa += a
		saa += a * a
		sv += v
		svv += v * v
		sav += a * v
	}
	va, vv := saa-sa*sa/n, svv-sv*sv/n
	if va <= 0 || vv < n {
		return 0
	}
	return (sav - sa*sv/n) / math.Sqrt(va*vv)
}

// LegibleFrom is the correlation from which a string counts as legible.
const LegibleFrom = 0.35

// Legible reports whether a string can be made out in a grey picture of width w.
func Legible(s String, grey []uint8, w int) bool {
	return math.Abs(Correlation(s, grey, w)) > LegibleFrom
}

// Read is what tesseract reads in the box of a string, at three times its size with a border: letters and digits only. Errors: missing without
// tesseract.
func Read(ctx context.Context, grey []uint8, w, h int, box image.Rectangle) (string, error) {
	path, err := exec.LookPath("tesseract")
	if err != nil {
		return "", fault.New(fault.Missing, "tesseract is not installed")
	}
	const zoom = 3
	box = box.Inset(-6).Intersect(image.Rect(0, 0, w, h))
	m := image.NewGray(image.Rect(0, 0, box.Dx()*zoom, box.Dy()*zoom))
	for y := range m.Rect.Dy() {
		for x := range m.Rect.Dx() {
			m.Pix[y*m.Stride+x] = grey[(box.Min.Y+y/zoom)*w+box.Min.X+x/zoom]
		}
	}
	var in bytes.Buffer
	if err := png.Encode(&in, m); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, path, "stdin", "stdout", "--psm", "7", "-l", "eng")
	cmd.Env = append(cmd.Environ(), "OMP_THREAD_LIMIT=1")
	cmd.Stdin = &in
	out, err := cmd.Output()
	if err != nil {
		return "", fault.New(fault.Missing, "tesseract failed: %w", err)
	}
	return alphanumeric(string(out)), nil
}

func alphanumeric(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, s)
}

// Recognised reports whether half of a string's letters and digits were read in their order.
func Recognised(text, read string) bool {
	want := alphanumeric(text)
	if len(want) < 3 {
		return false
	}
	// The longest common subsequence.
	row := make([]int, len(read)+1)
	for i := range want {
		before := 0
		for j := range read {
			up := row[j+1]
			if want[i] == read[j] {
				row[j+1] = before + 1
			} else {
				row[j+1] = max(row[j+1], row[j])
			}
			before = up
		}
	}
	return 2*row[len(read)] >= len(want)
}
