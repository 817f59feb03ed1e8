package phantom

import (
	"maps"
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
)

// Looks are the confounders that can be swapped one by one while the patient stays the same. BMI belongs to the body.
var Looks = slices.DeleteFunc(slices.Clone(Confounders), func(k Confounder) bool { return k == BMI })

// Look says on which side of a confounder the patient was filmed.
func (p *Patient) Look(k Confounder) bool { return p.bits[k] }

// With is the same patient, heart and acquisition filmed on the other, or the same, side of a confounder: a counterfactual. Its clip differs
// from p's by nothing else, because every other random choice comes from streams of its own. Errors have code usage.
func (p *Patient) With(k Confounder, on bool) (*Patient, error) {
	if !slices.Contains(Looks, k) {
		return nil, fault.New(fault.Usage, "%q cannot be swapped", k).WithHint("one of %v", Looks)
	}
	q := *p
	q.bits = maps.Clone(p.bits)
	q.bits[k] = on
	if k == Text {
		q.Device = deviceOf(on)
	}
	return &q, nil
}

// deviceOf is the device whose text is on that side.
func deviceOf(text bool) string {
	if text {
		return "Echomax 300"
	}
	return "Sonara V7"
}
