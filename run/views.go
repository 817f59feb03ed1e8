package run

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/learn"
	"github.com/cineloop/cineloop/report"
)

// Views is the table of what each clip of a judged study says alone: the form of predictions.csv with a row a clip, and the groups view,
// weight (how much the clip counts in what the study says) and clips (how many the study has).
func (f Folder) Views() string { return filepath.Join(string(f), "views.csv") }

// ViewsOf sets what the views say alone beside what they say together, on the studies that have each.
type ViewsOf struct {
	Split string       `json:"split"` // the part whose studies are judged
	Views []ViewReport `json:"views"`
	Clips []ViewReport `json:"clips"` // together, by the number of clips that a study has
}

// ViewReport is one view's, or that of the studies with so many clips.
type ViewReport struct {
	Name    string                  `json:"name"`
	Studies int                     `json:"studies"`
	Weight  *evaluate.Number        `json:"weight,omitempty"` // mean over the studies that have it
	Targets map[string]ViewMeasures `json:"targets"`
}

// ViewMeasures are a target's first metric: of the view alone, and of all views of the same studies together.
type ViewMeasures struct {
	Metric   string            `json:"metric"`
	Alone    *evaluate.Measure `json:"alone,omitempty"`
	Together evaluate.Measure  `json:"together"`
}

// The groups that views.csv adds.
const (
	groupView   = "view"
	groupWeight = "weight"
	groupClips  = "clips"
)

// viewScores is where predicting leaves what clips say alone; nil where an item is one clip.
func viewScores(c *cohort.Cohort) *learn.ViewScores {
	if !c.Several() {
		return nil
	}
	return &learn.ViewScores{}
}

// viewTable lays the clips' scores out, study by study as p has them.
func viewTable(c *cohort.Cohort, p *evaluate.Predictions, v *learn.ViewScores) *evaluate.Predictions {
	rowOf := map[string]int{}
	for i := range c.Rows {
		rowOf[c.Rows[i].ID] = i
	}
	out := &evaluate.Predictions{Targets: p.Targets, Truth: map[string][][]float64{}, Score: map[string][][]float64{}}
	groups := make([]evaluate.Group, len(p.Groups), len(p.Groups)+3)
	for g := range p.Groups {
		groups[g].Name = p.Groups[g].Name
	}
	view, weight, clips := evaluate.Group{Name: groupView}, evaluate.Group{Name: groupWeight}, evaluate.Group{Name: groupClips}
	for i, item := range p.Item {
		row, ok := rowOf[item]
		s := v.Of[row]
		if !ok || s == nil {
			continue
		}
		n := 0
		for _, w := range s.Weight {
			if w > 0 {
				n++
			}
		}
		for slot, place := range v.Slots {
			if !slices.ContainsFunc(p.Targets, func(t evaluate.Target) bool { return has(s.Score[t.Name], slot) }) {
				continue
			}
			out.Item, out.Patient = append(out.Item, item), append(out.Patient, p.Patient[i])
			out.Split, out.Fold = append(out.Split, p.Split[i]), append(out.Fold, p.Fold[i])
			for g := range groups {
				groups[g].Values = append(groups[g].Values, p.Groups[g].Values[i])
			}
			view.Values, clips.Values = append(view.Values, place.Name), append(clips.Values, strconv.Itoa(n))
			weight.Values = append(weight.Values, strconv.FormatFloat(s.Weight[slot], 'f', 4, 64))
			for _, t := range p.Targets {
				out.Truth[t.Name] = append(out.Truth[t.Name], p.Truth[t.Name][i])
				out.Score[t.Name] = append(out.Score[t.Name], s.Score[t.Name][slot])
			}
		}
	}
	out.Groups = append(groups, view, weight, clips)
	return out
}

func has(slots [][]float64, slot int) bool { return len(slots) > slot && slots[slot] != nil }

// checkViewColumns refuses subgroups that views.csv could not tell from its own columns.
func checkViewColumns(c *cohort.Cohort) error {
	if !c.Several() {
		return nil
	}
	for _, g := range c.Groups {
		if slices.Contains([]string{groupView, groupWeight, groupClips}, g) {
			return fault.New(fault.Usage, "data.subgroups: %q is a column that the table of views has of its own", g).WithHint("rename the column in the table")
		}
	}
	return nil
}

