package annotate

import (
	"math"
	"slices"

	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/fault"
)

// roles of an ejection fraction's traces.
var traceRoles = []string{"a4c_ed", "a4c_es", "a2c_ed", "a2c_es"}

// calibrate gives the calibration of a frame of a picture.
type calibrate func(p Picture, frame int) (measure.Calibration, error)

// complete checks an answer against its item and case and computes its numbers. Code input, in words for the reader.
func (a *Answer) complete(it *protocol.Item, c *Case, cal calibrate) error {
	a.Value, a.Unit, a.Results = nil, "", nil
	if err := a.place(it, c); err != nil {
		return err
	}
	if a.Confidence != nil && (!it.Confidence || *a.Confidence < 0 || *a.Confidence > 100) {
		return fault.New(fault.Input, "%s: confidence is 0 to 100, where it is asked for", it.Name)
	}
	given := 0
	for _, has := range []bool{len(a.Choice) > 0, a.Number != nil, a.Text != "", len(a.Shapes) > 0, a.Mask != nil, a.CannotAssess != ""} {
		if has {
			given++
		}
	}
	if given != 1 {
		return fault.New(fault.Input, "%s: one answer, of one kind", it.Name)
	}
	if a.CannotAssess != "" {
		if !slices.Contains(it.CannotAssess, a.CannotAssess) {
			return fault.New(fault.Input, "%s: the reason is none of the protocol's", it.Name)
		}
		return nil
	}
	wrong := fault.New(fault.Input, "%s: this is no answer to a %s", it.Name, it.Kind)
	switch it.Kind {
	case protocol.Choice, protocol.Ordinal, protocol.Multi:
		return a.choose(it, wrong)
	case protocol.Prefer:
		if len(a.Choice) != 1 || !slices.Contains(protocol.Preferences, a.Choice[0]) {
			return wrong
		}
	case protocol.Origin: // that the arm asks it so is the reading's
		if len(a.Choice) != 1 || !slices.Contains(slices.Concat(protocol.Origins(protocol.Preferring), protocol.Origins(protocol.Aided)), a.Choice[0]) {
			return wrong
		}
	case protocol.Text:
		if a.Text == "" || len(a.Text) > 10_000 {
			return wrong
		}
	case protocol.Number:
		if a.Number == nil || math.IsNaN(*a.Number) || math.IsInf(*a.Number, 0) {
			return wrong
		}
		a.Value, a.Unit = a.Number, it.Unit
	case protocol.Frame:
		if a.Number == nil || *a.Number != math.Trunc(*a.Number) || *a.Number < 0 || a.Image > 0 && *a.Number >= float64(c.Images[a.Image-1].Frames) {
			return wrong
		}
		a.Value, a.Unit = a.Number, measure.One
	case protocol.Mask:
		if a.Mask == nil {
			return wrong
		}
		return a.paint(it, c, cal)
	case protocol.Measurement:
		if len(a.Shapes) != 1 || a.Shapes[0].Kind != it.Shape {
			return wrong
		}
		return a.draw(it, c, cal)
	case protocol.Ejection:
		if len(a.Shapes) == 0 {
			return wrong
		}
		return a.eject(it, c, cal)
	}
	return a.within(it)
}

// place checks what the answer is about.
func (a *Answer) place(it *protocol.Item, c *Case) error {
	bad := fault.New(fault.Input, "%s is asked of %s, which is not where the answer lies", it.Name, it.Scope)
	if it.Scope == protocol.Exam {
		if a.Image != 0 || a.Frame != 0 || a.To != 0 {
			return bad
		}
		return nil
	}
	if a.Image < 1 || a.Image > len(c.Images) || a.Frame < 0 || a.Frame >= c.Images[a.Image-1].Frames {
		return bad
	}
	if it.Scope == protocol.Series {
		if a.Frame != 0 || a.To != 0 {
			return bad
		}
		a.Image = c.SeriesOf(a.Image)
		return nil
	}
	frames := c.Images[a.Image-1].Frames
	switch it.Scope {
	case protocol.Image:
		// A mask or a measurement of the image lies in one of its frames, which is said by the shape or here.
		if it.Kind != protocol.Mask && a.Frame != 0 || a.To != 0 {
			return bad
		}
	case protocol.OneFrame:
		if a.To != 0 {
			return bad
		}
	case protocol.Interval:
		if a.To < a.Frame || a.To >= frames {
			return bad
		}
	}
	return nil
}

