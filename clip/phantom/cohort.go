package phantom

import (
	"math"
	"math/rand/v2"
	"sync"

	"github.com/cineloop/cineloop/clip"
)

// Cohort is a simulated study. It is safe for use by several goroutines.
type Cohort struct {
	cfg  Config
	pool sync.Pool // *beamformer
}

// New checks the configuration and returns its cohort. Errors have code usage.
func New(cfg Config) (*Cohort, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Cohort{cfg: cfg, pool: sync.Pool{New: func() any { return newBeamformer() }}}, nil
}

// Config is the configuration with every default filled in.
func (c *Cohort) Config() Config { return c.cfg }

// Len is the number of patients.
func (c *Cohort) Len() int { return c.cfg.Patients }

// Taken are the views that patient i has, of the configuration's and in its order: at least one.
func (c *Cohort) Taken(i int) []View {
	if c.cfg.Missing == 0 {
		return c.cfg.Views
	}
	var out []View
	for _, v := range c.cfg.Views {
		if c.cfg.Seed.Stream("phantom missing", i, string(v)).Float64() >= c.cfg.Missing {
			out = append(out, v)
		}
	}
	if len(out) == 0 {
		one := c.cfg.Seed.Stream("phantom missing", i).IntN(len(c.cfg.Views))
		out = c.cfg.Views[one : one+1]
	}
	return out
}

// Clips is how many clips the cohort has.
func (c *Cohort) Clips() int {
	n := 0
	for i := range c.cfg.Patients {
		n += len(c.Taken(i))
	}
	return n
}

// Truth is what is known about one clip.
type Truth struct {
	Patient     *Patient  `json:"-"`
	View        View      `json:"view"`
	FPS         float64   `json:"fps"`        // frames a second, as stored
	Volumes     []float64 `json:"volumes_ml"` // by biplane discs, for each frame
	Phases      []float64 `json:"phases"`     // 0…1 through the beat, from the R wave, for each frame
	ED          []int     `json:"ed"`         // frames nearest to each end-diastole inside the clip
	ES          []int     `json:"es"`         // and end-systole
	HR          float64   `json:"hr"`         // beats a minute in this clip
	Foreshorten float64   `json:"foreshorten_deg"`
	Depth       float64   `json:"depth_mm"`
	PixelMM     float64   `json:"pixel_mm"`
	Boxes       []TextBox `json:"text,omitempty"`       // burned-in text
	Sector      [4]int    `json:"sector"`               // bounding box of the sector: x0, y0, x1, y1, pixels, inclusive
	Origin      [2]int    `json:"origin"`               // the probe's face in pixels, x, y
	Doppler     *[4]int   `json:"colour_box,omitempty"` // bounding box of the colour box
	Tracings    []Tracing `json:"tracings,omitempty"`   // the first end-diastole and the end-systole after it; not in short axis
	Masks       []uint8   `json:"-"`                    // [T, H, W] mask classes; nil unless asked for
	Shortcut    []uint8   `json:"-"`                    // [H, W], 1 where a confounder is drawn in any frame
}

// timing chooses the acquisition: its rate, and which frames are kept. A scanner runs at 30–80 frames/s. A clip of N frames keeps
// every k-th one, with the smallest k for which N frames cover at least 1.15 of the longest RR interval: so any clip holds a whole
// beat, and its frame times stay true.
func (c *Cohort) timing(p *Patient, v View) (times []float64, fps float64, q rhythm) {
	r := c.cfg.Seed.Stream("phantom rhythm", p.Index, string(v))
	rate := uniform(r, 30, 55)
	if p.bits[FrameRate] {
		rate = uniform(r, 55, 80)
	}
	beats := 2 + 2*r.Float64()
	rr := 60 / p.HR
	if c.cfg.Frames < 0 {
		n := int(beats*rr*rate) + 1
		q = newRhythm(r, p.HR, p.AF, beats*rr+1)
		for i := range n {
			times = append(times, float64(i)/rate)
		}
		return times, rate, q
	}
	q = newRhythm(r, p.HR, p.AF, 12)
	n := float64(c.cfg.Frames)
	k := math.Max(1, math.Ceil(1.15*q.longest()*rate/n))
	fps = rate / k
	for i := range c.cfg.Frames {
		times = append(times, float64(i)/fps)
	}
	return times, fps, q
}

// Clip simulates patient i in view v: the pictures and everything that is known about them. Views need not be among the
// configuration's.
func (c *Cohort) Clip(i int, v View) (*clip.Clip, *Truth) {
	p := c.Patient(i)
	return c.ClipOf(p, v)
}

