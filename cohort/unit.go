package cohort

import (
	"cmp"
	"slices"
)

// unit is rows that stay together.
type unit struct {
	key    string
	rows   []int
	strata map[string]float64 // rows of each stratum
}

// units groups rows by what the split keeps together. Groups that share a patient become one unit, so that neither ever crosses.
func (d *divider) units(rows []int) ([]unit, error) {
	c := d.c
	col := slices.Index(c.Columns, d.s.Spec.Column)
	set := newUnion()
	name := func(r int) string {
		row := c.Rows[r]
		switch d.s.Spec.By {
		case ByItem:
			return "i" + row.ID
		case ByGroup:
			p := "p" + row.Patient
			if cell := row.Columns[col]; !missing(cell) {
				set.join(p, "g"+cell)
			}
			return p
		}
		return "p" + row.Patient
	}
	keys := make([]string, len(rows))
	for i, r := range rows {
		keys[i] = name(r)
	}
	byKey := map[string]*unit{}
	for i, r := range rows {
		k := set.find(keys[i])
		u := byKey[k]
		if u == nil {
			u = &unit{key: k, strata: map[string]float64{}}
			byKey[k] = u
		}
		u.rows = append(u.rows, r)
		u.strata[d.label[r]]++
	}
	out := make([]unit, 0, len(byKey))
	for _, u := range byKey {
		out = append(out, *u)
	}
	slices.SortFunc(out, func(a, b unit) int { return cmp.Compare(a.key, b.key) })
	return out, nil
}

// union joins names into sets; the smallest name of a set stands for it, whatever the order of joining.
type union struct{ parent map[string]string }

func newUnion() *union { return &union{map[string]string{}} }

func (u *union) find(k string) string {
	for {
		p, ok := u.parent[k]
		if !ok || p == k {
			return k
		}
		if g, ok := u.parent[p]; ok {
			u.parent[k] = g
		}
		k = p
	}
}

func (u *union) join(a, b string) {
	a, b = u.find(a), u.find(b)
	if a == b {
		return
	}
	if b < a {
		a, b = b, a
	}
	u.parent[b] = a
}
