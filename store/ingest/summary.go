package ingest

import (
	"cmp"
	"slices"
	"time"
)

// Summary is what a run did. Found = Stored + Duplicate + Skipped + Quarantined; Conflict is how many of Stored came beside other
// content under the same SOPInstanceUID.
type Summary struct {
	Found       int            `json:"found"` // files, members of archives among them
	Stored      int            `json:"stored"`
	Duplicate   int            `json:"duplicate"`
	Conflict    int            `json:"conflict"`
	Skipped     int            `json:"skipped"`
	Quarantined int            `json:"quarantined"`
	Reasons     map[string]int `json:"reasons"` // for skipping and quarantine, with their counts

	Quarantine []Item   `json:"quarantine"` // what is in quarantine, and why
	Conflicts  []Item   `json:"conflicts"`
	Missing    []string `json:"missing"` // files that a DICOMDIR refers to and that are not there
	Seconds    float64  `json:"seconds"`
}

func newSummary() Summary {
	return Summary{Reasons: map[string]int{}, Quarantine: []Item{}, Conflicts: []Item{}, Missing: []string{}}
}

func (s *Summary) add(it Item) {
	s.Found++
	switch it.Outcome {
	case Stored:
		s.Stored++
	case Conflict:
		s.Stored++
		s.Conflict++
		s.Conflicts = append(s.Conflicts, it)
	case Duplicate:
		s.Duplicate++
	case Skipped:
		s.Skipped++
		s.Reasons[it.Reason]++
	case Quarantined:
		s.Quarantined++
		s.Reasons[it.Reason]++
		s.Quarantine = append(s.Quarantine, it)
	}
}

func (s *Summary) finish(d *directories, started time.Time) {
	byFile := func(a, b Item) int { return cmp.Compare(a.File, b.File) }
	slices.SortFunc(s.Quarantine, byFile)
	slices.SortFunc(s.Conflicts, byFile)
	if m := d.missing(); m != nil {
		s.Missing = m
	}
	s.Seconds = time.Since(started).Seconds()
}

// counts are the numbers that the catalog keeps of the run.
func (s *Summary) counts() map[string]any {
	return map[string]any{"found": s.Found, "stored": s.Stored, "duplicate": s.Duplicate, "conflict": s.Conflict, "skipped": s.Skipped,
		"quarantined": s.Quarantined, "missing": len(s.Missing), "seconds": s.Seconds}
}
