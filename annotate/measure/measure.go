package measure

import (
	"math"

	"github.com/cineloop/cineloop/internal/fault"
)

// Measure gives a shape its numbers by the calibration of its frame. Code input where the shape can't be measured; the message says why
// in words that are fit for the reader.
func Measure(s Shape, c Calibration) (Result, error) {
	if err := s.Check(); err != nil {
		return Result{}, err
	}
	sc, err := c.scaleFor(s.Points)
	if err != nil {
		return Result{}, err
	}
	r := Result{Source: sc.source, X: math.Abs(sc.x.Scale), Y: math.Abs(sc.y.Scale), UnitX: sc.x.Unit, UnitY: sc.y.Unit}
	if sc.region != nil {
		r.Region = sc.region.Number
	}
	if sc.caveat != "" {
		r.Notes = append(r.Notes, sc.caveat)
	}
	switch s.Kind {
	case Caliper:
		if s.To > 0 {
			return through(s, c, sc)
		}
		return r, r.caliper(s.Points, sc)
	case PointMark:
		r.place(s.Points[0], sc)
		return r, nil
	}
	length, area := Millimetre, SquareMillimetre
	switch {
	case sc.x.Unit == Millimetre && sc.y.Unit == Millimetre:
	case sc.x.Unit == Pixels:
		length, area = Pixels, SquarePixels
		if s.Kind == Angle {
			r.Notes[len(r.Notes)-1] = "the header does not say what a pixel is worth: the angle takes pixels to have the shape that the header says, else square"
		}
	default:
		return Result{}, fault.New(fault.Input, "here the picture has an axis of %s and one of %s: a %s has no size", words(sc.x.Unit), words(sc.y.Unit), s.Kind).
			WithHint("use the caliper")
	}
	at := make([]Point, len(s.Points))
	for i, p := range s.Points {
		at[i] = Point{p.X * math.Abs(sc.x.Scale), p.Y * math.Abs(sc.y.Scale)}
	}
	r.shape(s.Kind, at, length, area)
	return r, nil
}

// words for a unit in messages.
func words(unit string) string {
	switch unit {
	case Millimetre:
		return "millimetres"
	case Millisecond:
		return "time"
	case CmPerSecond:
		return "velocity"
	case "":
		return "no unit"
	}
	return unit
}

// add keeps a value; one that is no number (the angle of a line without length) becomes a note.
func (r *Result) add(name string, v float64, unit string) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		r.Notes = append(r.Notes, "the "+name+" is not defined")
		return
	}
	r.Values = append(r.Values, Value{name, v, unit})
}

// shape measures points that are in mm or pixels already.
func (r *Result) shape(k Kind, at []Point, length, area string) {
	switch k {
	case Length:
		r.add("length", at[0].distance(at[1]), length)
	case Polyline:
		r.add("length", pathLength(at), length)
	case Angle:
		r.add("angle", angle(at), Degree)
	case Bidirectional:
		r.bidirectional(at, length)
	case Rectangle:
		w, h := math.Abs(at[1].X-at[0].X), math.Abs(at[1].Y-at[0].Y)
		r.add("width", w, length)
		r.add("height", h, length)
		r.add("area", w*h, area)
		r.add("perimeter", 2*(w+h), length)
	case Ellipse:
		a, b := at[1].minus(at[0]).times(0.5), at[3].minus(at[2]).times(0.5)
		major, minor := semiAxes(a, b)
		r.add("major axis", 2*major, length)
		r.add("minor axis", 2*minor, length)
		r.add("area", math.Pi*major*minor, area)
		r.add("perimeter", ellipsePerimeter(major, minor), length)
	case Spline:
		r.outline(flatten(at), length, area, splineArea(at), splinePerimeter(at))
	case Polygon, Freehand:
		r.outline(at, length, area, math.Abs(signedArea(at)), pathLength(at)+at[len(at)-1].distance(at[0]))
	case Trace:
		r.trace(at, length, area)
	}
}

// outline adds area and perimeter; of one that crosses itself the perimeter alone.
func (r *Result) outline(at []Point, length, unit string, area, perimeter float64) {
	if crosses(at) {
		r.Notes = append(r.Notes, "the outline crosses itself: it has no area")
	} else {
		r.add("area", area, unit)
	}
	r.add("perimeter", perimeter, length)
}

func (r *Result) bidirectional(at []Point, unit string) {
	a, b := at[1].minus(at[0]), at[3].minus(at[2])
	long, short := at[0].distance(at[1]), at[2].distance(at[3])
	if long < short {
		long, short = short, long
	}
	r.add("long axis", long, unit)
	r.add("short axis", short, unit)
	if long > 0 && short > 0 {
		if lean := math.Abs(a.dot(b)) / (long * short); lean > math.Sin(5*math.Pi/180) {
			r.Notes = append(r.Notes, "the axes are more than 5 degrees off a right angle")
		}
	}
	if !segmentsMeet(at[0], at[1], at[2], at[3]) {
		r.Notes = append(r.Notes, "the axes do not cross")
	}
}

