package report

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/stats"
)

// DataSheetPage is what a person reads about a cohort before using it, after Gebru et al., Datasheets for Datasets (2021): how the items
// came to be there, what each part holds, what is missing, what looks wrong.
type DataSheetPage struct {
	Title, Description, Date, Version string
	Warnings                          []string
	Flow                              Flow
	Sheet                             *cohort.DataSheet
	Files                             *cohort.Fingerprint // nil: no clip was decoded
	Looked                            int                 // items that were looked at one by one; 0: none
	Doubts                            []cohort.Verdict    // those with a doubt
	Sheets                            []Picture
	Digests                           []Fact
}

type dataSheetView struct {
	DataSheetPage
	CSS         template.CSS
	Lead        []string
	FlowView    chart
	Sizes       table
	Forests     []forest
	Counts      []table
	Columns     table
	Files       *table
	Quality     *table
	QualityNote string
	SheetsV     []pictureView
}

//go:embed datasheet.gohtml
var dataSheetFile embed.FS

var dataSheetTemplate = template.Must(template.Must(page.Clone()).New("datasheet.gohtml").ParseFS(dataSheetFile, "datasheet.gohtml"))

// WriteDataSheet writes the page: one HTML file that needs nothing else.
func WriteDataSheet(w io.Writer, p DataSheetPage) error {
	v, err := p.view()
	if err != nil {
		return err
	}
	return render(w, dataSheetTemplate, v)
}

func (p DataSheetPage) view() (*dataSheetView, error) {
	s := p.Sheet
	v := &dataSheetView{DataSheetPage: p, CSS: styles, FlowView: p.Flow.chart("flow")}
	lead := fmt.Sprintf("%s items of %s patients", thousands(s.Items), thousands(s.Patients))
	if s.Sites > 0 {
		lead += fmt.Sprintf(" from %d sites", s.Sites)
	}
	v.Lead = append(v.Lead, lead+".")
	for _, t := range s.Whole.Targets {
		v.Lead = append(v.Lead, targetInWords(t))
	}
	v.Sizes = sizes(s)
	for _, t := range s.Whole.Targets {
		if t.Kind == cohort.Class || t.Kind == cohort.MultiLabel {
			v.Counts = append(v.Counts, classCounts(t.Name, s))
			continue
		}
		v.Forests = append(v.Forests, balanceForest(t, s))
	}
	v.Columns = columnTable(s)
	if p.Files != nil {
		v.Files = fileTable(p.Files)
	}
	if p.Looked > 0 {
		v.Quality, v.QualityNote = p.quality()
	}
	for _, pic := range p.Sheets {
		x, err := pic.view()
		if err != nil {
			return nil, err
		}
		v.SheetsV = append(v.SheetsV, x)
	}
	return v, nil
}

// targetInWords says what is known of a target.
func targetInWords(t cohort.TargetSummary) string {
	words := fmt.Sprintf("%s is known for %s items", t.Name, thousands(t.Known))
	if t.Missing > 0 {
		words += fmt.Sprintf(" and missing for %s", thousands(t.Missing))
	}
	switch {
	case t.Known == 0:
	case t.Kind == cohort.Binary:
		words += fmt.Sprintf("; %s of them positive", percent(float64(t.Classes[1].Rows)/float64(t.Known)))
	case t.Kind == cohort.TimeToEvent:
		words += fmt.Sprintf("; an event was seen in %s", percent(float64(t.Classes[1].Rows)/float64(t.Known)))
	case t.Values != nil:
		words += fmt.Sprintf("; median %s%s, 5th to 95th percentile %s to %s", number(t.Values.Median, false), nbUnit(t.Unit), number(t.Values.P5, false), number(t.Values.P95, false))
	case len(t.Classes) > 0:
		c := slices.Clone(t.Classes)
		slices.SortStableFunc(c, func(a, b cohort.Count) int { return b.Rows - a.Rows })
		words += fmt.Sprintf("; the commonest of %d is %s with %s", len(c), c[0].Name, percent(float64(c[0].Rows)/float64(t.Known)))
	}
	return words + "."
}

func nbUnit(unit string) string {
	if unit == "" {
		return ""
	}
	return "\u00a0" + unit
}

// partName is a part with its split and fold.
func partName(b cohort.Balance) string {
	name := b.Split + " · " + b.Part
	if b.Fold > 0 {
		name = fmt.Sprintf("%s · fold %d · %s", b.Split, b.Fold, b.Part)
	}
	return name
}

