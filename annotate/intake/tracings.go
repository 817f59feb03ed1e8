package intake

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/fault"
)

// chord is a line of EchoNet's tracings, pixels.
type chord struct{ a, b measure.Point }

func (c chord) length() float64 { return math.Hypot(c.a.X-c.b.X, c.a.Y-c.b.Y) }

func (c chord) middle() measure.Point {
	return measure.Point{X: (c.a.X + c.b.X) / 2, Y: (c.a.Y + c.b.Y) / 2}
}

// traced are the rows of one frame of one loop.
type traced struct {
	name   string
	frame  int
	line   int // of the first row
	chords []chord
}

// Tracings reads EchoNet-Dynamic's VolumeTracings (FileName, X1, Y1, X2, Y2, Frame; frames from 0): of every frame first the long axis, then lines across it. Each frame
// becomes a trace of the four-chamber view, see [outlineOf]; the frame with the larger cavity is the end of diastole, the other the end of systole. Code input where it is no such
// table or the protocol has no ejection fraction.
func (r *Reader) Tracings(name string, table io.Reader) error {
	r.begin(name)
	it := r.item(func(it *protocol.Item) bool { return it.Kind == protocol.Ejection }, "tracings")
	if it == nil {
		for i := range r.proto.Items {
			if x := &r.proto.Items[i]; x.Kind == protocol.Ejection {
				if it != nil {
					return fault.New(fault.Usage, "the protocol has several ejection fractions").WithHint("map tracings to one of them")
				}
				it = x
			}
		}
	}
	if it == nil {
		return fault.New(fault.Input, "the protocol has no ejection fraction that tracings could be of")
	}
	list, bad, err := readTracings(table)
	if err != nil {
		return err
	}
	for _, b := range bad {
		r.refuse(fmt.Sprintf("row %d", b.line), Key{Name: b.name}, b.err)
	}
	var loops [][]*traced
	by := map[string]int{}
	for _, t := range list {
		i, known := by[t.name]
		if !known {
			i = len(loops)
			by[t.name], loops = i, append(loops, nil)
		}
		loops[i] = append(loops[i], t)
	}
	for _, loop := range loops {
		where := fmt.Sprintf("row %d", loop[0].line)
		k := Key{Name: loop[0].name}
		if err := r.loop(where, k, it, loop); err != nil {
			r.refuse(where, k, err)
		}
	}
	return nil
}

// loop keeps the fraction of one loop.
func (r *Reader) loop(where string, k Key, it *protocol.Item, frames []*traced) error {
	if len(frames) != 2 {
		return fault.New(fault.Input, "%d frames were traced: a fraction needs two", len(frames))
	}
	at, err := r.pictures.find(k)
	if err != nil {
		return err
	}
	var area [2]float64
	var shapes [2]annotate.Drawn
	for i, t := range frames {
		p, err := outlineOf(t.chords)
		if err != nil {
			return err
		}
		shapes[i] = annotate.Drawn{Image: at.image, Shape: measure.Shape{Kind: measure.Trace, Frame: t.frame, Points: p}}
		res, err := measure.Measure(measure.Shape{Kind: measure.Polygon, Points: p}, measure.Calibration{Aspect: 1})
		if err != nil {
			return err
		}
		v, _ := res.Value("area")
		area[i] = v.Number
	}
	if area[1] > area[0] {
		shapes[0], shapes[1] = shapes[1], shapes[0]
	}
	shapes[0].Role, shapes[1].Role = "a4c_ed", "a4c_es"
	r.keep(where, at, annotate.Answer{Item: it.Name, Shapes: shapes[:]})
	return nil
}

