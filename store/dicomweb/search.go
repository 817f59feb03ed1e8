package dicomweb

import (
	"context"
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/web"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store/catalog"
	"github.com/cineloop/cineloop/store/ingest"
	"github.com/cineloop/cineloop/store/object"
)

type digest = object.Digest

var levels = [...]catalog.Level{web.Studies: catalog.Study, web.Series: catalog.Series, web.Instances: catalog.Image}

// Search answers QIDO-RS from the catalog.
func (b *Backend) Search(ctx context.Context, q web.Query) (web.Page, error) {
	cq := catalog.Query{Level: levels[q.Level], Match: within(q.Within), Limit: q.Limit, Offset: q.Offset}
	for _, m := range q.Match {
		cm, ok, err := match(m, q.Fuzzy)
		if err != nil {
			return web.Page{}, err
		}
		if ok {
			cq.Match = append(cq.Match, cm)
		}
	}
	recs, err := b.archive.Catalog.Find(ctx, cq)
	if err != nil {
		return web.Page{}, err
	}
	var out web.Page
	if q.Limit > 0 && len(recs) == q.Limit {
		total, err := b.archive.Catalog.Count(ctx, cq)
		if err != nil {
			return out, err
		}
		out.More = max(0, total-q.Offset-len(recs))
	}
	extra := notKept(q.Include)
	for i := range recs {
		ds := record(&recs[i], q.Level)
		if len(extra) > 0 {
			if err := b.fill(ctx, ds, &recs[i], extra); err != nil {
				return out, err
			}
		}
		out.Records = append(out.Records, ds)
	}
	return out, nil
}

// asked are keywords that searches know besides the attributes that the catalog keeps.
var asked = map[string]bool{"StudyInstanceUID": true, "SeriesInstanceUID": true, "SOPInstanceUID": true, "SOPClassUID": true, "ModalitiesInStudy": true,
	"SOPClassesInStudy": true, "AvailableTransferSyntaxUID": true}

// match is a condition as the catalog has it; ok is false for one that everything fulfils.
func match(m web.Match, fuzzy bool) (cm catalog.Match, ok bool, err error) {
	k := m.Attribute.Keyword()
	if !asked[k] && !ingest.Keeps(k) {
		return cm, false, fault.New(fault.Usage, "this archive does not search by %s", m.Attribute)
	}
	t := m.Attribute[0]
	switch v := t.VR().String(); {
	case v == "CS":
		m.Value = strings.ReplaceAll(m.Value, ",", `\`)
	case v == "PN" && fuzzy && k == "PatientName":
		words := strings.ReplaceAll(m.Value, "*", " ")
		return catalog.Match{Keyword: k, Fuzzy: words}, strings.TrimSpace(words) != "", nil
	case v == "DA" || v == "TM" || v == "DT":
		if err := checkTime(m.Value, v); err != nil {
			return cm, false, err
		}
	}
	cm, ok = catalog.ParseMatch(k, m.Value)
	cm.Fold = m.Loose
	return cm, ok, nil
}

// checkTime refuses dates and times that are none, which would match nothing, or the wrong things, without a word.
func checkTime(value, v string) error {
	for part := range strings.SplitSeq(value, "-") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		var err error
		switch v {
		case "DA":
			_, err = dicom.ParseDA(part)
		case "TM":
			_, err = dicom.ParseTM(part)
		}
		if err != nil {
			return fault.New(fault.Usage, "a condition on a date or time has none")
		}
	}
	return nil
}

// record is a catalog's record as a data set.
func record(r *catalog.Record, level web.Level) *dicom.DataSet {
	ds := dicom.NewDataSet()
	for k, v := range r.Attributes {
		web.SetRecord(ds, k, v)
	}
	ds.SetString(tag.StudyInstanceUID, r.StudyUID)
	switch level {
	case web.Studies:
		ds.SetInts(tag.NumberOfStudyRelatedSeries, r.Series)
		ds.SetInts(tag.NumberOfStudyRelatedInstances, r.Instances)
		ds.SetString(tag.ModalitiesInStudy, r.Modalities...)
		for _, k := range []string{"StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyID"} {
			if r.Attributes[k] == "" { // type 1 and 2 of the table: there, if empty
				t, _ := tag.ByKeyword(k)
				ds.SetEmpty(t)
			}
		}
	case web.Series:
		ds.SetString(tag.SeriesInstanceUID, r.SeriesUID)
		ds.SetInts(tag.NumberOfSeriesRelatedInstances, r.Instances)
	case web.Instances:
		ds.SetString(tag.SeriesInstanceUID, r.SeriesUID)
		ds.SetString(tag.SOPInstanceUID, r.SOPInstanceUID)
		ds.SetString(tag.SOPClassUID, r.Instance.SOPClassUID)
		ds.SetString(tag.AvailableTransferSyntaxUID, r.Instance.TransferSyntaxUID)
	}
	return ds
}

// derived are attributes that a record or the server makes.
var derived = map[tag.Tag]bool{tag.StudyInstanceUID: true, tag.SeriesInstanceUID: true, tag.SOPInstanceUID: true, tag.SOPClassUID: true,
	tag.NumberOfStudyRelatedSeries: true, tag.NumberOfStudyRelatedInstances: true, tag.NumberOfSeriesRelatedInstances: true, tag.ModalitiesInStudy: true,
	tag.SOPClassesInStudy: true, tag.AvailableTransferSyntaxUID: true, tag.RetrieveURL: true, tag.InstanceAvailability: true, tag.PixelData: true}

// notKept are the attributes of a list that only the files have, by their outermost tag.
func notKept(list []web.Attribute) (out []tag.Tag) {
	for _, a := range list {
		if t := a[0]; !derived[t] && !ingest.Keeps(t.Keyword()) {
			out = append(out, t)
		}
	}
	return out
}

// longest is how many bytes of one attribute a search returns from a file.
const longest = 64 << 10

// fill adds attributes from the headers of one instance of the record. One whose file can't be read stays as it is.
func (b *Backend) fill(ctx context.Context, ds *dicom.DataSet, r *catalog.Record, tags []tag.Tag) error {
	for in, err := range b.List(ctx, web.Resource{Study: r.StudyUID, Series: r.SeriesUID, Instance: r.SOPInstanceUID}) {
		if err != nil {
			return err
		}
		content, err := b.Open(ctx, in)
		if err != nil {
			return nil
		}
		defer content.Close()
		f, err := dicom.Read(content, content.Size(), dicom.StopBefore(tag.PixelData))
		if err != nil {
			return nil
		}
		for _, t := range tags {
			if e, ok := f.DataSet.Get(t); ok && e.Len() <= longest {
				add(ds, e)
			}
		}
		return nil
	}
	return nil
}

// add copies an element of a file into a record.
func add(ds *dicom.DataSet, e *dicom.Element) {
	switch {
	case e.IsSequence():
		items := make([]*dicom.DataSet, 0, len(e.Items()))
		for _, it := range e.Items() {
			if c, err := it.Copy(); err == nil {
				items = append(items, c)
			}
		}
		ds.SetSequence(e.Tag, items...)
	case e.Kind().IsText():
		clean := dicom.NewDataSet()
		clean.SetText(e.Tag, e.Kind(), e.Strings()...)
		if clean.Err() == nil {
			ds.SetText(e.Tag, e.Kind(), e.Strings()...)
		}
	default:
		if b, err := e.Bytes(); err == nil && !e.BigEndian() {
			ds.SetBytes(e.Tag, e.Kind(), b)
		}
	}
}