func (a *Answer) choose(it *protocol.Item, wrong error) error {
	if len(a.Choice) == 0 || it.Kind != protocol.Multi && len(a.Choice) != 1 {
		return wrong
	}
	seen := map[string]bool{}
	for _, name := range a.Choice {
		if it.Option(name) < 0 || seen[name] {
			return wrong
		}
		seen[name] = true
	}
	if it.Kind == protocol.Multi {
		slices.SortFunc(a.Choice, func(x, y string) int { return it.Option(x) - it.Option(y) })
	}
	return nil
}

func (a *Answer) within(it *protocol.Item) error {
	if a.Value != nil && (it.Min != nil && *a.Value < *it.Min || it.Max != nil && *a.Value > *it.Max) {
		return fault.New(fault.Input, "%s: outside of what the protocol allows", it.Name)
	}
	return nil
}

func (a *Answer) paint(it *protocol.Item, c *Case, cal calibrate) error {
	p := c.Images[a.Image-1]
	if err := a.Mask.check(); err != nil {
		return err
	}
	if a.Mask.Rows != p.Rows || a.Mask.Columns != p.Columns {
		return fault.New(fault.Input, "%s: the mask is not of the picture's size", it.Name)
	}
	k, err := cal(p, a.Frame)
	if err != nil {
		return err
	}
	r, err := measure.MaskArea(a.Mask.Pixels(), k)
	if err != nil {
		return err
	}
	a.Results = []measure.Result{r}
	if v, ok := r.Value("area"); ok {
		a.Value, a.Unit = &v.Number, v.Unit
	}
	return nil
}

// drawnIn is the calibration of a shape's frame; the shape lies where the answer does, or anywhere in the exam where it is asked of that.
func (a *Answer) drawnIn(d Drawn, it *protocol.Item, c *Case, cal calibrate) (measure.Calibration, error) {
	if d.Image < 1 || d.Image > len(c.Images) || d.Frame < 0 || max(d.Frame, d.To) >= c.Images[d.Image-1].Frames ||
		it.Scope != protocol.Exam && d.Image != a.Image || it.Scope == protocol.OneFrame && d.Frame != a.Frame {
		return measure.Calibration{}, fault.New(fault.Input, "%s: the shape does not lie where the answer does", it.Name)
	}
	return cal(c.Images[d.Image-1], d.Frame)
}

func (a *Answer) draw(it *protocol.Item, c *Case, cal calibrate) error {
	k, err := a.drawnIn(a.Shapes[0], it, c, cal)
	if err != nil {
		return err
	}
	r, err := measure.Measure(a.Shapes[0].Shape, k)
	if err != nil {
		return err
	}
	a.Results = []measure.Result{r}
	if v, ok := r.Value(it.Value); ok {
		a.Value, a.Unit = &v.Number, v.Unit
	}
	return a.within(it)
}

func (a *Answer) eject(it *protocol.Item, c *Case, cal calibrate) error {
	traced := map[string]*measure.Traced{}
	for _, d := range a.Shapes {
		if !slices.Contains(traceRoles, d.Role) || traced[d.Role] != nil || d.Kind != measure.Trace {
			return fault.New(fault.Input, "%s: traces are %v, one each", it.Name, traceRoles)
		}
		k, err := a.drawnIn(d, it, c, cal)
		if err != nil {
			return err
		}
		traced[d.Role] = &measure.Traced{Shape: d.Shape, In: k}
	}
	r, err := measure.Ejection(measure.LeftVentricle{FourDiastole: traced["a4c_ed"], FourSystole: traced["a4c_es"], TwoDiastole: traced["a2c_ed"], TwoSystole: traced["a2c_es"]})
	if err != nil {
		return err
	}
	a.Results = []measure.Result{r}
	for _, name := range []string{"EF (biplane)", "EF (discs, A4C)", "EF (discs, A2C)"} {
		if v, ok := r.Value(name); ok {
			a.Value, a.Unit = &v.Number, v.Unit
			break
		}
	}
	return a.within(it)
}