func sizes(s *cohort.DataSheet) table {
	t := table{Caption: "Sizes", Head: []string{"Part", "items", "patients"}}
	t.Rows = append(t.Rows, []string{"Everything", thousands(s.Items), thousands(s.Patients)})
	for _, p := range s.Parts {
		t.Rows = append(t.Rows, []string{partName(p), thousands(p.Rows), thousands(p.Patients)})
	}
	for _, g := range s.Groups {
		t.Rows = append(t.Rows, []string{g.Group + " = " + orUnknown(g.Value), thousands(g.Rows), thousands(g.Patients)})
	}
	return t
}

func orUnknown(v string) string {
	if v == "" {
		return "unknown"
	}
	return v
}

// strip is where a target lies in one part: the ends and the middle of its bar.
func strip(t cohort.TargetSummary) (low, middle, high float64, ok bool) {
	switch {
	case t.Known == 0:
		return 0, 0, 0, false
	case t.Kind == cohort.Binary:
		k, n := float64(t.Classes[1].Rows), float64(t.Known)
		w := stats.Wilson(k, n, 0.95)
		return w.Low, k / n, w.High, true
	case t.Values != nil:
		return t.Values.P5, t.Values.Median, t.Values.P95, true
	}
	return 0, 0, 0, false
}

// balanceForest shows one target in the whole, in every part and in every group on one scale.
func balanceForest(whole cohort.TargetSummary, s *cohort.DataSheet) forest {
	share := whole.Kind == cohort.Binary
	f := forest{Title: whole.Name + inParens(whole.Unit), Help: "median, 5th to 95th percentile"}
	if share {
		f.Title, f.Help = "Share of "+whole.Name, "of items whose "+whole.Name+" is known, 95 % interval"
	}
	if whole.Kind == cohort.TimeToEvent {
		f.Title = "Time to " + whole.Name + inParens(whole.Unit)
	}
	find := func(b cohort.Balance) cohort.TargetSummary {
		for _, t := range b.Targets {
			if t.Name == whole.Name {
				return t
			}
		}
		return cohort.TargetSummary{}
	}
	var span []float64
	all := []cohort.Balance{s.Whole}
	all = append(all, s.Parts...)
	for _, g := range s.Groups {
		all = append(all, g.Balance)
	}
	for _, b := range all {
		if low, _, high, ok := strip(find(b)); ok {
			span = append(span, low, high)
		}
	}
	sc := scaleOver(span)
	if share {
		sc.Min, sc.Max = math.Max(sc.Min, 0), math.Min(sc.Max, 1)
	}
	f.Axis = sc.axis()
	_, line, _, known := strip(whole)
	if !known {
		line = math.NaN()
	}
	row := func(name string, b cohort.Balance) forestRow {
		t := find(b)
		r := forestRow{Name: name, N: fmt.Sprintf("%s items, %s patients", thousands(t.Known), thousands(b.Patients))}
		if t.Missing > 0 {
			r.N += fmt.Sprintf("; %s missing", thousands(t.Missing))
		}
		low, middle, high, ok := strip(t)
		if !ok {
			r.Reason = "not known for any item"
			return r
		}
		r.Value, r.Span = number(middle, share), number(low, share)+"\u00a0to\u00a0"+number(high, share)
		r.Bar = sc.bar(low, middle, high, line)
		return r
	}
	everyone := row("Everything", s.Whole)
	everyone.Whole = true
	f.Rows = append(f.Rows, everyone)
	heading := ""
	for _, p := range s.Parts {
		if p.Split != heading {
			heading = p.Split
			f.Rows = append(f.Rows, forestRow{Heading: "split " + heading})
		}
		f.Rows = append(f.Rows, row(strings.TrimPrefix(partName(p), p.Split+" · "), p))
	}
	heading = ""
	for _, g := range s.Groups {
		if g.Group != heading {
			heading = g.Group
			f.Rows = append(f.Rows, forestRow{Heading: heading})
		}
		f.Rows = append(f.Rows, row(orUnknown(g.Value), g.Balance))
	}
	return f
}

