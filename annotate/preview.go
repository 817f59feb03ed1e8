package annotate

import (
	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/internal/fault"
)

// Preview gives shapes on the pictures of an assignment their numbers, as an answer with them would have, without writing anything: one
// result a shape; or, where shapes have the roles of an ejection fraction, one of all. ErrUnknown where the pictures may not be seen.
func (p *Project) Preview(who, assignment string, drawn []Drawn) ([]measure.Result, error) {
	pics, err := p.Pictures(who, assignment)
	if err != nil {
		return nil, err
	}
	if len(drawn) == 0 || len(drawn) > 64 {
		return nil, fault.New(fault.Input, "%d shapes", len(drawn))
	}
	traced, calibration := map[string]*measure.Traced{}, p.pictures.of(assignment)
	out := make([]measure.Result, 0, len(drawn))
	for _, d := range drawn {
		if d.Image < 1 || d.Image > len(pics) || d.Frame < 0 || max(d.Frame, d.To) >= pics[d.Image-1].Frames {
			return nil, fault.New(fault.Input, "a shape lies on no picture of the case")
		}
		cal, err := calibration(pics[d.Image-1], d.Frame)
		if err != nil {
			return nil, err
		}
		if d.Role == "" {
			r, err := measure.Measure(d.Shape, cal)
			if err != nil {
				return nil, err
			}
			out = append(out, r)
			continue
		}
		if traced[d.Role] != nil || d.Kind != measure.Trace {
			return nil, fault.New(fault.Input, "traces are %v, one each", traceRoles)
		}
		traced[d.Role] = &measure.Traced{Shape: d.Shape, In: cal}
	}
	if len(traced) == 0 {
		return out, nil
	}
	if len(out) > 0 {
		return nil, fault.New(fault.Input, "traces of an ejection fraction are measured by themselves")
	}
	lv := measure.LeftVentricle{FourDiastole: traced["a4c_ed"], FourSystole: traced["a4c_es"], TwoDiastole: traced["a2c_ed"], TwoSystole: traced["a2c_es"]}
	for role := range traced {
		if role != "a4c_ed" && role != "a4c_es" && role != "a2c_ed" && role != "a2c_es" {
			return nil, fault.New(fault.Input, "traces are %v, one each", traceRoles)
		}
	}
	r, err := measure.Ejection(lv)
	if err != nil {
		return nil, err
	}
	return []measure.Result{r}, nil
}
