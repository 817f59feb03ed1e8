package phantom

import (
	"math"
	"math/rand/v2"
	"testing"
)

// sample counts the volume of each tissue in mL by random points in a box round the left ventricle.
func sample(h *heart, e float64, n int) (volume [tissueN]float64) {
	r := rand.New(rand.NewPCG(5, 6))
	g := h.figure(moment{e: e})
	var f [fieldN]float32
	reach := h.a0 + h.w0 + 8
	box := 2 * reach * 2 * reach * (h.zb0 + 10)
	for range n {
		x, y, z := (2*r.Float64()-1)*reach, (2*r.Float64()-1)*reach, -5+r.Float64()*(h.zb0+10)
		g.eval(float32(x), float32(y), float32(z), &f)
		volume[classify(&f)] += box / float64(n) / 1000
	}
	return volume
}

// The label agrees with the volume of what is drawn in three dimensions, and the drawn wall's volume is conserved.
func TestDrawnVolumes(t *testing.T) {
	h := normalHeart()
	ed, es := h.at(0), h.at(1)
	a, b := sample(&h, 0, 400000), sample(&h, 1, 400000)
	near(t, "EDV", (a[lvBlood]+a[papillary])/h.biplane(&ed), 1, 0.015)
	near(t, "ESV", (b[lvBlood]+b[papillary])/h.biplane(&es), 1, 0.02)
	// A part of the basal septum is the outflow tract.
	wall := func(v [tissueN]float64) float64 { return v[myocardium] + v[aortaBlood] }
	near(t, "wall, end-systole over end-diastole", wall(b)/wall(a), 1, 0.06)
	if m := h.wallVol * 1.05 / 1000; m < 80 || m > 220 { // 1.05 g/mL
		t.Errorf("left ventricular mass %.0f g", m)
	}
}

func TestClassify(t *testing.T) {
	inside := [fieldN]float32{fWall: -0.5, fBase: -30, fRV: 1, fTri: -20, fLA: 1, fRA: 1, fAorta: 20, fPap: 5}
	with := func(changes ...float32) [fieldN]float32 {
		f := inside
		for i := 0; i < len(changes); i += 2 {
			f[int(changes[i])] = changes[i+1]
		}
		return f
	}
	for _, c := range []struct {
		what string
		f    [fieldN]float32
		want tissue
	}{
		{"cavity", inside, lvBlood},
		{"papillary muscle", with(fPap, -0.1), papillary},
		{"wall", with(fWall, 0.5), myocardium},
		{"papillary fields do not count in the wall", with(fWall, 0.5, fPap, -0.1), myocardium},
		{"outflow tract", with(fWall, 0.3, fBase, -4, fAorta, -1), aortaBlood},
		{"septum below it", with(fWall, 0.3, fBase, -14, fAorta, -1), myocardium},
		{"pericardium", with(fWall, 1.1), pericardium},
		{"right ventricle", with(fWall, 1.1, fRV, -0.2), rvBlood},
		{"its free wall", with(fWall, 3, fRV, 0.1), thinWall},
		{"right atrium", with(fWall, 3, fRV, -0.2, fTri, 5, fRA, -0.1), raBlood},
		{"left atrium", with(fBase, 10, fLA, -0.2), laBlood},
		{"its wall", with(fBase, 10, fLA, 0.05), thinWall},
		{"annulus", with(fBase, 2, fWall, 0.4, fLA, 0.3), fibrous},
		{"aorta before atrium", with(fBase, 10, fLA, -0.2, fAorta, -3), aortaBlood},
		{"aortic wall", with(fBase, 10, fAorta, 1), thinWall},
		{"outside", with(fWall, 4), background},
	} {
		if got := classify(&c.f); got != c.want {
			t.Errorf("%s: tissue %d, want %d", c.what, got, c.want)
		}
	}
	for k := range tissueN {
		if k.blood() != (maskClass[k] != MaskBackground && k != myocardium && k != papillary) {
			t.Errorf("tissue %d: blood %t, class %d", k, k.blood(), maskClass[k])
		}
	}
}

