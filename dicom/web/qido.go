package web

import (
	"bufio"
	"net/http"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
)

// returned are the attributes that a search always returns (PS3.18 tables 10.6.3-3 to 10.6.3-5), by level.
var returned = [...][]tag.Tag{
	Studies: {tag.StudyDate, tag.StudyTime, tag.AccessionNumber, tag.InstanceAvailability, tag.ModalitiesInStudy, tag.ReferringPhysicianName,
		tag.TimezoneOffsetFromUTC, tag.RetrieveURL, tag.PatientName, tag.PatientID, tag.PatientBirthDate, tag.PatientSex, tag.StudyInstanceUID,
		tag.StudyID, tag.NumberOfStudyRelatedSeries, tag.NumberOfStudyRelatedInstances, tag.StudyDescription},
	Series: {tag.Modality, tag.TimezoneOffsetFromUTC, tag.SeriesDescription, tag.RetrieveURL, tag.SeriesInstanceUID, tag.SeriesNumber,
		tag.NumberOfSeriesRelatedInstances, tag.PerformedProcedureStepStartDate, tag.PerformedProcedureStepStartTime, tag.RequestAttributesSequence,
		tag.InstanceAvailability},
	Instances: {tag.SOPClassUID, tag.SOPInstanceUID, tag.InstanceAvailability, tag.TimezoneOffsetFromUTC, tag.RetrieveURL, tag.InstanceNumber,
		tag.Rows, tag.Columns, tag.BitsAllocated, tag.NumberOfFrames, tag.AvailableTransferSyntaxUID},
}

// search answers QIDO-RS.
func (s *Server) search(w http.ResponseWriter, r *http.Request, level Level) error {
	within, err := resourceOf(r)
	if err != nil {
		return err
	}
	if _, _, err := choose(acceptsOf(r), typeJSON, "application/json"); err != nil {
		return err
	}
	q, err := ParseQuery(level, within, r.URL.Query())
	if err != nil {
		return err
	}
	if q.Limit < 0 { // limit=0
		return s.none(w)
	}
	if q.Limit == 0 || q.Limit > s.opts.MaxResults {
		q.Limit = s.opts.MaxResults
	}
	if !q.All {
		q.Include = append(q.Include, Attribute{tag.RequestAttributesSequence})
		if level != Series {
			q.Include = q.Include[:len(q.Include)-1]
		}
	}
	page, err := s.backend.Search(r.Context(), q)
	if err != nil {
		return err
	}
	if page.More > 0 {
		warning(w, r, "There are %d additional results that can be requested", page.More)
	}
	w.Header().Set("Cache-Control", "private, no-store")
	if len(page.Records) == 0 {
		return s.none(w)
	}
	w.Header().Set("Content-Type", typeJSON)
	out := bufio.NewWriterSize(w, 64<<10)
	for i, ds := range page.Records {
		at := Resource{Study: ds.String(tag.StudyInstanceUID)}
		if level >= Series {
			at.Series = ds.String(tag.SeriesInstanceUID)
		}
		if level == Instances {
			at.Instance = ds.String(tag.SOPInstanceUID)
		}
		ds.SetString(tag.RetrieveURL, s.url(r, at))
		ds.SetString(tag.InstanceAvailability, "ONLINE")
		q.shorten(ds)
		b, err := ds.JSON(maxInline, nil)
		if err != nil {
			return err
		}
		sep := byte(',')
		if i == 0 {
			sep = '['
		}
		out.WriteByte(sep)
		if _, err := out.Write(b); err != nil {
			return err
		}
	}
	out.WriteByte(']')
	return out.Flush()
}

// none is the answer without results (PS3.18 table 10.6.3-1).
func (s *Server) none(w http.ResponseWriter) error {
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// shorten leaves in ds what the query returns: the attributes of its level, those of the levels above that the path doesn't name, those
// asked for, and those that were matched.
func (q Query) shorten(ds *dicom.DataSet) {
	if q.All {
		return
	}
	keep := slices.Clone(returned[q.Level])
	if q.Level > Studies {
		keep = append(keep, tag.StudyInstanceUID)
		if q.Within.Study == "" {
			keep = append(keep, returned[Studies]...)
		}
	}
	if q.Level == Instances {
		keep = append(keep, tag.SeriesInstanceUID)
		if q.Within.Series == "" {
			keep = append(keep, returned[Series]...)
		}
	}
	paths := slices.Clone(q.Include)
	for _, m := range q.Match {
		paths = append(paths, m.Attribute)
	}
	var drop []tag.Tag
	for e := range ds.All() {
		if slices.Contains(keep, e.Tag) || e.Tag == tag.SpecificCharacterSet {
			continue
		}
		wanted := false
		var inside []Attribute
		for _, p := range paths {
			if p[0] == e.Tag {
				wanted = true
				inside = append(inside, p[1:])
			}
		}
		if !wanted {
			drop = append(drop, e.Tag)
			continue
		}
		prune(e, inside)
	}
	ds.Delete(drop...)
}

// prune leaves in the items of a sequence only the attributes of paths; an empty path keeps everything.
func prune(e *dicom.Element, paths []Attribute) {
	if slices.ContainsFunc(paths, func(p Attribute) bool { return len(p) == 0 }) {
		return
	}
	for _, item := range e.Items() {
		var drop []tag.Tag
		for in := range item.All() {
			var inside []Attribute
			for _, p := range paths {
				if p[0] == in.Tag {
					inside = append(inside, p[1:])
				}
			}
			if inside == nil {
				drop = append(drop, in.Tag)
			} else {
				prune(in, inside)
			}
		}
		item.Delete(drop...)
	}
}

// SetRecord sets a value of a search's record by keyword, from the text that a catalog keeps: values joined by backslashes.
func SetRecord(ds *dicom.DataSet, keyword, text string) {
	t, ok := tag.ByKeyword(keyword)
	if !ok || text == "" || t == tag.SpecificCharacterSet {
		return
	}
	values := []string{text}
	if !t.VR().IsSingle() {
		values = strings.Split(text, `\`)
	}
	clean := dicom.NewDataSet() // so that a value which its VR can't hold does no harm to the rest
	clean.SetString(t, values...)
	if clean.Err() == nil {
		ds.SetString(t, values...)
	}
}
