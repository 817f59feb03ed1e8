package run

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/cineloop/cineloop/report"
)

// Audit looks at every item before anything is trained, once: it is an error of code conflict where the same picture lies in two parts of
// a division, unless that is by item, which shows just this. What it finds of fields that give a target away is kept for the report.
func (r *Run) Audit(ctx context.Context) error {
	if r.Plan.Kind == kindCatalog {
		return nil
	}
	c := r.audited()
	if c == nil {
		var err error
		if c, err = r.check(ctx); err != nil {
			return err
		}
		if err := writeJSON(r.Dir.Check(), c); err != nil {
			return err
		}
	}
	return c.Leaks()
}

// audited is the check that the run's folder holds of just this data; nil: none.
func (r *Run) audited() *CohortCheck {
	c := &CohortCheck{}
	if err := readJSON(r.Dir.Check(), c); err != nil || c.Key != r.dataKey() {
		return nil
	}
	return c
}

// dataKey is a digest of the table, the files' sizes and the divisions.
func (r *Run) dataKey() string {
	h := sha256.New()
	fmt.Fprintf(h, "check 2\n%s %d\n", r.Cohort.Digest, len(r.Cohort.Rows))
	if r.Fingerprint != nil {
		fmt.Fprintln(h, r.Fingerprint.FilesDigest)
	}
	for _, s := range r.Splits {
		fmt.Fprintf(h, "%q %s\n", s.Name, s.Digest)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// shownShortcuts is how many fields the report lists.
const shownShortcuts = 10

// shortcuts is what the report says of fields that predict a target without the picture.
func (r *Run) shortcuts() (out []report.Shortcut) {
	c := r.audited()
	if c == nil {
		return nil
	}
	for _, s := range c.Shortcuts[:min(shownShortcuts, len(c.Shortcuts))] {
		target := s.Target
		if s.Class != "" {
			target += " = " + s.Class
		}
		out = append(out, report.Shortcut{Field: s.Field, Target: target, AUROC: s.AUROC, Low: s.Low, High: s.High, Rows: s.Known, Strong: s.Strong})
	}
	return out
}
