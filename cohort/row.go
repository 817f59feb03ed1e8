package cohort

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
)

// rowReader makes rows of records.
type rowReader struct {
	c                 *Cohort
	t                 *table
	file              []part
	id, patient, site int // columns; -1: none
}

// part is a piece of the file template: text, or the column whose cell stands there.
type part struct {
	text   string
	column int // -1: text
}

var placeholder = regexp.MustCompile(`\{([^{}]*)\}`)

func newRowReader(c *Cohort, t *table) (*rowReader, error) {
	l := &rowReader{c: c, t: t}
	for _, k := range []struct {
		at         *int
		name, what string
	}{{&l.id, c.Spec.ID, "data.id"}, {&l.patient, c.Spec.Patient, "data.patient"}, {&l.site, c.Spec.Site, "data.site"}} {
		*k.at = -1
		if k.name == "" {
			continue
		}
		i, err := t.column(k.name, k.what)
		if err != nil {
			return nil, err
		}
		*k.at = i
	}
	var err error
	if l.file, err = parseTemplate(t, c.Spec.File, "data.file"); err != nil {
		return nil, err
	}
	return l, nil
}

// parseTemplate cuts a file template into its pieces; none for an empty one.
func parseTemplate(t *table, text, what string) ([]part, error) {
	tmpl, err := Expand(text)
	if err != nil || tmpl == "" {
		return nil, err
	}
	var out []part
	last := 0
	for _, m := range placeholder.FindAllStringSubmatchIndex(tmpl, -1) {
		i, err := t.column(tmpl[m[2]:m[3]], what)
		if err != nil {
			return nil, err
		}
		out = append(out, part{text: tmpl[last:m[0]], column: -1}, part{column: i})
		last = m[1]
	}
	return append(out, part{text: tmpl[last:], column: -1}), nil
}

// fillTemplate is the template with a row's cells; ok is false where a column in it is missing.
func fillTemplate(parts []part, cells []string) (name string, ok bool) {
	var b strings.Builder
	for _, p := range parts {
		if p.column < 0 {
			b.WriteString(p.text)
			continue
		}
		if missing(cells[p.column]) {
			return "", false
		}
		b.WriteString(cells[p.column])
	}
	return b.String(), true
}

// add appends rec as a row, or quarantines it.
func (l *rowReader) add(rec record) {
	row := Row{Line: rec.line, Columns: rec.cells}
	name, ok := l.name(rec)
	row.ID = name
	if l.id >= 0 {
		row.ID = rec.cells[l.id]
	}
	quarantine := func(reason string) {
		l.c.Quarantine = append(l.c.Quarantine, Quarantine{rec.line, row.ID, reason})
	}
	if !ok {
		quarantine("a column of the file name is empty")
		return
	}
	if l.id >= 0 && missing(row.ID) {
		quarantine(fmt.Sprintf("column %s is empty", l.c.Spec.ID))
		return
	}
	if rec.broken != "" {
		quarantine(rec.broken)
		return
	}
	if row.Patient = row.ID; l.patient >= 0 {
		if row.Patient = rec.cells[l.patient]; missing(row.Patient) {
			quarantine(fmt.Sprintf("column %s is empty, so the item cannot be kept on one side of a split", l.c.Spec.Patient))
			return
		}
	}
	if l.site >= 0 && !missing(rec.cells[l.site]) {
		row.Site = rec.cells[l.site]
	}
	if row.Path = rec.path; row.Path == "" {
		row.Path = name
		if !filepath.IsAbs(name) {
			row.Path = filepath.Join(l.c.Spec.Root, name)
		}
	}
	if reason := checkFile(row.Path); reason != "" {
		quarantine(reason)
		return
	}
	l.c.Rows = append(l.c.Rows, row)
}

// name fills the file template; ok is false where a column in it is missing. Tables that know their files need no template.
func (l *rowReader) name(rec record) (name string, ok bool) {
	if len(l.file) == 0 {
		rel, err := filepath.Rel(l.c.Spec.Root, rec.path)
		if err != nil {
			rel = rec.path
		}
		return filepath.ToSlash(rel), true
	}
	return fillTemplate(l.file, rec.cells)
}

// checkFile says why the item's file cannot be there; "" when it is. Its content is looked at when it is decoded.
func checkFile(path string) string {
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if i := strings.LastIndexByte(path, '#'); i > 0 {
			st, err = os.Stat(path[:i])
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "the file is not there"
	case err != nil:
		return "the file cannot be looked at: " + WithoutPath(err, path)
	case st.Mode().IsRegular() && st.Size() == 0:
		return "the file is empty"
	case !st.Mode().IsRegular() && !st.IsDir():
		return "neither a file nor a folder"
	}
	return ""
}

// WithoutPath is err's text with the item's path, which may name a patient, taken out.
func WithoutPath(err error, path string) string {
	text := err.Error()
	file := path
	if i := strings.LastIndexByte(path, '#'); i > 0 {
		file = path[:i]
	}
	for _, p := range []string{path, file, filepath.Base(path), filepath.Base(file)} {
		text = strings.ReplaceAll(text, p, "the file")
	}
	return text
}

// unique refuses two rows with one key.
func (l *rowReader) unique() error {
	what := "data.file"
	if l.id >= 0 {
		what = "data.id"
	}
	first := map[string]int{}
	for _, r := range l.c.Rows {
		if f, ok := first[r.ID]; ok {
			return fault.New(fault.Input, "%s: lines %d and %d have the same key (%s)", l.t.name, f, r.Line, what).
				WithHint("remove one of them, or set data.id to a column that tells them apart")
		}
		first[r.ID] = r.Line
	}
	return nil
}