// ClipOf is Clip for a patient that has been simulated already.
func (c *Cohort) ClipOf(p *Patient, v View) (*clip.Clip, *Truth) {
	r := c.cfg.Seed.Stream("phantom clip", p.Index, string(v))
	b := c.pool.Get().(*beamformer)
	defer c.pool.Put(b)
	times, fps, beats := c.timing(p, v)
	q := p.acquire(r, &c.cfg, v)
	b.aim(&q)
	b.prepare(r, &c.cfg, p, &q)

	H, W := c.cfg.Height, c.cfg.Width
	s := newScan(H, W, q.depth, q.half, q.flip)
	channels := 3
	if c.cfg.Tissue {
		channels = 1
	}
	out := clip.New(clip.Uint8, len(times), H, W, channels)
	out.Spacing = clip.Spacing{Row: s.mm, Column: s.mm}
	out.TimesMS = make([]float64, len(times))
	truth := &Truth{Patient: p, View: v, FPS: fps, Foreshorten: q.Foreshorten, Depth: q.depth, PixelMM: s.mm, Sector: s.box(), Origin: [2]int{int(math.Round(s.x0)), int(math.Round(s.y0))}}
	truth.describe(p, times, &beats)
	if c.cfg.Masks {
		truth.Masks = make([]uint8, len(times)*H*W)
	}
	truth.Shortcut = make([]uint8, H*W)
	var paint *painter
	if !c.cfg.Tissue {
		// A stream of its own: the tissue is the same with and without an overlay.
		r := c.cfg.Seed.Stream("phantom overlay", p.Index, string(v))
		paint = newPainter(r, p, &q, s, times, &beats, truth)
	}
	salt := r.Uint64()
	grey := make([]uint8, H*W)
	for t, sec := range times {
		out.TimesMS[t] = sec * 1000
		m := beats.at(sec)
		g := p.heart.figure(m)
		shift := q.shift(sec)
		b.place(&g, shift)
		b.scatter(salt + uint64(t))
		b.splat(&g, shift)
		if p.bits[Lead] {
			b.lead(&g, shift, s, truth.Shortcut)
		}
		b.blur()
		if c.cfg.Tissue {
			s.convert(out.Frame(t), &b.grey)
		} else {
			s.convert(grey, &b.grey)
			paint.frame(out.Frame(t), grey, t, m, &g, shift)
		}
		if truth.traced(t) {
			if tr := g.trace(&q, shift, s, t); tr != nil {
				truth.Tracings = append(truth.Tracings, *tr)
			}
		}
		if truth.Masks != nil {
			s.labels(truth.Masks[t*H*W:(t+1)*H*W], b)
		}
	}
	out.Photometric = clip.Grey
	if channels == 3 {
		out.Photometric = clip.RGB
	}
	out.Source = clip.Source{Format: "phantom", Digest: c.clipDigest(p, v), Reader: "phantom " + Version, Tags: map[string]string{"Modality": "US", "ViewName": string(v)}}
	return out, truth
}

// describe fills in what follows from the geometry and the rhythm.
func (t *Truth) describe(p *Patient, times []float64, q *rhythm) {
	nearest := func(at float64) int {
		best := -1
		for i, s := range times {
			if best < 0 || math.Abs(s-at) < math.Abs(times[best]-at) {
				best = i
			}
		}
		return best
	}
	half := 0.5 / t.FPS
	last := times[len(times)-1]
	var rr, beats float64
	for i, start := range q.start[:len(q.start)-1] {
		length := q.start[i+1] - start
		if start > last {
			break
		}
		rr += length
		beats++
		if start >= -half {
			t.ED = append(t.ED, nearest(start))
		}
		if es := start + systole(length); es >= -half && es <= last+half {
			t.ES = append(t.ES, nearest(es))
		}
	}
	t.HR = 60 * beats / rr
	for _, s := range times {
		m := q.at(s)
		state := p.heart.at(m.e)
		t.Volumes = append(t.Volumes, p.heart.biplane(&state))
		t.Phases = append(t.Phases, m.phase)
	}
}

// traced says whether an expert would outline frame i: the first end-diastole that has an end-systole after it, and that one. Where
// the clip has no such pair, the first of each.
func (t *Truth) traced(i int) bool {
	for _, ed := range t.ED {
		for _, es := range t.ES {
			if es > ed {
				return i == ed || i == es
			}
		}
	}
	return len(t.ED) > 0 && i == t.ED[0] || len(t.ES) > 0 && i == t.ES[0]
}

// prepare draws an acquisition's texture, gains and grey map.
func (b *beamformer) prepare(r *rand.Rand, cfg *Config, p *Patient, q *acquisition) {
	fillTexture(b.tex, b.scratch, r.Uint64())
	fillRanks(b.ranks, r.Uint64())
	// Coordinates stay positive for integer truncation: the origin is far from the picture's edge, by whole turns of the torus.
	b.texU, b.texV = 4*texSide+float32(r.Float64()), 4*texSide+float32(r.Float64())
	b.blood = bloodTextures()[r.IntN(len(bloodTextures()))]
	b.back, b.wall = backgroundTexture(), wallTexture()

	quality := clamp(p.body.quality+0.5*r.NormFloat64(), -1.5, 2.5) // high is bad
	b.amp = amplitudes
	clutter := math.Pow(10, (-36+3.5*quality)/20) // echoes by other paths, in blood only
	for t := range tissueN {
		if t.blood() {
			b.amp[t] = float32(math.Hypot(float64(b.amp[t]), clutter))
		}
	}
	noise := -52 + 2*quality
	if k := cfg.rho(BMI); k > 0 {
		noise += k * 0.6 * (p.BMI - 26)
	}
	b.transmit(r, q, noise)

	gain, dynamic := 6*r.Float64(), r.Float64()
	if p.bits[Gain] {
		dynamic = dynamic / 2
	} else {
		gain, dynamic = -gain, (1+dynamic)/2
	}
	view := display{gainDB: gain, rangeDB: 48 + 12*dynamic, gamma: uniform(r, 0.8, 1.2)}
	view.fillLookup(&b.lookup)
	b.valves = drawLeaves(r.Uint64(), &p.heart, &b.plane)
}
