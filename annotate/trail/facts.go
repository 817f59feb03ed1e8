package trail

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"path/filepath"
	"slices"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/ledger"
	"github.com/cineloop/cineloop/dicom/audit"
)

// facts are what a project's ids stand for.
type facts struct {
	patients map[string]string // number that stands for a patient, by case
	by       map[string]string // the same by what the table of cases called them
	cases    []string
	caseOf   map[string]string // of assignments and readings
	reading  map[string]string // of answers
	revealed map[string][]string
}

// detail is what is looked at of an event's data.
type detail struct {
	ID          string   `json:"id"`      // of a case
	Patient     string   `json:"patient"` // …
	Case        string   `json:"case"`    // of a computed result
	Assignment  string   `json:"assignment"`
	Reading     string   `json:"reading"`
	Revealed    []string `json:"revealed"`
	Member      string   `json:"member"`
	Name        string   `json:"name"`
	Phase       string   `json:"phase"`
	Formats     []string `json:"formats"`
	Assignments []struct {
		ID   string `json:"id"`
		Case string `json:"case"`
	} `json:"assignments"`
}

// done is an event of the project without its answers.
type done struct {
	annotate.Event
	detail
}

// learn reads the project's events, and gives each on.
func learn(dir string, give func(done)) (*facts, error) {
	f := &facts{patients: map[string]string{}, by: map[string]string{}, caseOf: map[string]string{}, reading: map[string]string{}, revealed: map[string][]string{}}
	_, err := ledger.Read(filepath.Join(dir, annotate.LogFile), func(_ int64, b []byte) error {
		var e done
		if err := json.Unmarshal(b, &e.Event); err != nil {
			return err
		}
		_ = json.Unmarshal(e.Data, &e.detail) // what does not fit is of another kind
		e.Data = nil
		f.note(e)
		give(e)
		return nil
	})
	return f, err
}

func (f *facts) note(e done) {
	switch e.Kind {
	case annotate.CaseAdded:
		number, known := f.by[e.Patient]
		if !known { // the first case's own id: drawn by chance, and nobody else's
			number = e.ID
			f.by[e.Patient] = number
		}
		f.patients[e.ID] = number
		f.cases = append(f.cases, e.ID)
	case annotate.Assigned, annotate.Sent:
		for _, a := range e.Assignments {
			f.caseOf[a.ID] = a.Case
		}
	case annotate.ReadingOpened:
		f.caseOf[e.Object] = f.caseOf[e.Assignment]
		f.revealed[e.Object] = e.Revealed
	case annotate.Decided:
		f.caseOf[e.Object] = e.Case
	case annotate.AnswerPut:
		f.reading[e.Object] = e.Reading
	}
}

// readingOf is the reading that an event is about.
func (f *facts) readingOf(e done) string {
	for _, id := range []string{e.Reading, e.Object, f.reading[e.Object]} {
		if f.caseOf[id] != "" && id != e.Assignment {
			return id
		}
	}
	return ""
}

// study is a UID for a case: 2.25 and its 128 random bits, as PS3.5 B.2 makes UIDs of UUIDs.
func study(id string) string {
	b, err := hex.DecodeString(id)
	if err != nil || len(b) == 0 {
		return "2.25.0"
	}
	return "2.25." + new(big.Int).SetBytes(b).String()
}

// about are the study and the patient of a case, and readings of it.
func (f *facts) about(c string, readings ...string) []audit.Object {
	out := []audit.Object{audit.Study(study(c)), audit.Patient(cmp.Or(f.patients[c], "unknown"))}
	for _, id := range readings {
		out = append(out, audit.Report(id, "reading"))
	}
	return out
}

// everything are all studies and patients of the project.
func (f *facts) everything() (out []audit.Object) {
	var patients []string
	for _, c := range f.cases {
		out = append(out, audit.Study(study(c)))
		if !slices.Contains(patients, f.patients[c]) {
			patients = append(patients, f.patients[c])
		}
	}
	for _, p := range patients {
		out = append(out, audit.Patient(p))
	}
	return out
}
