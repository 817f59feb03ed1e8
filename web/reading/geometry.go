package reading

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
)

// stackView is frames of one series that are parallel planes, in their order along the normal (PS3.3 C.7.6.2.1.1). Places and directions are in
// the axes of the first stack of the same frame of reference, from the middle of its first slice's first pixel: along its rows, along its columns,
// along its normal. So no place of a scanner is told, by which a patient could be found elsewhere. Everything is a number of mm or a direction cosine.
type stackView struct {
	Number int         `json:"number"` // from 1
	Space  int         `json:"space"`  // stacks with the same one lie in one frame of reference
	Row    [3]float64  `json:"row"`    // where columns go
	Column [3]float64  `json:"column"` // where rows go
	Pixel  [2]float64  `json:"pixel"`  // mm: height, width
	Sides  [4]string   `json:"sides"`  // of the body, at left, right, top, bottom: R L A P H F, the nearest first
	MM     float64     `json:"spacing"`
	Even   bool        `json:"even"` // slices lie so far apart everywhere, within a hundredth
	Slices []sliceView `json:"slices"`
}

type sliceView struct {
	Image int        `json:"image"` // from 1
	Frame int        `json:"frame"` // from 0
	MM    float64    `json:"mm"`    // along the normal, from the first slice
	At    [3]float64 `json:"at"`    // of the first pixel's middle
}

// plane is a frame that lies somewhere in the patient.
type plane struct {
	image, frame  int
	order         int // instance number, for planes at one place
	series, space string
	rows, columns int
	at, row, col  [3]float64
	height, width float64
	along         float64
}

// planesOf are the frames of a picture whose place the header says: by itself or in the functional groups of a frame.
func planesOf(im *pixel.Image, number int, series string) (out []plane) {
	ds := im.DataSet()
	space := strings.TrimSpace(ds.String(tag.FrameOfReferenceUID))
	instance, _ := ds.Int(tag.InstanceNumber)
	per := len(ds.Sequence(tag.PerFrameFunctionalGroupsSequence))
	if im.Frames > 1 && per < im.Frames {
		return nil // one place for all frames: a loop, not a stack
	}
	for f := range im.Frames {
		floats := func(t tag.Tag, n int) []float64 {
			e, ok := ds.FrameElement(f, t)
			if !ok {
				return nil
			}
			v := e.Floats()
			if len(v) != n || slices.ContainsFunc(v, func(x float64) bool { return !finite(x) || math.Abs(x) > 1e6 }) {
				return nil
			}
			return v
		}
		at, axes, size := floats(tag.ImagePositionPatient, 3), floats(tag.ImageOrientationPatient, 6), floats(tag.PixelSpacing, 2)
		if at == nil || axes == nil || size == nil || size[0] <= 0 || size[1] <= 0 {
			return nil
		}
		p := plane{image: number, frame: f, order: instance, series: series, space: space, rows: im.Rows, columns: im.Columns,
			at: [3]float64(at), row: unit([3]float64(axes[:3])), col: unit([3]float64(axes[3:])), height: size[0], width: size[1]}
		if math.Abs(length(p.row)-1) > 1e-6 || math.Abs(length(p.col)-1) > 1e-6 || math.Abs(dot(p.row, p.col)) > 1e-3 {
			return nil // no directions at right angles
		}
		out = append(out, p)
	}
	return out
}

// parallel says that two planes can be slices of one stack.
func (p plane) parallel(q plane) bool {
	near := func(a, b float64) bool { return math.Abs(a-b) <= 1e-3*math.Max(a, b) }
	return p.series == q.series && p.space == q.space && p.rows == q.rows && p.columns == q.columns && near(p.height, q.height) && near(p.width, q.width) &&
		dot(p.row, q.row) > 1-1e-5 && dot(p.col, q.col) > 1-1e-5
}

