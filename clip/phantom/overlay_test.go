package phantom

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// Every text box holds letters that reach all four of its sides, in every frame, and the lines it says are there.
func TestTextBoxes(t *testing.T) {
	for _, size := range [][2]int{{112, 112}, {600, 800}} {
		c := mustNew(t, Config{Seed: 41, Frames: 8, Height: size[0], Width: size[1]})
		fonts := map[string]bool{}
		corners := map[[2]bool]bool{}
		n := 12
		if size[0] > 200 {
			n = 5
		}
		for i := range n {
			pictures, truth := c.Clip(i, A4C)
			kinds := map[string]string{}
			for _, b := range truth.Boxes {
				kinds[b.Kind] = b.Text
				fonts[b.Font] = true
				corners[[2]bool{b.X0 < size[1]/2, b.Y0 < size[0]/2}] = true
				if b.X0 < 0 || b.Y0 < 0 || b.X1 > size[1] || b.Y1 > size[0] || b.X0 >= b.X1 || b.Y0 >= b.Y1 {
					t.Fatalf("box %+v", b)
				}
				ink := func(f, x, y int) bool {
					px := pictures.Frame(f)[3*(y*size[1]+x):]
					return px[0] != px[1] || px[0] > 10 // letters or, inside the sector, tissue
				}
				for f := range pictures.T {
					var sides [4]bool
					for x := b.X0; x < b.X1; x++ {
						sides[0] = sides[0] || ink(f, x, b.Y0)
						sides[1] = sides[1] || ink(f, x, b.Y1-1)
					}
					for y := b.Y0; y < b.Y1; y++ {
						sides[2] = sides[2] || ink(f, b.X0, y)
						sides[3] = sides[3] || ink(f, b.X1-1, y)
					}
					if sides != [4]bool{true, true, true, true} {
						t.Fatalf("frame %d: the letters of box %+v do not reach its sides: %v", f, b, sides)
					}
				}
			}
			id := truth.Patient.Identity
			if kinds["id"] != id.ID || !strings.EqualFold(kinds["name"], strings.ReplaceAll(id.Name, "^", ", ")) || kinds["device"] != truth.Patient.Device {
				t.Errorf("patient %d: lines %v", i, kinds)
			}
			if c.cfg.Height > 200 && kinds["date"] == "" {
				t.Error("no date on a large picture")
			}
		}
		if len(fonts) < 2 || len(corners) < 3 {
			t.Errorf("%v: fonts %v, corners %v", size, fonts, corners)
		}
	}
}

func TestIdentifyingLines(t *testing.T) {
	for kind, want := range map[string]bool{"name": true, "id": true, "birthdate": true, "institution": true, "device": false, "technical": false} {
		if (TextBox{Kind: kind}).Identifies() != want {
			t.Errorf("%s", kind)
		}
	}
}

// A tissue clip and the same clip with its overlay have the same tissue where nothing is drawn.
func TestOverlayLeavesTissueAlone(t *testing.T) {
	cfg := Config{Seed: 42, Frames: 8, Height: 200, Width: 200}
	full := mustNew(t, cfg)
	cfg.Tissue = true
	bare := mustNew(t, cfg)
	a, truth := full.Clip(1, A4C)
	b, _ := bare.Clip(1, A4C)
	if truth.Doppler != nil {
		t.Fatal("choose a patient without Doppler")
	}
	if b.C != 1 || a.C != 3 {
		t.Fatalf("channels %d and %d", b.C, a.C)
	}
	same, inside := 0, 0
	for y := truth.Sector[1]; y <= truth.Sector[3]; y++ {
		for x := truth.Sector[0]; x <= truth.Sector[2]; x++ {
			i := y*200 + x
			if b.Data[i] == 0 {
				continue
			}
			inside++
			if a.Data[3*i] == b.Data[i] && a.Data[3*i+1] == b.Data[i] {
				same++
			}
		}
	}
	if same*100 < inside*93 {
		t.Errorf("%d of %d tissue pixels are unchanged", same, inside)
	}
}