// caliper measures along axes of time, velocity, depth, each by itself.
func (r *Result) caliper(p []Point, sc scale) error {
	if sc.region == nil || sc.x.Unit != Millisecond {
		return fault.New(fault.Input, "a caliper needs an axis of time, which this place of the picture does not have").WithHint("use the length, or choose two frames")
	}
	dt := (p[1].X - p[0].X) * sc.x.Scale
	r.add("time", math.Abs(dt), Millisecond)
	if sc.y.Unit == "" {
		return nil
	}
	dy := (p[1].Y - p[0].Y) * sc.y.Scale
	name := map[string]string{Millimetre: "depth", CmPerSecond: "velocity", Hertz: "frequency"}[sc.y.Unit]
	if name == "" {
		return nil
	}
	r.add(name, math.Abs(dy), sc.y.Unit)
	if dt == 0 {
		return nil
	}
	switch sc.y.Unit {
	case Millimetre: // mm/ms is 100 cm/s
		r.add("slope", math.Abs(dy/dt)*100, CmPerSecond)
	case CmPerSecond:
		r.add("acceleration", math.Abs(dy/dt)*1000, CmPerSecond2)
	}
	return nil
}

// through measures a caliper whose ends lie in two frames of a cine, as it is drawn in an M-mode picture that is made of one: the time between
// the frames, and where lengths are known how far the second point is from the first, and how fast that is. Frames share the first one's scale.
func through(s Shape, c Calibration, sc scale) (Result, error) {
	r, err := c.Interval(s.Frame, s.To)
	if err != nil || sc.x.Unit != Millimetre || sc.y.Unit != Millimetre || s.Points[0] == s.Points[1] {
		return r, err
	}
	mm := math.Hypot((s.Points[1].X-s.Points[0].X)*sc.x.Scale, (s.Points[1].Y-s.Points[0].Y)*sc.y.Scale)
	r.Source, r.X, r.Y, r.UnitX, r.UnitY = "frame times, "+sc.source, math.Abs(sc.x.Scale), math.Abs(sc.y.Scale), Millimetre, Millimetre
	if sc.region != nil {
		r.Region = sc.region.Number
	}
	if sc.caveat != "" {
		r.Notes = append(r.Notes, sc.caveat)
	}
	r.add("depth", mm, Millimetre)
	if t, _ := r.Value("time"); t.Number > 0 {
		r.add("slope", mm/t.Number*100, CmPerSecond) // mm/ms is 100 cm/s
	}
	return r, nil
}

// place is what a point in a region with absolute axes is worth: of a spectrum its velocity, with the sign that the axis gives.
func (r *Result) place(p Point, sc scale) {
	if sc.region == nil {
		return
	}
	if v := sc.region; sc.y.Unit == CmPerSecond {
		r.add("velocity", (p.Y-v.RefY)*sc.y.Scale+v.ValueY, CmPerSecond)
	}
}

// Interval is the time from one frame of a cine to another, ms, and the heart rate if that is one beat. Code input where the header
// does not say when frames were taken.
func (c Calibration) Interval(from, to int) (Result, error) {
	if from < 0 || to < 0 || from >= len(c.TimesMS) || to >= len(c.TimesMS) {
		return Result{}, fault.New(fault.Input, "the header does not say when these frames were taken")
	}
	ms := math.Abs(c.TimesMS[to] - c.TimesMS[from])
	r := Result{Source: "frame times"}
	r.add("time", ms, Millisecond)
	if ms > 0 {
		r.add("rate", 60000/ms, PerMinute)
	}
	return r, nil
}

// MaskArea is the area of a mask of a frame, [rows × columns], true inside. Its pixels must lie in one region, as points must.
func MaskArea(mask []bool, c Calibration) (Result, error) {
	if c.Columns <= 0 || len(mask) != c.Rows*c.Columns {
		return Result{}, fault.New(fault.Input, "a mask of %d pixels on a picture of %d × %d", len(mask), c.Columns, c.Rows)
	}
	n := 0
	var ends []Point // of each row's pixels: a region is a rectangle
	for y := range c.Rows {
		first, last := -1, -1
		for x := range c.Columns {
			if mask[y*c.Columns+x] {
				if first < 0 {
					first = x
				}
				last = x
				n++
			}
		}
		if first >= 0 {
			ends = append(ends, Point{float64(first) + 0.5, float64(y) + 0.5}, Point{float64(last) + 0.5, float64(y) + 0.5})
		}
	}
	if n == 0 {
		return Result{Values: []Value{{"area", 0, SquarePixels}}, Notes: []string{"an empty mask"}}, nil
	}
	sc, err := c.scaleFor(ends)
	if err != nil {
		return Result{}, err
	}
	r := Result{Source: sc.source, X: math.Abs(sc.x.Scale), Y: math.Abs(sc.y.Scale), UnitX: sc.x.Unit, UnitY: sc.y.Unit}
	if sc.region != nil {
		r.Region = sc.region.Number
	}
	if sc.caveat != "" {
		r.Notes = append(r.Notes, sc.caveat)
	}
	switch {
	case sc.x.Unit == Millimetre && sc.y.Unit == Millimetre:
		r.add("area", float64(n)*r.X*r.Y, SquareMillimetre)
	case sc.x.Unit == Pixels:
		r.add("area", float64(n)*r.X*r.Y, SquarePixels)
	default:
		return Result{}, fault.New(fault.Input, "here the picture has an axis of %s and one of %s: a mask has no area", words(sc.x.Unit), words(sc.y.Unit))
	}
	return r, nil
}
