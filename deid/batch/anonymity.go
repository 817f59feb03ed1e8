package batch

import (
	"cmp"
	"slices"
)

// Anonymity says how many patients share what is kept of them: site, sex, age band and month.
type Anonymity struct {
	Smallest int     `json:"smallest"` // patients in the smallest group; 0 where there are none
	Alone    int     `json:"alone"`    // groups of one
	Groups   []Group `json:"groups"`
}

// Group is one combination of what is kept.
type Group struct {
	Site     string `json:"site"`
	Sex      string `json:"sex"`
	AgeBand  string `json:"age_band"`
	Month    string `json:"month"` // of the shifted study date
	Patients int    `json:"patients"`
}

func anonymity(rows []*Row) Anonymity {
	groups := map[Group]map[string]bool{}
	for _, r := range rows {
		g := Group{Site: r.Site, Sex: r.Sex, AgeBand: r.AgeBand}
		if len(r.StudyDate) >= 6 {
			g.Month = r.StudyDate[:6]
		}
		if groups[g] == nil {
			groups[g] = map[string]bool{}
		}
		groups[g][r.Patient] = true
	}
	a := Anonymity{Groups: []Group{}}
	for g, patients := range groups {
		g.Patients = len(patients)
		a.Groups = append(a.Groups, g)
		if a.Smallest == 0 || g.Patients < a.Smallest {
			a.Smallest = g.Patients
		}
		if g.Patients == 1 {
			a.Alone++
		}
	}
	slices.SortFunc(a.Groups, func(x, y Group) int {
		return cmp.Or(cmp.Compare(x.Patients, y.Patients), cmp.Compare(x.Site, y.Site), cmp.Compare(x.Sex, y.Sex), cmp.Compare(x.AgeBand, y.AgeBand), cmp.Compare(x.Month, y.Month))
	})
	return a
}
