package clip

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cineloop/cineloop/stats"
)

// pattern is a smooth texture that is defined everywhere, so that it can be moved exactly: waves of lengths from 7 to 30 pixels.
func pattern() func(x, y float64) float64 {
	rng := stats.Seed(4).Stream("pattern")
	type wave struct{ kx, ky, phase, size float64 }
	var waves []wave
	for range 24 {
		angle, length := 2*math.Pi*rng.Float64(), 7+23*rng.Float64()
		waves = append(waves, wave{2 * math.Pi / length * math.Cos(angle), 2 * math.Pi / length * math.Sin(angle), 2 * math.Pi * rng.Float64(), 0.5 + rng.Float64()})
	}
	return func(x, y float64) (s float64) {
		for _, w := range waves {
			s += w.size * math.Sin(w.kx*x+w.ky*y+w.phase)
		}
		return s
	}
}

// motion is a similarity about the picture's middle: where a point goes.
type motion struct{ dx, dy, degrees, zoom float64 }

func (m motion) of(x, y, cx, cy float64) (float64, float64) {
	a := m.degrees * math.Pi / 180
	x, y = x-cx, y-cy
	return cx + m.zoom*(math.Cos(a)*x-math.Sin(a)*y) + m.dx, cy + m.zoom*(math.Sin(a)*x+math.Cos(a)*y) + m.dy
}

// moved is the pattern before and after a motion, and the true flow.
func moved(m motion, w, h int) (a, b, u, v []float32) {
	f := pattern()
	cx, cy := float64(w-1)/2, float64(h-1)/2
	back := motion{degrees: -m.degrees, zoom: 1 / m.zoom}
	for y := range h {
		for x := range w {
			px, py := float64(x), float64(y)
			a = append(a, float32(100+20*f(px, py)))
			bx, by := back.of(px-m.dx, py-m.dy, cx, cy)
			b = append(b, float32(100+20*f(bx, by)))
			tx, ty := m.of(px, py, cx, cy)
			u, v = append(u, float32(tx-px)), append(v, float32(ty-py))
		}
	}
	return a, b, u, v
}

// endPointError is the mean distance in pixels between two flows, a border aside from where things leave the picture.
func endPointError(u, v, wantU, wantV []float32, w, h, border int) float64 {
	var sum, n float64
	for y := border; y < h-border; y++ {
		for x := border; x < w-border; x++ {
			i := y*w + x
			sum += math.Hypot(float64(u[i]-wantU[i]), float64(v[i]-wantV[i]))
			n++
		}
	}
	return sum / n
}

var motions = map[string]struct {
	motion
	allow float64 // mean end-point error, pixels
}{
	"nothing":       {motion{zoom: 1}, 0.001},
	"half a pixel":  {motion{dx: 0.5, dy: -0.25, zoom: 1}, 0.05},
	"three pixels":  {motion{dx: 3, dy: 1.5, zoom: 1}, 0.1},
	"ten pixels":    {motion{dx: -8, dy: 6, zoom: 1}, 0.15},
	"five degrees":  {motion{degrees: 5, zoom: 1}, 0.15},
	"five per cent": {motion{zoom: 1.05}, 0.15},
	"all of them":   {motion{dx: 2, dy: -1, degrees: -3, zoom: 0.96}, 0.15},
}

// TestFlowOfPatterns: the flow of a texture that was moved, turned and scaled exactly is known everywhere.
func TestFlowOfPatterns(t *testing.T) {
	const w, h = 96, 80
	for name, m := range motions {
		a, b, wantU, wantV := moved(m.motion, w, h)
		u, v := OpticalFlow(a, b, w, h)
		e := endPointError(u, v, wantU, wantV, w, h, 12)
		t.Logf("%-14s end-point error %.3f px", name, e)
		if !(e <= m.allow) {
			t.Errorf("%s: end-point error %.3f px, want at most %.3f", name, e, m.allow)
		}
	}
}

