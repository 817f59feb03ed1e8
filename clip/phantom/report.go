package phantom

import (
	"fmt"
	"strings"
)

// scoreNames name wall motion scores.
var scoreNames = [5]string{"", "normal", "Hypokinesis", "Akinesis", "Dyskinesis"}

// Report is what a reader would dictate about p, in sentences that follow from the truth.
func (p *Patient) Report() string {
	var s []string
	size := "normal size"
	switch perM2 := p.EDV / p.BSA; {
	case perM2 > 100:
		size = "severely dilated"
	case perM2 > 80:
		size = "dilated"
	}
	function := "hyperdynamic systolic function"
	switch {
	case p.EF < 30:
		function = "severely reduced systolic function"
	case p.EF < 41:
		function = "moderately reduced systolic function"
	case p.EF < 52:
		function = "mildly reduced systolic function"
	case p.EF < 73:
		function = "normal systolic function"
	}
	verb := "is of " + size
	if size != "normal size" {
		verb = "is " + size
	}
	low := int(p.EF/5) * 5
	s = append(s, fmt.Sprintf("The left ventricle %s with %s; EF %d-%d %%.", verb, function, low, low+5))
	for score := 4; score >= 2; score-- {
		var where []string
		for i, v := range p.Scores {
			if v == score {
				where = append(where, SegmentNames[i])
			}
		}
		if len(where) > 0 {
			s = append(s, fmt.Sprintf("%s of the %s.", scoreNames[score], join(where)))
		}
	}
	if p.heart.k == nil {
		s = append(s, "No regional wall motion abnormality.")
	}
	switch {
	case p.TAPSE < 14:
		s = append(s, fmt.Sprintf("Right ventricular function is clearly reduced, TAPSE %.0f mm.", p.TAPSE))
	case p.TAPSE < 17:
		s = append(s, fmt.Sprintf("Right ventricular function is reduced, TAPSE %.0f mm.", p.TAPSE))
	default:
		s = append(s, fmt.Sprintf("Right ventricular function is normal, TAPSE %.0f mm.", p.TAPSE))
	}
	rhythm := "Sinus rhythm"
	if p.AF {
		rhythm = "Atrial fibrillation"
	}
	return strings.Join(append(s, fmt.Sprintf("%s, %.0f beats a minute.", rhythm, p.HR)), " ")
}

// join is "a", "a and b", or "a, b and c".
func join(v []string) string {
	if len(v) == 1 {
		return v[0]
	}
	return strings.Join(v[:len(v)-1], ", ") + " and " + v[len(v)-1]
}