// Where anatomy says things are: landmarks of a normal heart at end-diastole.
func TestLandmarks(t *testing.T) {
	h := normalHeart()
	g := h.figure(moment{})
	var f [fieldN]float32
	at := func(v vec3) tissue {
		g.eval(float32(v.x), float32(v.y), float32(v.z), &f)
		return classify(&f)
	}
	base := h.zb0
	for _, c := range []struct {
		what  string
		place vec3
		want  tissue
	}{
		{"middle of the left ventricle", vec3{0, 0, 0.6 * base}, lvBlood},
		{"apical wall", vec3{0, 0, h.w0 / 2}, myocardium},
		{"lateral wall", vec3{h.a0 + h.w0/2, 0, h.c0 + h.w0}, myocardium},
		{"septum", vec3{-h.a0 - h.w0/2, 0, h.c0 + h.w0}, myocardium},
		{"right ventricle beyond the septum", direction(152).mul(h.a0 + h.w0 + 8).add(vec3{0, 0, 0.7 * base}), rvBlood},
		{"no right ventricle beyond the lateral wall", vec3{h.a0 + h.w0 + 8, 0, 0.7 * base}, background},
		{"left atrium", direction(300).mul(6).add(vec3{0, 0, base + 20}), laBlood},
		{"right atrium", direction(165).mul(h.a0 + h.w0 + 8).add(vec3{0, 0, base + 15}), raBlood},
		{"aortic root", direction(120).mul(aortaOffset + 2).add(vec3{0, 0, base + 8}), aortaBlood},
		{"far behind", vec3{0, 0, base + 120}, background},
	} {
		if got := at(c.place); got != c.want {
			t.Errorf("%s: tissue %d, want %d", c.what, got, c.want)
		}
	}
}

// The tricuspid annulus comes down by TAPSE; atria fill while the ventricles empty; the roof of the atrium stays.
func TestMotionOfTheBase(t *testing.T) {
	h := normalHeart()
	ed, es := h.figure(moment{}), h.figure(moment{e: 1})
	near(t, "tricuspid excursion, mm", float64(ed.tri-es.tri), h.tapse, 1e-4)
	if es.la.il > ed.la.il || es.la.ir > ed.la.ir {
		t.Error("the left atrium does not grow in systole")
	}
	near(t, "roof of the atrium", float64(es.la.z+1/es.la.il), float64(ed.la.z+1/ed.la.il), 1e-3)
	if es.rvR >= ed.rvR {
		t.Error("the right ventricle does not contract")
	}
}

// Closed leaflets meet in the middle of their ring, open ones hang into the ventricle; aortic cusps open the other way.
func TestLeaflets(t *testing.T) {
	h := normalHeart()
	closed, open := h.figure(moment{}), h.figure(moment{e: 0.4, mitral: 1, aortic: 1})
	a, b := closed.leaves(), open.leaves()
	for _, v := range []uint8{mitral, tricuspid, aortic} {
		tip := leafPoint{valve: v, along: leafSteps, dir: direction(210), length: 1.1}
		hinge := leafPoint{valve: v, along: 0, dir: direction(210), length: 1.1}
		off := func(l *leaves, q *leafPoint) (radial, axial float64) {
			d := l.at(q).add(l[v].centre.mul(-1))
			return d.dot(q.dir), d.z
		}
		radial, _ := off(&a, &hinge)
		near(t, "hinge on the ring", radial, a[v].radius, 1e-9)
		radial, _ = off(&a, &tip)
		if math.Abs(radial) > 0.25*a[v].radius {
			t.Errorf("valve %d: closed tip %.1f mm from the middle", v, radial)
		}
		openRadial, axial := off(&b, &tip)
		if openRadial < 0.5*b[v].radius {
			t.Errorf("valve %d: open tip %.1f of %.1f mm from the middle", v, openRadial, b[v].radius)
		}
		if (axial < 0) != (v != aortic) || math.Abs(axial) < 0.8*b[v].radius {
			t.Errorf("valve %d opens by %.1f mm", v, axial)
		}
	}
}

