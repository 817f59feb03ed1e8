package intake

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/internal/fault"
)

// claim is what a file says of the points that it has: to be held against what they are.
type claim struct {
	name  string // of the value, as package measure has it; "" where the file doesn't say, or says otherwise
	value float64
	unit  string // UCUM, or whatever the file has
}

// dimension of a unit, and its size in the unit of package measure.
type dimension struct {
	of    string
	scale float64
}

var units = map[string]dimension{
	"mm": {"length", 1}, "cm": {"length", 10}, "m": {"length", 1000}, "um": {"length", 0.001}, "[in_i]": {"length", 25.4},
	"mm2": {"area", 1}, "cm2": {"area", 100}, "m2": {"area", 1e6}, "um2": {"area", 1e-6},
	"mL": {"volume", 1}, "ml": {"volume", 1}, "cm3": {"volume", 1}, "mm3": {"volume", 0.001}, "L": {"volume", 1000}, "l": {"volume", 1000},
	"deg": {"angle", 1}, "rad": {"angle", 180 / math.Pi},
	"ms": {"time", 1}, "s": {"time", 1000}, "min": {"time", 60000},
	"cm/s": {"velocity", 1}, "m/s": {"velocity", 100}, "mm/s": {"velocity", 0.1}, "cm/s2": {"acceleration", 1}, "m/s2": {"acceleration", 100},
	"%": {"share", 1}, "/min": {"rate", 1}, "{H.B.}/min": {"rate", 1}, "{beats}/min": {"rate", 1}, "Hz": {"frequency", 1}, "kHz": {"frequency", 1000},
	"g": {"mass", 1}, "kg": {"mass", 1000},
	measure.Pixels: {"pixels", 1}, measure.SquarePixels: {"square pixels", 1}, "{pixel}": {"pixels", 1}, "{pixels}2": {"square pixels", 1},
}

// convert gives a value in another unit. Code input where they are of different things.
func convert(v float64, from, to string) (float64, error) {
	if from == to {
		return v, nil
	}
	a, b := units[from], units[to]
	if a.of == "" || a.of != b.of {
		return 0, fault.New(fault.Input, "its unit can't be converted to the item's, %q", to)
	}
	return v * a.scale / b.scale, nil
}

// rounding is by how much a number may differ from what it was rounded from.
func rounding(v float64) float64 {
	s := strconv.FormatFloat(v, 'f', -1, 64)
	_, decimals, _ := strings.Cut(s, ".")
	return 0.5 * math.Pow(10, -float64(len(decimals)))
}

// agrees says that a file's number, in units of scale, is one of ours within one per cent or its rounding.
func agrees(v, scale, ours float64) bool {
	return math.Abs(v*scale-ours) <= math.Max(0.01*math.Abs(ours), 1.001*scale*rounding(v))
}

// judge holds what a file claims against the numbers of record. The words are warnings; an error of code input is a contradiction.
func judge(claims []claim, a *annotate.Answer) (words []string, err error) {
	if len(a.Results) == 0 || len(a.Shapes) == 0 {
		return nil, nil
	}
	ours := a.Results[0].Values
	for _, c := range claims {
		w, err := c.judge(ours, pixels(a))
		if err != nil {
			return nil, err
		}
		if w != "" {
			words = append(words, w)
		}
	}
	return words, nil
}

// pixels are the values of a single shape without any scale: what a program shows that did not know one.
func pixels(a *annotate.Answer) []measure.Value {
	if len(a.Shapes) != 1 {
		return nil
	}
	r, err := measure.Measure(a.Shapes[0].Shape, measure.Calibration{Aspect: 1})
	if err != nil {
		return nil
	}
	return r.Values
}

func (c claim) judge(all, raw []measure.Value) (string, error) {
	ours := all
	if c.name != "" {
		if v, ok := (measure.Result{Values: ours}).Value(c.name); ok {
			ours = []measure.Value{v}
		}
	}
	d, known := units[c.unit]
	var of []measure.Value
	for _, v := range ours {
		if units[v.Unit].of == d.of && known {
			of = append(of, v)
			if agrees(c.value, d.scale, v.Number) {
				return "", nil
			}
		}
	}
	inPixels := false
	for _, v := range raw {
		inPixels = inPixels || agrees(c.value, 1, v.Number)
	}
	switch {
	case !known:
		for _, v := range ours {
			switch {
			case agrees(c.value, 1, v.Number):
				return fmt.Sprintf("the file has no unit for the %s that could be compared; it is %s by the picture's scale", v.Name, v.Unit), nil
			case v.Unit == measure.Millimetre && agrees(c.value, 10, v.Number):
				return fmt.Sprintf("the file has no unit for the %s that could be compared; it is centimetres by the picture's scale, and recorded in mm", v.Name), nil
			case v.Unit == measure.SquareMillimetre && agrees(c.value, 100, v.Number):
				return fmt.Sprintf("the file has no unit for the %s that could be compared; it is square centimetres by the picture's scale, and recorded in mm2", v.Name), nil
			}
		}
		if inPixels {
			return "the file's value has no unit that could be compared and is in pixels; the number of record is computed from the points", nil
		}
		return "the file's value has no unit that could be compared, and is none of the points'; the number of record is computed from the points", nil
	case len(of) == 0 && (d.of == "length" || d.of == "area"):
		for _, v := range ours {
			if v.Unit == measure.Pixels || v.Unit == measure.SquarePixels {
				return "the file has a value in " + c.unit + ", but the picture gives no scale: recorded in pixels", nil
			}
		}
	case len(of) == 0 && (d.of == "pixels" || d.of == "square pixels") && inPixels:
		return "the file's value is in pixels; the number of record has the picture's scale", nil
	}
	if len(of) == 0 { // a value of another kind than the shape has: a mean of grey values
		return "", nil
	}
	nearest, off := of[0], math.Inf(1)
	for _, v := range of {
		if l := math.Abs(math.Log(math.Abs(c.value * d.scale / v.Number))); l < off {
			nearest, off = v, l
		}
	}
	ratio := c.value * d.scale / nearest.Number
	err := fault.New(fault.Input, "unit and scale contradict: the file's %s is %.3g times that of its points by the picture's scale", nearest.Name, ratio)
	near := func(x float64) bool { return math.Abs(ratio/x-1) < 0.02 }
	switch {
	case d.of == "length" && near(0.1) || d.of == "area" && near(0.01):
		return "", err.WithHint("a value in cm seems to be labelled %s", c.unit)
	case d.of == "length" && near(10) || d.of == "area" && near(100):
		return "", err.WithHint("a value in mm seems to be labelled %s", c.unit)
	case inPixels:
		return "", err.WithHint("it is the number of pixels, labelled %s", c.unit)
	}
	for _, v := range all {
		if d.of == "area" && v.Unit == measure.Millimetre && (agrees(c.value, 1, v.Number) || agrees(c.value, 10, v.Number)) {
			return "", err.WithHint("it is the %s, labelled as an area", v.Name)
		}
	}
	return "", err
}
