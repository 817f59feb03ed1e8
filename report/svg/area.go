package svg

import (
	"math"
	"strings"
)

// Area fills between two curves over the same X, such as a confidence band. Points with a NaN are left out.
type Area struct {
	X, Low, High []float64
	Class        string // s1…s6
}

func (a Area) draw(w *Writer, f frame) {
	var there, back []string
	for i, x := range a.X {
		if math.IsNaN(a.Low[i]) || math.IsNaN(a.High[i]) {
			continue
		}
		there = append(there, pair(f.px(x), f.py(a.High[i])))
		back = append(back, pair(f.px(x), f.py(a.Low[i])))
	}
	if len(there) < 2 {
		return
	}
	var d strings.Builder
	for i, p := range there {
		if i == 0 {
			d.WriteString("M" + p)
		} else {
			d.WriteString("L" + p)
		}
	}
	for i := len(back) - 1; i >= 0; i-- {
		d.WriteString("L" + back[i])
	}
	d.WriteString("Z")
	w.Empty("path", "class", "area "+a.Class, "d", d.String())
}