// The audit's mask covers what a confounder draws: two patients' pictures that differ in nothing but the bit differ only there.
func TestShortcutMask(t *testing.T) {
	c := mustNew(t, Config{Seed: 43, Frames: 8, Height: 240, Width: 240})
	for _, k := range []Confounder{Logo, Marker, Lead} {
		p := c.Patient(3)
		p.bits[Logo], p.bits[Lead], p.bits[Marker] = false, false, false
		without, m0 := c.ClipOf(p, A4C)
		p.bits[k] = true
		with, m1 := c.ClipOf(p, A4C)
		changed, missed := 0, 0
		for f := range with.T {
			a, b := without.Frame(f), with.Frame(f)
			for i := range m0.Shortcut {
				if a[3*i] != b[3*i] || a[3*i+1] != b[3*i+1] || a[3*i+2] != b[3*i+2] {
					changed++
					if m0.Shortcut[i] == 0 && m1.Shortcut[i] == 0 {
						missed++
					}
				}
			}
		}
		if changed == 0 || missed*20 > changed {
			t.Errorf("%s: %d of %d changed pixels are outside the mask", k, missed, changed)
		}
	}
}

// One clip in ten of the views with valves has a colour box; the colours are red and blue and stay inside it.
func TestDoppler(t *testing.T) {
	c := mustNew(t, Config{Seed: 44, Frames: 8})
	found := 0
	for i := range 60 {
		pictures, truth := c.Clip(i, A4C)
		if truth.Doppler == nil {
			continue
		}
		found++
		box := *truth.Doppler
		red, blue, outside := 0, 0, 0
		for f := range pictures.T {
			for n := range pictures.H * pictures.W {
				px := pictures.Frame(f)[3*n : 3*n+3]
				isRed, isBlue := int(px[0]) > int(px[2])+90 && px[2] == 20, int(px[2]) > int(px[0])+90 && px[0] == 20
				if !isRed && !isBlue {
					continue
				}
				if x, y := n%pictures.W, n/pictures.W; x < box[0] || x > box[2] || y < box[1] || y > box[3] {
					outside++
				}
				if isRed {
					red++
				} else {
					blue++
				}
			}
		}
		if red == 0 || blue == 0 || outside > 0 {
			t.Errorf("patient %d: %d red, %d blue, %d outside the box", i, red, blue, outside)
		}
	}
	if found < 1 || found > 14 {
		t.Errorf("%d of 60 clips have a colour box", found)
	}
}

func TestReport(t *testing.T) {
	p := Patient{EF: 37.4, EDV: 170, BSA: 2, TAPSE: 15.2, HR: 71.6, AF: true}
	for i := range p.Scores {
		p.Scores[i] = 1
	}
	p.Scores[13], p.Scores[16], p.Scores[8], p.Scores[2] = 3, 3, 2, 4
	p.heart.k = newContraction(p.Scores, -0.4)
	want := "The left ventricle is dilated with moderately reduced systolic function; EF 35-40 %. Dyskinesis of the basal inferoseptum. " +
		"Akinesis of the apical septum and apex. Hypokinesis of the mid inferoseptum. Right ventricular function is reduced, TAPSE 15 mm. " +
		"Atrial fibrillation, 72 beats a minute."
	if got := p.Report(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if join([]string{"a", "b", "c"}) != "a, b and c" {
		t.Error("join")
	}
}

func TestScoresStayInOneTerritory(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	seen := map[int]int{}
	for range 500 {
		s := drawScores(r, true, false)
		owner := -1
		worst := 1
		for k, terr := range territories {
			for _, seg := range terr {
				if s[seg] > 1 {
					if owner >= 0 && owner != k {
						t.Fatalf("defects in two territories: %v", s)
					}
					owner = k
				}
				worst = max(worst, s[seg])
			}
		}
		if owner < 0 {
			t.Fatalf("no defect: %v", s)
		}
		seen[worst]++
	}
	if seen[2] == 0 || seen[3] == 0 || seen[4] == 0 {
		t.Errorf("worst scores %v", seen)
	}
	for _, v := range drawScores(r, false, false) {
		if v != 1 {
			t.Error("a defect without ischaemia")
		}
	}
}