// outlineOf makes a long axis and lines across it a trace from one side of the valve round the apex to the other.
//
// The end of the axis beside which the lines are longer is the base. The trace's ends are the line nearest to the base, moved along the axis until its middle is as deep as the base:
// lines stand in the middles of discs or at their edges, and without this the cavity would lose half a disc. Then the lines' ends up one side, the axis' other end as the apex,
// and down the other side. Lines that stand in no order along the axis are put into it; which end of a line is on which side is seen from the axis.
func outlineOf(list []chord) ([]measure.Point, error) {
	if len(list) < 4 {
		return nil, fault.New(fault.Input, "a frame of %d rows: it needs the long axis and three lines across", len(list))
	}
	axis, lines := list[0], slices.Clone(list[1:])
	long := axis.length()
	if long == 0 {
		return nil, fault.New(fault.Input, "a long axis without length")
	}
	dir := measure.Point{X: (axis.b.X - axis.a.X) / long, Y: (axis.b.Y - axis.a.Y) / long}
	along := func(p measure.Point) float64 { return (p.X-axis.a.X)*dir.X + (p.Y-axis.a.Y)*dir.Y }
	side := func(p measure.Point) float64 { return (p.X-axis.a.X)*dir.Y - (p.Y-axis.a.Y)*dir.X }
	slices.SortStableFunc(lines, func(x, y chord) int {
		switch a, b := along(x.middle()), along(y.middle()); {
		case a < b:
			return -1
		case a > b:
			return 1
		}
		return 0
	})
	base, apex := axis.a, axis.b
	if n := max(1, len(lines)/4); width(lines[len(lines)-n:]) > width(lines[:n]) { // the base is where the lines end that are longer
		base, apex = axis.b, axis.a
		slices.Reverse(lines)
	}
	for i, c := range lines {
		if side(c.a) > side(c.b) {
			lines[i] = chord{c.b, c.a}
		}
	}
	first := lines[0]
	move := along(base) - along(first.middle())
	shift := func(p measure.Point) measure.Point {
		return measure.Point{X: p.X + move*dir.X, Y: p.Y + move*dir.Y}
	}
	var left, right []measure.Point
	if math.Abs(move) > 0.01 { // else the line stands at the base itself
		left, right = append(left, shift(first.a)), append(right, shift(first.b))
	}
	for _, c := range lines {
		if c.length() > 0 {
			left, right = append(left, c.a), append(right, c.b)
		}
	}
	slices.Reverse(right)
	out := append(append(left, apex), right...)
	return out, measure.Shape{Kind: measure.Trace, Points: out}.Check()
}

func width(list []chord) (sum float64) {
	for _, c := range list {
		sum += c.length()
	}
	return sum
}

// badRow is one that can't be read.
type badRow struct {
	line int
	name string
	err  error
}

// readTracings groups the table's rows by loop and frame, in the order of their first rows. Nothing of a cell is in an error.
func readTracings(table io.Reader) (out []*traced, bad []badRow, err error) {
	c := csv.NewReader(table)
	head, err := c.Read()
	if err != nil {
		return nil, nil, fault.New(fault.Input, "the table has no header")
	}
	at := map[string]int{}
	for i, h := range head {
		at[strings.TrimSpace(strings.TrimPrefix(h, "\ufeff"))] = i
	}
	columns := []string{"X1", "Y1", "X2", "Y2"}
	for _, need := range append([]string{"FileName", "Frame"}, columns...) {
		if _, ok := at[need]; !ok {
			return nil, nil, fault.New(fault.Input, "the table has no column %s", need)
		}
	}
	type key struct {
		name  string
		frame int
	}
	by := map[key]*traced{}
	spoilt := map[string]bool{} // loops with a bad row are not taken: their discs would be wrong
	for line := 2; ; line++ {
		row, err := c.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, nil, fault.New(fault.Input, "row %d can't be read", line)
		}
		name := strings.TrimSpace(row[at["FileName"]])
		var v [4]float64
		frame, err := strconv.Atoi(strings.TrimSpace(row[at["Frame"]]))
		for i, n := range columns {
			f, e := strconv.ParseFloat(strings.TrimSpace(row[at[n]]), 64)
			if e != nil || math.IsNaN(f) || math.Abs(f) > 1e6 {
				err = fault.New(fault.Input, "a place that is none")
			}
			v[i] = f
		}
		if err != nil || frame < 0 {
			spoilt[name] = true
			bad = append(bad, badRow{line, name, fault.New(fault.Input, "its places or its frame are no numbers: the loop is left out")})
			continue
		}
		k := key{name, frame}
		if by[k] == nil {
			by[k] = &traced{name: name, frame: frame, line: line}
			out = append(out, by[k])
		}
		if len(by[k].chords) > measure.MaxPoints/2-2 {
			return nil, nil, fault.New(fault.Input, "row %d: too many lines in one frame", line)
		}
		by[k].chords = append(by[k].chords, chord{measure.Point{X: v[0], Y: v[1]}, measure.Point{X: v[2], Y: v[3]}})
	}
	return slices.DeleteFunc(out, func(t *traced) bool { return spoilt[t.name] }), bad, nil
}