// judgeViews reads views.csv of a folder and judges each view alone; nil where there is none.
func (r *Run) judgeViews(ctx context.Context, dir Folder, p *evaluate.Predictions, o evaluate.Options) (*ViewsOf, error) {
	if !r.Cohort.Several() && !exists(dir.Views()) {
		return nil, nil
	}
	v, err := evaluate.ReadFile(dir.Views(), p.Targets)
	if err != nil {
		return nil, err
	}
	o.Derive, o.MinGroup = nil, 0
	out := &ViewsOf{Split: o.Split}
	judged := func(t *evaluate.Predictions) (*evaluate.Report, error) {
		return evaluate.Evaluate(ctx, withoutGroups(t), o)
	}
	names, counts, weights := groupOf(v, groupView), groupOf(v, groupClips), groupOf(v, groupWeight)
	part := v.InSplit(o.Split)
	for _, name := range distinct(names, part) {
		rows := slices.DeleteFunc(slices.Clone(part), func(i int) bool { return names[i] != name })
		of := map[string]bool{}
		var sum float64
		for _, i := range rows {
			of[v.Item[i]] = true
			w, _ := strconv.ParseFloat(weights[i], 64)
			sum += w
		}
		alone, err := judged(v.Select(rows))
		if err != nil {
			return nil, fmt.Errorf("judging view %s: %w", name, err)
		}
		together, err := judged(p.Select(itemsOf(p, o.Split, of)))
		if err != nil {
			return nil, err
		}
		mean := evaluate.Number(sum / float64(len(rows)))
		one := ViewReport{Name: name, Studies: len(rows), Weight: &mean, Targets: map[string]ViewMeasures{}}
		for target, t := range together.Targets {
			key := headline[t.Kind][0]
			a := alone.Targets[target].Metrics[key]
			one.Targets[target] = ViewMeasures{Metric: key, Alone: &a, Together: t.Metrics[key]}
		}
		out.Views = append(out.Views, one)
	}
	for _, n := range distinct(counts, part) {
		of := map[string]bool{}
		for _, i := range part {
			if counts[i] == n {
				of[v.Item[i]] = true
			}
		}
		together, err := judged(p.Select(itemsOf(p, o.Split, of)))
		if err != nil {
			return nil, err
		}
		one := ViewReport{Name: n, Studies: len(of), Targets: map[string]ViewMeasures{}}
		for target, t := range together.Targets {
			key := headline[t.Kind][0]
			one.Targets[target] = ViewMeasures{Metric: key, Together: t.Metrics[key]}
		}
		out.Clips = append(out.Clips, one)
	}
	return out, nil
}

// withoutGroups is the table without subgroups: what is asked here is about all rows.
func withoutGroups(p *evaluate.Predictions) *evaluate.Predictions {
	q := *p
	q.Groups = nil
	return &q
}

// itemsOf are the rows of a part whose items are wanted.
func itemsOf(p *evaluate.Predictions, part string, want map[string]bool) []int {
	return slices.DeleteFunc(p.InSplit(part), func(i int) bool { return !want[p.Item[i]] })
}

func groupOf(p *evaluate.Predictions, name string) []string {
	for _, g := range p.Groups {
		if g.Name == name {
			return g.Values
		}
	}
	return make([]string, p.Len())
}

// distinct are the values of rows, sorted; numbers of clips have one digit or two and sort as numbers.
func distinct(values []string, rows []int) []string {
	var out []string
	for _, i := range rows {
		out = append(out, values[i])
	}
	slices.SortFunc(out, func(a, b string) int {
		x, errX := strconv.Atoi(a)
		y, errY := strconv.Atoi(b)
		if errX == nil && errY == nil {
			return x - y
		}
		return cmp.Compare(a, b)
	})
	return slices.Compact(out)
}

// viewRows is what the page shows of it.
func (v *ViewsOf) rows() []report.ViewRow {
	if v == nil {
		return nil
	}
	var out []report.ViewRow
	for _, of := range []struct {
		what string
		list []ViewReport
	}{{"view", v.Views}, {"clips", v.Clips}} {
		for _, one := range of.list {
			for _, name := range sortedKeys(one.Targets) {
				m := one.Targets[name]
				row := report.ViewRow{What: one.Name, Target: name, Metric: m.Metric, Studies: one.Studies, Alone: m.Alone, Together: m.Together}
				if of.what == "clips" {
					row.What = "studies of " + one.Name + " clips"
					if one.Name == "1" {
						row.What = "studies of 1 clip"
					}
				}
				if one.Weight != nil {
					w := float64(*one.Weight)
					row.Weight = &w
				}
				out = append(out, row)
			}
		}
	}
	return out
}