// TestFlowIsUnderstandable: mirrored pictures have the mirrored flow; brightness and contrast that both share change nothing; flat and tiny
// pictures do not move; a bright object moves alone, its ground stays.
func TestFlowIsUnderstandable(t *testing.T) {
	const w, h = 64, 48
	a, b, _, _ := moved(motion{dx: 2, dy: 1, zoom: 1}, w, h)
	u, v := OpticalFlow(a, b, w, h)
	mirror := func(x []float32) []float32 {
		out := make([]float32, len(x))
		for i := range x {
			out[i/w*w+w-1-i%w] = x[i]
		}
		return out
	}
	mu, mv := OpticalFlow(mirror(a), mirror(b), w, h)
	for i := range mu {
		mu[i] = -mu[i]
	}
	if e := endPointError(mirror(mu), mirror(mv), u, v, w, h, 8); e > 0.02 {
		t.Errorf("the mirrored flow differs by %.3f px", e)
	}
	other := func(x []float32) []float32 {
		out := make([]float32, len(x))
		for i := range x {
			out[i] = 7*x[i] - 300
		}
		return out
	}
	ou, ov := OpticalFlow(other(a), other(b), w, h)
	if e := endPointError(ou, ov, u, v, w, h, 0); e > 0.01 {
		t.Errorf("in other units the flow differs by %.3f px", e)
	}
	for _, size := range [][2]int{{1, 1}, {3, 9}, {5, 4}, {64, 48}} {
		flat := make([]float32, size[0]*size[1])
		fu, fv := OpticalFlow(flat, flat, size[0], size[1])
		for i := range fu {
			if len(fu) != len(flat) || fu[i] != 0 || fv[i] != 0 {
				t.Fatalf("a flat picture of %v moves", size)
			}
		}
	}
	disc := func(cx float64) []float32 {
		out := make([]float32, w*h)
		for i := range out {
			d := math.Hypot(float64(i%w)-cx, float64(i/w)-24)
			out[i] = float32(50 + 150/(1+math.Exp(2*(d-10))) + 8*math.Sin(float64(i%w))*math.Cos(float64(i/w)))
		}
		return out
	}
	u, v = OpticalFlow(disc(30), disc(32), w, h)
	if at := u[24*w+21]; at < 1 || at > 3 {
		t.Errorf("the disc's edge moves by %.2f px, want about 2", at)
	}
	if far := math.Hypot(float64(u[5*w+58]), float64(v[5*w+58])); far > 0.3 {
		t.Errorf("the ground moves by %.2f px", far)
	}
}

// TestFlowBesideOpenCV: on the patterns the errors are no larger than those of OpenCV's Farnebäck flow, and of its TV-L1 where it is there.
func TestFlowBesideOpenCV(t *testing.T) {
	if out, err := exec.Command("/usr/bin/python3", "-c", "import cv2, numpy").CombinedOutput(); err != nil {
		t.Skipf("python3 has no OpenCV to compare with: %.80s", out)
	}
	const w, h = 96, 80
	dir := t.TempDir()
	type item struct {
		Name string    `json:"name"`
		A    []float32 `json:"a"`
		B    []float32 `json:"b"`
	}
	var items []item
	for name, m := range motions {
		a, b, _, _ := moved(m.motion, w, h)
		items = append(items, item{name, a, b})
	}
	js, err := json.Marshal(map[string]any{"w": w, "h": h, "items": items})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "in.json"), js, 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("/usr/bin/python3", "testdata/flow_opencv.py", filepath.Join(dir, "in.json")).Output()
	if err != nil {
		t.Fatal(err)
	}
	var peers map[string]map[string][2][]float32 // by motion and method
	if err := json.Unmarshal(out, &peers); err != nil {
		t.Fatal(err)
	}
	var ours, theirs float64
	for name, m := range motions {
		a, b, wantU, wantV := moved(m.motion, w, h)
		u, v := OpticalFlow(a, b, w, h)
		mine := endPointError(u, v, wantU, wantV, w, h, 12)
		ours += mine
		for method, f := range peers[name] {
			e := endPointError(f[0], f[1], wantU, wantV, w, h, 12)
			t.Logf("%-14s %-10s %.3f px, ours %.3f; the two differ by %.3f", name, method, e, mine, endPointError(u, v, f[0], f[1], w, h, 12))
			if method == "farneback" {
				theirs += e
			}
		}
	}
	if ours > theirs {
		t.Errorf("errors of %.3f px in all, OpenCV's Farnebäck %.3f", ours, theirs)
	}
}
