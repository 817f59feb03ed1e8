package serve

import (
	"context"
	"iter"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/dimse"
	"github.com/cineloop/cineloop/dicom/match"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/store/catalog"
	"github.com/cineloop/cineloop/store/ingest"
)

// page is how many records are asked of the catalog at once.
const page = 500

var levels = map[string]catalog.Level{"PATIENT": catalog.Patient, "STUDY": catalog.Study, "SERIES": catalog.Series, "IMAGE": catalog.Image}

// unique are the unique keys of the levels (PS3.4 sections C.6.1.1 and C.6.2.1), from the top.
var unique = []struct {
	level   string
	tag     tag.Tag
	keyword string
}{
	{"PATIENT", tag.PatientID, "PatientID"}, {"STUDY", tag.StudyInstanceUID, "StudyInstanceUID"},
	{"SERIES", tag.SeriesInstanceUID, "SeriesInstanceUID"}, {"IMAGE", tag.SOPInstanceUID, "SOPInstanceUID"},
}

// Find answers C-FIND from the catalog. Keys may belong to any level; those above the level of the query may be missing.
func (s *Archive) Find(ctx context.Context, q *dimse.FindRequest) iter.Seq2[*dicom.DataSet, error] {
	return func(yield func(*dicom.DataSet, error) bool) {
		query := catalog.Query{Level: levels[q.Level], Limit: page}
		for e := range q.Identifier.All() {
			m, ask, known := condition(e)
			if !known {
				q.Ignored = true
			} else if ask {
				query.Match = append(query.Match, m)
			}
		}
		seen := map[string]bool{} // records may move between pages while others are added
		for {
			records, err := s.archive.Catalog.Find(ctx, query)
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range records {
				r := &records[i]
				key := r.StudyUID + " " + r.SeriesUID + " " + r.SOPInstanceUID
				if query.Level == catalog.Patient {
					key = r.Attributes["PatientID"]
				}
				if seen[key] {
					continue
				}
				seen[key] = true
				if !yield(s.answer(q, r), nil) {
					return
				}
			}
			if len(records) < page {
				return
			}
			query.Offset += page
		}
	}
}

// about are the elements of an identifier that are neither matched nor returned from a record.
func about(t tag.Tag) bool {
	return t == tag.QueryRetrieveLevel || t == tag.SpecificCharacterSet || t == tag.RetrieveAETitle || t == tag.InstanceAvailability ||
		t == tag.TimezoneOffsetFromUTC || t.IsGroupLength()
}

