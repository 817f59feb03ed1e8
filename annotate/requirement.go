package annotate

import (
	"slices"

	"github.com/cineloop/cineloop/annotate/protocol"
)

// Requirement is a required item of an assignment: in how many places it has to be answered, and in how many it is. Items that are not required
// are not counted anywhere: whether there was something to mark is a finding.
type Requirement struct {
	Item string `json:"item"`
	Need int    `json:"need"`
	Done int    `json:"done"`

	label string
}

func (q Requirement) met() bool { return q.Done >= q.Need }

// requirements are those of an assignment; r is its reading, nil before it is opened. Masks, measurements and frames have to be there once, labels of images
// for every image, of series for every series.
func (s *state) requirements(a *Assignment, r *Reading) (out []Requirement) {
	rules := s.current()
	if r != nil {
		rules = s.rules(r)
	}
	if rules == nil {
		return nil
	}
	c := s.cases[a.Case]
	for i := range rules.Items {
		it := &rules.Items[i]
		if !it.Required || len(a.Items) > 0 && !slices.Contains(a.Items, it.Name) || !it.Asked(a.Arm) {
			continue
		}
		q := Requirement{Item: it.Name, Need: 1, label: it.Label}
		label := it.Kind == protocol.Choice || it.Kind == protocol.Multi || it.Kind == protocol.Ordinal
		switch {
		case it.Scope == protocol.Image && label:
			q.Need = len(c.Images)
		case it.Scope == protocol.Series && label:
			q.Need = c.series()
		}
		if r != nil {
			images := map[int]bool{}
			for _, x := range r.Answers {
				if x.Item == it.Name {
					images[x.Image] = true
				}
			}
			q.Done = min(len(images), q.Need)
		}
		out = append(out, q)
	}
	return out
}

// missing are the labels of the required items that are not answered.
func (d *decision) missing(r *Reading) (out []string) {
	for _, q := range d.s.requirements(d.s.assignments[r.Assignment], r) {
		if !q.met() {
			out = append(out, q.label)
		}
	}
	return out
}

// RequirementProgress is how far somebody, or the study, is with an item: in how many of the readings that ask it it is answered in every place.
type RequirementProgress struct {
	Item  string `json:"item"`
	Asked int    `json:"asked"`
	Done  int    `json:"done"`
}

// count adds an assignment's requirements to rows, in the order of the protocol.
func count(rows []RequirementProgress, qs []Requirement) []RequirementProgress {
	for _, q := range qs {
		i := slices.IndexFunc(rows, func(p RequirementProgress) bool { return p.Item == q.Item })
		if i < 0 {
			i = len(rows)
			rows = append(rows, RequirementProgress{Item: q.Item})
		}
		rows[i].Asked++
		if q.met() {
			rows[i].Done++
		}
	}
	return rows
}
