package assist

import (
	"encoding/csv"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
)

// Scores reads doubts from a table: a column file (or item), and either a column uncertainty, or columns p_CLASS with the probability of each
// class, a row a picture or, with a column member, a row a picture and network. Returns the doubt of each file. Code input where the table does not
// fit, with the row's number; nothing of a cell is in an error.
func Scores(table io.Reader, measure string) (map[string]float64, error) {
	rows, err := csv.NewReader(table).ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, fault.New(fault.Input, "the scores can't be read as a table")
	}
	for i, name := range rows[0] {
		rows[0][i] = strings.TrimSpace(strings.TrimPrefix(name, "\ufeff"))
	}
	column := func(names ...string) int {
		return slices.IndexFunc(rows[0], func(h string) bool { return slices.Contains(names, h) })
	}
	file, given, member := column("file", "item"), column("uncertainty"), column("member")
	var classes []int
	for i, h := range rows[0] {
		if strings.HasPrefix(h, "p_") {
			classes = append(classes, i)
		}
	}
	switch {
	case file < 0:
		return nil, fault.New(fault.Input, "the scores have no column file")
	case given < 0 && len(classes) == 0:
		return nil, fault.New(fault.Input, "the scores have neither a column uncertainty nor columns p_CLASS")
	case given < 0 && measure == "":
		measure = Entropy
	}
	number := func(cell string) (float64, error) {
		v, err := strconv.ParseFloat(strings.TrimSpace(cell), 64)
		if err == nil && (math.IsNaN(v) || math.IsInf(v, 0)) {
			err = strconv.ErrRange
		}
		return v, err
	}
	out, members := map[string]float64{}, map[string][][]float64{}
	var order []string
	for i, r := range rows[1:] {
		bad := func(what string) error { return fault.New(fault.Input, "row %d: %s", i+2, what) }
		name := r[file]
		if given >= 0 && measure == "" {
			v, err := number(r[given])
			if err != nil {
				return nil, bad("uncertainty is no number")
			}
			if _, twice := out[name]; twice {
				return nil, bad("its file is there already")
			}
			out[name] = v
			continue
		}
		if len(classes) == 0 {
			return nil, bad("columns p_CLASS are needed for " + measure)
		}
		if member < 0 && members[name] != nil {
			return nil, bad("its file is there already, and there is no column member")
		}
		var p []float64
		for _, c := range classes {
			v, err := number(r[c])
			if err != nil {
				return nil, bad("a probability is no number")
			}
			p = append(p, v)
		}
		if members[name] == nil {
			order = append(order, name)
		}
		members[name] = append(members[name], p)
	}
	for _, name := range order {
		v := Doubt(measure, members[name])
		if math.IsNaN(v) {
			why := "probabilities from 0 to 1 that add up to 1"
			if measure != Entropy {
				why += ", of two networks or more"
			}
			return nil, fault.New(fault.Input, "%s needs %s", measure, why)
		}
		out[name] = v
	}
	return out, nil
}