// computed are the attributes that records have without keeping them.
var computed = map[tag.Tag]func(*catalog.Record) string{
	tag.StudyInstanceUID:  func(r *catalog.Record) string { return r.StudyUID },
	tag.SeriesInstanceUID: func(r *catalog.Record) string { return r.SeriesUID },
	tag.SOPInstanceUID:    func(r *catalog.Record) string { return r.SOPInstanceUID },
	tag.SOPClassUID:       func(r *catalog.Record) string { return instance(r).SOPClassUID },
	tag.AvailableTransferSyntaxUID: func(r *catalog.Record) string {
		return instance(r).TransferSyntaxUID
	},
	tag.ModalitiesInStudy:               func(r *catalog.Record) string { return strings.Join(r.Modalities, `\`) },
	tag.NumberOfPatientRelatedStudies:   func(r *catalog.Record) string { return count(r.Studies) },
	tag.NumberOfStudyRelatedSeries:      func(r *catalog.Record) string { return count(r.Series) },
	tag.NumberOfStudyRelatedInstances:   func(r *catalog.Record) string { return count(r.Instances) },
	tag.NumberOfSeriesRelatedInstances:  func(r *catalog.Record) string { return count(r.Instances) },
	tag.NumberOfPatientRelatedSeries:    func(*catalog.Record) string { return "" },
	tag.NumberOfPatientRelatedInstances: func(*catalog.Record) string { return "" },
}

func instance(r *catalog.Record) catalog.Instance {
	if r.Instance == nil {
		return catalog.Instance{}
	}
	return *r.Instance
}

func count(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// condition is what a key asks of the catalog: nothing if it is universal, and nothing that is known of an attribute that records don't have.
func condition(e *dicom.Element) (m catalog.Match, ask, known bool) {
	if about(e.Tag) {
		return m, false, true
	}
	keyword := e.Tag.Keyword()
	_, counted := computed[e.Tag]
	if !counted && !ingest.Keeps(keyword) || e.Kind() == vr.SQ {
		return m, false, false
	}
	k := match.KeyOf(e)
	if k.Kind == match.Universal {
		return m, false, true
	}
	if counted && strings.HasPrefix(keyword, "NumberOf") {
		return m, false, false
	}
	m, ask = catalog.MatchOf(keyword, k)
	return m, ask, true
}

// answer is a record as the identifier asks for it. Text is in UTF-8, as the catalog has it.
func (s *Archive) answer(q *dimse.FindRequest, r *catalog.Record) *dicom.DataSet {
	out := dicom.NewDataSet()
	plain := true
	level := levels[q.Level]
	for e := range q.Identifier.All() {
		switch e.Tag {
		case tag.QueryRetrieveLevel:
			out.SetBytes(e.Tag, vr.CS, []byte(q.Level))
			continue
		case tag.RetrieveAETitle:
			continue
		case tag.InstanceAvailability:
			out.SetBytes(e.Tag, vr.CS, []byte("ONLINE"))
			continue
		}
		if about(e.Tag) {
			continue
		}
		if e.Kind() == vr.SQ {
			out.SetSequence(e.Tag)
			continue
		}
		v := r.Attributes[e.Tag.Keyword()]
		if f, ok := computed[e.Tag]; ok {
			v = f(r)
		}
		if catalog.LevelOf(e.Tag.Keyword()) == catalog.Study && level < catalog.Study {
			v = "" // a patient's record stands for several studies
		}
		plain = set(out, e, v) && plain
	}
	for _, u := range unique { // PS3.4 C.4.1.1.3.2: the unique keys of the level and above come back in any case
		if levels[u.level] <= level && !out.Has(u.tag) && (u.level != "PATIENT" || q.Model == dimse.PatientRoot) {
			v := r.Attributes[u.keyword]
			if f, ok := computed[u.tag]; ok {
				v = f(r)
			}
			out.SetBytes(u.tag, u.tag.VR(), []byte(v))
		}
	}
	out.SetBytes(tag.RetrieveAETitle, vr.AE, []byte(s.aet))
	if !plain {
		out.SetBytes(tag.SpecificCharacterSet, vr.CS, []byte("ISO_IR 192"))
	}
	return out
}

// set stores a value as it was received, whatever limits it breaks, and reports whether it is ASCII.
func set(out *dicom.DataSet, key *dicom.Element, value string) bool {
	v := key.Kind()
	if !v.IsText() {
		if n, err := strconv.Atoi(value); err == nil && v != vr.AT {
			out.SetInts(key.Tag, n)
			return true
		}
		out.SetBytes(key.Tag, v, nil)
		return true
	}
	out.SetBytes(key.Tag, v, []byte(value))
	for _, c := range []byte(value) {
		if c >= 0x80 || c == 0x1B {
			return false
		}
	}
	return true
}

// uniqueKeys are the conditions of a retrieval: the unique key of its level, one or a list, and those above it where they are given.
func uniqueKeys(q *dimse.RetrieveRequest) ([]catalog.Match, error) {
	var out []catalog.Match
	for _, u := range unique {
		values := q.Identifier.Strings(u.tag)
		if len(values) > 0 {
			out = append(out, catalog.Match{Keyword: u.keyword, OneOf: values})
		}
		if u.level == q.Level {
			if len(values) == 0 {
				return nil, &dimse.StatusError{Status: dimse.IdentifierMismatch, Comment: "no unique key of the level"}
			}
			break
		}
	}
	return out, nil
}