// classCounts is how often each class (or label) stands in every part and group.
func classCounts(name string, s *cohort.DataSheet) table {
	t := table{Caption: name + ": items by class"}
	add := func(label string, b cohort.Balance) {
		for _, x := range b.Targets {
			if x.Name != name {
				continue
			}
			if t.Head == nil {
				t.Head = []string{"Part"}
				for _, c := range x.Classes {
					t.Head = append(t.Head, c.Name)
				}
				t.Head = append(t.Head, "missing")
			}
			row := []string{label}
			for _, c := range x.Classes {
				cell := thousands(c.Rows)
				if x.Known > 0 {
					cell += " (" + percent(float64(c.Rows)/float64(x.Known)) + ")"
				}
				row = append(row, cell)
			}
			t.Rows = append(t.Rows, append(row, thousands(x.Missing)))
		}
	}
	add("Everything", s.Whole)
	for _, p := range s.Parts {
		add(partName(p), p)
	}
	for _, g := range s.Groups {
		add(g.Group+" = "+orUnknown(g.Value), g.Balance)
	}
	return t
}

func columnTable(s *cohort.DataSheet) table {
	t := table{Head: []string{"Column", "known", "missing", "values"}}
	for _, c := range s.Columns {
		missing := "–"
		if c.Missing > 0 {
			missing = thousands(c.Missing) + " (" + percent(float64(c.Missing)/float64(c.Known+c.Missing)) + ")"
			var parts []string
			for _, p := range c.Parts {
				parts = append(parts, p.Part+" "+percent(p.Share))
			}
			if len(parts) > 0 {
				missing += "; " + strings.Join(parts, ", ")
			}
		}
		t.Rows = append(t.Rows, []string{c.Name, thousands(c.Known), missing, columnInWords(c)})
	}
	return t
}

func columnInWords(c cohort.ColumnSummary) string {
	switch {
	case c.Values != nil:
		return fmt.Sprintf("median %s, %s to %s (5th to 95th percentile)", number(c.Values.Median, false), number(c.Values.P5, false), number(c.Values.P95, false))
	case c.Kind == "words":
		var words []string
		for _, n := range c.Common {
			words = append(words, fmt.Sprintf("%s %s", n.Name, thousands(n.Rows)))
		}
		if c.Rare > 0 {
			words = append(words, fmt.Sprintf("others %s", thousands(c.Rare)))
		}
		return strings.Join(words, ", ")
	case c.Kind == "key":
		return fmt.Sprintf("keys, %s different", thousands(c.Distinct))
	}
	return "–"
}

// fileTable says what the decoded sample looks like.
func fileTable(f *cohort.Fingerprint) *table {
	t := &table{Caption: fmt.Sprintf("What %s decoded items hold", thousands(f.Sampled)), Head: []string{"", "5th percentile", "median", "95th percentile"}}
	add := func(name string, d *cohort.Distribution) {
		if d != nil && d.N > 0 {
			if d.N < f.Sampled {
				name += fmt.Sprintf(" (known for %s)", thousands(d.N))
			}
			t.Rows = append(t.Rows, []string{name, number(d.P5, false), number(d.Median, false), number(d.P95, false)})
		}
	}
	add("frames", &f.Frames)
	add("rows", &f.Height)
	add("columns", &f.Width)
	add("frames a second", f.FrameRate)
	add("duration, ms", f.DurationMS)
	add("slice spacing, mm", f.SliceMM)
	add("row spacing, mm", f.RowMM)
	add("column spacing, mm", f.ColumnMM)
	counts := func(name string, m map[string]int) {
		var words []string
		for _, k := range sortedKeys(m) {
			words = append(words, fmt.Sprintf("%s %s", k, thousands(m[k])))
		}
		t.Rows = append(t.Rows, []string{name, strings.Join(words, ", "), "", ""})
	}
	counts("format", f.Formats)
	counts("samples", f.DTypes)
	counts("photometric", f.Photometric)
	return t
}

// quality counts the doubts by rule.
func (p DataSheetPage) quality() (*table, string) {
	t := &table{Head: []string{"What", "items", "an example"}}
	count, example := map[string]int{}, map[string]string{}
	rejected := 0
	for _, v := range p.Doubts {
		if v.Reject {
			rejected++
		}
		for _, d := range v.Doubts {
			if count[d.Rule]++; example[d.Rule] == "" {
				example[d.Rule] = fmt.Sprintf("line %d: %s", v.Line, d.Reason)
			}
		}
	}
	for _, rule := range sortedKeys(count) {
		t.Rows = append(t.Rows, []string{rule, thousands(count[rule]), example[rule]})
	}
	note := fmt.Sprintf("All %s items were decoded and looked at: %s have a doubt, %s of them hold no usable picture. The rules compare an item with fixed limits and with the rest of the cohort; a doubt is a reason to look, not to drop.",
		thousands(p.Looked), thousands(len(p.Doubts)), thousands(rejected))
	return t, note
}
