package measure

import (
	"fmt"
	"math"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/ejection"
)

// ventricle is a traced cavity in mm: closed by the line between the two ends of the trace, the valve's plane, whose middle is the base of
// the long axis; the apex is the traced point farthest from there (Lang et al., J Am Soc Echocardiogr 2015;28:1).
type ventricle struct {
	at         []Point
	base, apex Point
	length     float64
	area       float64
}

func ventricleOf(at []Point) (ventricle, error) {
	v := ventricle{at: at, base: middle(at[0], at[len(at)-1])}
	for _, p := range at[1 : len(at)-1] {
		if d := p.distance(v.base); d > v.length {
			v.apex, v.length = p, d
		}
	}
	v.area = math.Abs(signedArea(at))
	switch {
	case crosses(at):
		return v, fault.New(fault.Input, "the trace crosses itself").WithHint("trace from one side of the valve round the apex to the other")
	case v.length == 0 || v.area == 0:
		return v, fault.New(fault.Input, "the trace encloses nothing")
	}
	return v, nil
}

// diameters are the cavity's widths across the long axis in the middle of n discs, from the apex to the base, mm. Where a line crosses the
// outline more than twice (a papillary muscle was followed), the parts inside are added.
func (v ventricle) diameters(n int) []float64 {
	out := make([]float64, n)
	dir := v.base.minus(v.apex).times(1 / v.length)
	across := Point{-dir.Y, dir.X}
	for i := range out {
		h := (float64(i) + 0.5) / float64(n) * v.length
		for k := range v.at {
			p, q := v.at[k].minus(v.apex), v.at[(k+1)%len(v.at)].minus(v.apex)
			a, b := p.dot(dir)-h, q.dot(dir)-h
			if (a <= 0) == (b <= 0) {
				continue
			}
			// Signed: crossings one way and the other alternate along the line, so widths inside add up.
			x := p.dot(across) + a/(a-b)*(q.dot(across)-p.dot(across))
			if a <= 0 {
				out[i] += x
			} else {
				out[i] -= x
			}
		}
		out[i] = math.Abs(out[i])
	}
	return out
}

// trace adds area, long axis and, where the scale is in mm, volumes by discs and by area and length.
func (r *Result) trace(at []Point, length, area string) {
	v, err := ventricleOf(at)
	if err != nil {
		r.Notes = append(r.Notes, err.Error())
		return
	}
	r.add("area", v.area, area)
	r.add("long axis", v.length, length)
	if length != Millimetre {
		return
	}
	d := v.diameters(ejection.Discs)
	r.add("volume (discs)", ejection.BiplaneOf(d, d, v.length, v.length), Millilitre)
	r.add("volume (area-length)", ejection.AreaLengthOf(v.area, v.length), Millilitre)
}

// Traced is a trace with the calibration of its own frame and file.
type Traced struct {
	Shape Shape
	In    Calibration
}

// LeftVentricle are traces at end of diastole and of systole in the four- and the two-chamber view; a view that was not traced is nil, and one
// view has to be there at both times.
type LeftVentricle struct {
	FourDiastole, FourSystole *Traced
	TwoDiastole, TwoSystole   *Traced
}

// Ejection is the left ventricle's volumes and ejection fraction: by discs in two planes where both were traced, else in one, and by area and
// length in one. Code input where traces are missing or are not in mm.
func Ejection(l LeftVentricle) (Result, error) {
	var r Result
	four, two := l.FourDiastole != nil && l.FourSystole != nil, l.TwoDiastole != nil && l.TwoSystole != nil
	if !four && !two {
		return r, fault.New(fault.Input, "a fraction needs a trace at end of diastole and one at end of systole, in one view at least")
	}
	open := func(t *Traced) (ventricle, error) {
		one, err := Measure(t.Shape, t.In)
		if err != nil {
			return ventricle{}, err
		}
		if t.Shape.Kind != Trace || one.UnitX != Millimetre || one.UnitY != Millimetre {
			return ventricle{}, fault.New(fault.Input, "volumes need traces in millimetres")
		}
		r.Source = one.Source
		at := make([]Point, len(t.Shape.Points))
		for i, p := range t.Shape.Points {
			at[i] = Point{p.X * one.X, p.Y * one.Y}
		}
		return ventricleOf(at)
	}
	pair := func(suffix string, diastole, systole *Traced) (v [2]ventricle, err error) {
		for i, t := range []*Traced{diastole, systole} {
			if v[i], err = open(t); err != nil {
				return v, err
			}
		}
		var discs, lengths [2]float64
		for i := range v {
			d := v[i].diameters(ejection.Discs)
			discs[i], lengths[i] = ejection.BiplaneOf(d, d, v[i].length, v[i].length), ejection.AreaLengthOf(v[i].area, v[i].length)
		}
		r.volumes("discs, "+suffix, discs[0], discs[1])
		r.volumes("area-length, "+suffix, lengths[0], lengths[1])
		return v, nil
	}
	var a4c, a2c [2]ventricle
	var err error
	if four {
		if a4c, err = pair("A4C", l.FourDiastole, l.FourSystole); err != nil {
			return r, err
		}
	}
	if two {
		if a2c, err = pair("A2C", l.TwoDiastole, l.TwoSystole); err != nil {
			return r, err
		}
	}
	if four && two {
		var both [2]float64
		for i := range both {
			both[i] = ejection.BiplaneOf(a4c[i].diameters(ejection.Discs), a2c[i].diameters(ejection.Discs), a4c[i].length, a2c[i].length)
			if long, short := math.Max(a4c[i].length, a2c[i].length), math.Min(a4c[i].length, a2c[i].length); long-short > 0.1*long {
				r.Notes = append(r.Notes, fmt.Sprintf("%s: the long axes of the two views differ by more than a tenth; one may be foreshortened", [2]string{"end of diastole", "end of systole"}[i]))
			}
		}
		r.volumes("biplane", both[0], both[1])
	}
	return r, nil
}

func (r *Result) volumes(method string, diastolic, systolic float64) {
	r.add("EDV ("+method+")", diastolic, Millilitre)
	r.add("ESV ("+method+")", systolic, Millilitre)
	r.add("EF ("+method+")", ejection.Fraction(diastolic, systolic), Percent)
	if systolic > diastolic {
		r.Notes = append(r.Notes, method+": the volume at end of systole is the larger one")
	}
}

// Diameters of the left ventricle in the parasternal long axis, mm; NaN where not measured.
type Diameters struct {
	Septum, Cavity, Wall float64 // IVSd, LVIDd, PWd: at end of diastole
	CavitySystole        float64 // LVIDs
}

// Derived are what the diameters come to: fractional shortening, relative wall thickness, and mass by the cube formula
// 0.8·1.04·((IVSd + LVIDd + PWd)³ − LVIDd³) + 0.6 g, lengths in cm (Devereux; Lang et al. 2015, table 4).
func (d Diameters) Derived() Result {
	var r Result
	if d.Cavity > 0 && d.CavitySystole >= 0 {
		r.add("fractional shortening", 100*(d.Cavity-d.CavitySystole)/d.Cavity, Percent)
	}
	if d.Cavity > 0 && d.Wall >= 0 {
		r.add("relative wall thickness", 2*d.Wall/d.Cavity, One)
	}
	if d.Cavity > 0 && d.Wall >= 0 && d.Septum >= 0 {
		all, cavity := (d.Septum+d.Cavity+d.Wall)/10, d.Cavity/10
		r.add("mass", 0.8*1.04*(all*all*all-cavity*cavity*cavity)+0.6, Gram)
	}
	return r
}
