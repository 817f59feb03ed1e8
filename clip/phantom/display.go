package phantom

import "math"

// Log compression by table: a power's exponent and upper seven mantissa bits choose one of lookupLen display levels, steps of
// 0.03 dB from −96 to +48 dB.
const (
	lookupMinExp = -32
	lookupMaxExp = 16
	lookupLen    = (lookupMaxExp - lookupMinExp) << 7
)

func lookupIndex(power float32) int {
	i := int(math.Float32bits(power)>>16) - (127+lookupMinExp)<<7
	return min(max(i, 0), lookupLen-1)
}

// display is the scanner's grey map.
type display struct {
	gainDB  float64 // added before compression
	rangeDB float64 // dynamic range shown
	gamma   float64
}

// whiteDB is the level shown white at no gain. Speckle peaks of the pericardium reach it; mean myocardium is a mid grey.
const whiteDB = 17

// fillLookup computes the level of every power. Mean myocardium is at 0 dB.
func (v display) fillLookup(t *[lookupLen]float32) {
	for i := range t {
		exp := float64(i>>7) + lookupMinExp
		mantissa := 1 + (float64(i&127)+0.5)/128
		db := 10*math.Log10(mantissa) + 10*math.Log10(2)*exp + v.gainDB
		x := clamp((db-whiteDB+v.rangeDB)/v.rangeDB, 0, 1)
		t[i] = float32(255 * math.Pow(x, v.gamma))
	}
}

// scan maps pixels to the polar grid.
type scan struct {
	h, w     int
	mm       float64 // per pixel
	x0, y0   float64 // the probe's face in pixels
	flip     bool
	pixels   []int32 // index of each pixel inside the sector
	at       []int32 // beam·polarDepths + depth of its upper left polar sample
	fb, fd   []float32
	halfSin  float64
	bottomPx float64
}

// cropped is the share of the sector's width that pictures show. The outer corners, where no heart is, are cut off so that the
// heart is larger.
const cropped = 0.85

// newScan lays the sector out on h×w pixels, as large as fits with a margin of 3 %.
func newScan(h, w int, depth, half float64, flip bool) *scan {
	s := &scan{h: h, w: w, flip: flip}
	s.mm = math.Max(depth/(0.95*float64(h)), cropped*2*depth*math.Sin(half)/(0.97*float64(w)))
	s.x0 = float64(w)/2 - 0.5
	s.y0 = math.Max(0.025*float64(h), (float64(h)-depth/s.mm)*0.35) - 0.5
	s.halfSin = math.Sin(half)
	s.bottomPx = s.y0 + depth/s.mm
	n := h * w
	s.pixels, s.at = make([]int32, 0, n), make([]int32, 0, n)
	s.fb, s.fd = make([]float32, 0, n), make([]float32, 0, n)
	dr := depth / (polarDepths - 1)
	tan := math.Tan(half)
	for y := range h {
		dy := (float64(y) - s.y0) * s.mm
		if dy <= 0 || dy > depth {
			continue
		}
		for x := range w {
			dx := (float64(x) - s.x0) * s.mm
			if math.Abs(dx) > dy*tan {
				continue
			}
			d := math.Sqrt(dx*dx+dy*dy) / dr
			if d > polarDepths-1 {
				continue
			}
			if flip {
				dx = -dx
			}
			beam := (math.Atan2(dx, dy)/half + 1) / 2 * (polarBeams - 1)
			bi := min(max(int(beam), 0), polarBeams-2)
			di := min(int(d), polarDepths-2)
			s.pixels = append(s.pixels, int32(y*w+x))
			s.at = append(s.at, int32(bi*polarDepths+di))
			s.fb = append(s.fb, float32(beam-float64(bi)))
			s.fd = append(s.fd, float32(d-float64(di)))
		}
	}
	return s
}

// convert writes the polar picture into a frame of h·w bytes, bilinearly. Pixels outside the sector are left alone.
func (s *scan) convert(dst []uint8, grey *[polarBeams][polarDepths]float32) {
	for i, p := range s.pixels {
		at := s.at[i]
		b, d := at/polarDepths, at%polarDepths
		lo, hi := &grey[b], &grey[b+1]
		fd, fb := s.fd[i], s.fb[i]
		l := lo[d] + fd*(lo[d+1]-lo[d])
		h := hi[d] + fd*(hi[d+1]-hi[d])
		dst[p] = uint8(l + fb*(h-l) + 0.5)
	}
}

// labels writes the mask classes of one frame into dst: the fields are interpolated to each pixel and classified there. The frame's
// cells must have been sorted.
func (s *scan) labels(dst []uint8, b *beamformer) {
	var f [fieldN]float32
	for i, p := range s.pixels {
		at := int(s.at[i])
		beam, depth := float32(at/polarDepths)+s.fb[i], float32(at%polarDepths)+s.fd[i]
		tb, td := beam*(1.0/nodeStep), depth*(1.0/nodeStep)
		j, k := int(tb), int(td)
		if b.uniform[j][k] {
			dst[p] = maskClass[b.kinds[j][k]]
			continue
		}
		tb, td = tb-float32(j), td-float32(k)
		for n := range f {
			lo, hi := &b.nodes[n][j], &b.nodes[n][j+1]
			l := lo[k] + td*(lo[k+1]-lo[k])
			h := hi[k] + td*(hi[k+1]-hi[k])
			f[n] = l + tb*(h-l)
		}
		dst[p] = maskClass[classify(&f)]
	}
}

// pixel is where a place in the imaging plane (mm right of and below the probe) is drawn.
func (s *scan) pixel(x, y float64) (px, py float64) {
	if s.flip {
		x = -x
	}
	return s.x0 + x/s.mm, s.y0 + y/s.mm
}
