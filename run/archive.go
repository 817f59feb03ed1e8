package run

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/internal/fault"
)

// Answer is what an archive answered when the run was planned: the instances that the run is of.
func (f Folder) Answer() string { return filepath.Join(string(f), "answer.json") }

// pin makes the run's cohort that of the answer that it was planned with.
func (r *Run) pin() error {
	if r.Plan.Data.Archive == "" {
		return nil
	}
	err := readJSON(r.Dir.Answer(), &r.Plan.Data.Pinned)
	if errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.NotFound, "%s lacks %s: which instances of the archive the run is of is not known", r.Dir, filepath.Base(r.Dir.Answer())).
			WithHint("start it anew with --restart")
	}
	return err
}

// sameData says where the data are others than when the run was planned.
func (r *Run) sameData() {
	if was := r.Fingerprint.TableDigest; was != "" && was != r.Cohort.Digest && r.Plan.Data.Archive != "" {
		r.say("note: what the archive answers, or the table of labels, is not what the run was planned with")
	}
}

// followVariable is where a place of the recipe that names variables lies now; else the place that was planned.
func (r *Run) followVariable(recipe, planned string) string {
	if !strings.Contains(recipe, "$") {
		return planned
	}
	if now, err := cohort.ResolvePath(recipe, r.Plan.Data.Base); err == nil && exists(now) {
		return now
	}
	return planned
}

// asTable is the specification of an archive's cohort for a table of the same columns, whose column "file" names the files.
func asTable(s cohort.Spec) cohort.Spec {
	if s.Archive != "" {
		s.Archive, s.Query, s.Each, s.Labels, s.Pinned = "", nil, "", nil, nil
		s.File = "{file}"
	}
	return s
}

// namesSomebody says whether a filter on the column chooses by who or what is in the archive.
func namesSomebody(d cohort.Spec, column string) bool {
	if d.Views != nil && column == d.Views.Study {
		return true
	}
	switch column {
	case d.ID, d.Patient, d.File:
		return true
	case "accession", "study", "series":
		return d.Archive != ""
	}
	return false
}

// unlocated takes out of a plan's data where they lie on this machine and whom the recipe chose.
func unlocated(d cohort.Spec) cohort.Spec {
	where := map[string]string{}
	for column, v := range d.Where {
		if !namesSomebody(d, column) {
			where[column] = v
		}
	}
	if d.Where = where; len(where) == 0 {
		d.Where = nil
	}
	table := filepath.Base(d.Table)
	if d.Archive != "" {
		table = "archive.csv"
	}
	d = asTable(d)
	d.Root, d.Base, d.Table = "", "", table
	return d
}