// Leaflets are bright where the plane cuts them: the mitral ring's middle in a four-chamber view, closed.
func TestLeafletsAreSeen(t *testing.T) {
	c := mustNew(t, Config{Seed: 3})
	p := c.Patient(0)
	q := standard(&p.heart, A4C)
	b := clean(p, &q, 2)
	b.valves = drawLeaves(7, &p.heart, &q.plane)
	if len(b.valves) < 200 || len(b.valves) > 2*leafCount {
		t.Fatalf("%d scatterers in the slice", len(b.valves))
	}
	power := func(with bool) (sum float64) {
		g := p.heart.figure(moment{})
		b.place(&g, vec3{})
		b.scatter(1)
		if with {
			b.splat(&g, vec3{})
		}
		b.blur()
		d := int((p.heart.zb0 - 3 - (p.heart.zb0/2 - (p.heart.zb0/2 + 15))) / b.dr)
		for beam := 60; beam <= 68; beam++ {
			for k := -8; k <= 8; k++ {
				v := float64(b.grey[beam][d+k])
				sum += v * v
			}
		}
		return sum
	}
	if with, without := power(true), power(false); with < 5*without {
		t.Errorf("power %.3g with leaflets, %.3g without", with, without)
	}
}

// Log-hazard by hand: EF 30, age 70, dyskinesia: 0.035·20 + 0.04·10 + 0.5 = 1.6.
func TestLogHazard(t *testing.T) {
	c := mustNew(t, Config{Seed: 1})
	p := &Patient{EF: 30, Age: 70}
	p.Scores[4] = 4
	c.drawSurvival(p)
	near(t, "log-hazard", p.LogHazard, 1.6, 1e-12)
	q := &Patient{EF: 65, Age: 60}
	c.drawSurvival(q)
	near(t, "of a healthy one", q.LogHazard, 0, 1e-12)
	confounded := mustNew(t, Config{Seed: 1, Rho: 0.5})
	q.Site = TestSite
	confounded.drawSurvival(q)
	near(t, "at the test site", q.LogHazard, 0.15, 1e-12)
	if p.Time <= 0 || p.Time > censorTo {
		t.Errorf("time %g years", p.Time)
	}
}

// Identities are invented, consistent, and different.
func TestIdentity(t *testing.T) {
	c := mustNew(t, Config{Seed: 55})
	ids := map[string]bool{}
	for i := range 200 {
		p := c.Patient(i)
		id := p.Identity
		ids[id.ID] = true
		born, study := id.BirthDate[:4], id.StudyDate[:4]
		var b, s int
		for k := range 4 {
			b, s = b*10+int(born[k]-'0'), s*10+int(study[k]-'0')
		}
		age := s - b
		if id.BirthDate[4:] > id.StudyDate[4:] {
			age--
		}
		if age != p.Age {
			t.Errorf("born %s, seen %s, age %d", id.BirthDate, id.StudyDate, p.Age)
		}
		if id.Institution != places[p.Site] || len(id.StudyTime) != 6 {
			t.Errorf("%+v", id)
		}
	}
	if len(ids) < 199 {
		t.Errorf("%d different numbers for 200 patients", len(ids))
	}
}

// File names change with everything that changes the pictures and with nothing else.
func TestPictureDigest(t *testing.T) {
	base := Config{Seed: 1, Patients: 3}
	digest := func(c Config) string { return mustNew(t, c).cfg.pictureDigest() }
	want := digest(base)
	for what, change := range map[string]func(*Config){
		"seed": func(c *Config) { c.Seed = 2 }, "frames": func(c *Config) { c.Frames = 16 }, "height": func(c *Config) { c.Height = 128 }, "rho": func(c *Config) { c.Rho = 0.1 },
		"one confounder": func(c *Config) { c.Confounders = map[Confounder]float64{Lead: 0.3} }, "preset": func(c *Config) { c.Preset = Uniform }, "tissue": func(c *Config) { c.Tissue = true },
	} {
		c := base
		change(&c)
		if digest(c) == want {
			t.Errorf("%s does not change the digest", what)
		}
	}
	for what, change := range map[string]func(*Config){
		"patients": func(c *Config) { c.Patients = 9 }, "views": func(c *Config) { c.Views = Views }, "masks": func(c *Config) { c.Masks = true }, "workers": func(c *Config) { c.Workers = 5 },
		"a default said": func(c *Config) { c.Frames, c.Preset = 32, EchoNet }, "avi": func(c *Config) { c.AVI = true },
	} {
		c := base
		change(&c)
		if digest(c) != want {
			t.Errorf("%s changes the digest", what)
		}
	}
}