// stacksOf groups planes. Where several lie at each place, as in an exam over time, the first of each make a stack, and the second ones another.
func stacksOf(planes []plane) (out []stackView) {
	var groups [][]plane
	for _, p := range planes {
		i := slices.IndexFunc(groups, func(g []plane) bool { return g[0].parallel(p) })
		if i < 0 {
			i, groups = len(groups), append(groups, nil)
		}
		groups[i] = append(groups[i], p)
	}
	var stacks [][]plane
	for _, g := range groups {
		stacks = append(stacks, sorted(g)...)
	}
	first := map[string]plane{} // of each space
	number := map[string]int{}
	for i, s := range stacks {
		key := s[0].space
		if key == "" { // the header does not say what it shares its places with
			key = "series " + s[0].series
		}
		if _, ok := first[key]; !ok {
			first[key], number[key] = s[0], len(number)+1
		}
		out = append(out, viewOf(s, first[key], i+1, number[key]))
	}
	return out
}

// sorted are the stacks of one group of parallel planes.
func sorted(g []plane) [][]plane {
	n := cross(g[0].row, g[0].col)
	for i := range g {
		g[i].along = dot(sub(g[i].at, g[0].at), n)
	}
	slices.SortStableFunc(g, func(a, b plane) int {
		return cmp.Or(cmp.Compare(math.Round(a.along*1e3), math.Round(b.along*1e3)), cmp.Compare(a.order, b.order), cmp.Compare(a.image, b.image), cmp.Compare(a.frame, b.frame))
	})
	var out [][]plane
	times := 0 // how often the present place came before
	for i, p := range g {
		times++
		if i == 0 || math.Round(p.along*1e3) != math.Round(g[i-1].along*1e3) {
			times = 0
		}
		if times == len(out) {
			out = append(out, nil)
		}
		out[times] = append(out[times], p)
	}
	return out
}

func viewOf(s []plane, first plane, number, space int) stackView {
	axes := [3][3]float64{first.row, cross(cross(first.row, first.col), first.row), cross(first.row, first.col)}
	in := func(v [3]float64) (out [3]float64) {
		for i, a := range axes {
			out[i] = round(dot(v, a))
		}
		return out
	}
	v := stackView{Number: number, Space: space, Row: in(s[0].row), Column: in(s[0].col), Pixel: [2]float64{s[0].height, s[0].width},
		Sides: [4]string{side(scale(s[0].row, -1)), side(s[0].row), side(scale(s[0].col, -1)), side(s[0].col)}, Even: true}
	var gaps []float64
	for i, p := range s {
		v.Slices = append(v.Slices, sliceView{p.image, p.frame, round(p.along - s[0].along), in(sub(p.at, first.at))})
		if i > 0 {
			gaps = append(gaps, p.along-s[i-1].along)
		}
	}
	if len(gaps) > 0 {
		slices.Sort(gaps)
		v.MM = round(gaps[len(gaps)/2])
		v.Even = gaps[len(gaps)-1]-gaps[0] <= 0.01*v.MM
	}
	return v
}

// side is the side of the body in a direction (PS3.3 C.7.6.1.1.1): of one that is oblique the nearest, then the next.
func side(d [3]float64) string {
	names := [3][2]string{{"L", "R"}, {"P", "A"}, {"H", "F"}}
	order := []int{0, 1, 2}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(math.Abs(d[b]), math.Abs(d[a])) })
	var out string
	for _, i := range order {
		if math.Abs(d[i]) < 0.2 && out != "" { // 12 degrees
			break
		}
		if d[i] > 0 {
			out += names[i][0]
		} else {
			out += names[i][1]
		}
	}
	return out
}

func dot(a, b [3]float64) float64 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }
func length(a [3]float64) float64 { return math.Sqrt(dot(a, a)) }
func sub(a, b [3]float64) [3]float64 {
	return [3]float64{a[0] - b[0], a[1] - b[1], a[2] - b[2]}
}
func scale(a [3]float64, k float64) [3]float64 { return [3]float64{a[0] * k, a[1] * k, a[2] * k} }
func unit(a [3]float64) [3]float64 {
	if n := length(a); n > 0.5 && n < 1.5 {
		return scale(a, 1/n)
	}
	return [3]float64{}
}
func cross(a, b [3]float64) [3]float64 {
	return [3]float64{a[1]*b[2] - a[2]*b[1], a[2]*b[0] - a[0]*b[2], a[0]*b[1] - a[1]*b[0]}
}

// round keeps a tenth of a micrometre, and nothing by which a scanner's own numbers could be known.
func round(x float64) float64 { return math.Round(x*1e4)/1e4 + 0 }
