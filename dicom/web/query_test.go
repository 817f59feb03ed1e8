package web

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

func TestParseQuery(t *testing.T) {
	params, err := url.ParseQuery("PatientName=Doe*&00080020=20200101-20201231&limit=10&offset=20&fuzzymatching=true&includefield=StudyDescription,00081030" +
		"&includefield=RequestAttributesSequence.ScheduledProcedureStepID&StudyInstanceUID=1.2,3.4&PatientID=&accept=application/json&ModalitiesInStudy=CT%5CMR")
	if err != nil {
		t.Fatal(err)
	}
	q, err := ParseQuery(Studies, Resource{}, params)
	if err != nil {
		t.Fatal(err)
	}
	want := Query{Level: Studies, Limit: 10, Offset: 20, Fuzzy: true,
		Match: []Match{{Attribute: Attribute{tag.StudyDate}, Value: "20200101-20201231"}, {Attribute: Attribute{tag.ModalitiesInStudy}, Value: `CT\MR`},
			{Attribute: Attribute{tag.PatientName}, Value: "Doe*"}, {Attribute: Attribute{tag.StudyInstanceUID}, Value: `1.2\3.4`}},
		Include: []Attribute{{tag.PatientID}, {tag.StudyDescription}, {tag.StudyDescription}, {tag.RequestAttributesSequence, tag.ScheduledProcedureStepID}},
	}
	if d := cmp.Diff(want, q); d != "" {
		t.Error(d)
	}
	for _, bad := range []string{"limit=-1", "limit=x", "offset=1.5", "fuzzymatching=perhaps", "includefield=NoSuchKeyword", "NoSuchKeyword=1", "PatientName.PatientID=1",
		"0010001=1", "(0010,0010)=1", "PatientID=" + strings.Repeat("x", maxValue+1), strings.Repeat("RequestAttributesSequence.", 9) + "PatientID=1",
		strings.Repeat("PatientID=1&", maxConditions+1), strings.Repeat("includefield=PatientID&", maxIncludes+1)} {
		params, err := url.ParseQuery(bad)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseQuery(Studies, Resource{}, params); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%.40s: %v", bad, err)
		}
	}
	for text, limit := range map[string]int{"limit=0": -1, "": 0, "limit=7": 7} {
		params, _ := url.ParseQuery(text)
		if q, err := ParseQuery(Series, Resource{Study: "1.2"}, params); err != nil || q.Limit != limit || q.path() != "studies/1.2/series" {
			t.Errorf("%q: %+v, %v", text, q, err)
		}
	}
}

func TestResource(t *testing.T) {
	for r, path := range map[Resource]string{{}: "", {Study: "1.2"}: "studies/1.2", {"1.2", "3", "4.5"}: "studies/1.2/series/3/instances/4.5", {Study: "a/../b"}: "studies/a%2F..%2Fb"} {
		if got := r.Path(); got != path {
			t.Errorf("%v: %s", r, got)
		}
	}
	for _, r := range []Resource{{Study: "1.2"}, {"1.2", "1.02", "1"}, {}} {
		if err := r.Check(); err != nil {
			t.Errorf("%v: %v", r, err)
		}
	}
	for _, r := range []Resource{{Study: "a"}, {Study: ".."}, {Series: "1"}, {Study: "1", Instance: "2"}, {Study: strings.Repeat("1", 65)}, {Study: "1.2/3"}, {Study: "1 "}} {
		if err := r.Check(); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%v: %v", r, err)
		}
	}
}

func TestShorten(t *testing.T) {
	record := func() *dicom.DataSet {
		ds := dicom.NewDataSet()
		for k, v := range map[tag.Tag]string{tag.StudyInstanceUID: "1", tag.SeriesInstanceUID: "2", tag.PatientName: "Doe", tag.Manufacturer: "M", tag.Modality: "CT",
			tag.StudyDescription: "D", tag.SeriesDescription: "S", tag.BodyPartExamined: "HEART"} {
			ds.SetString(k, v)
		}
		item := dicom.NewDataSet()
		item.SetString(tag.ScheduledProcedureStepID, "P")
		item.SetString(tag.RequestedProcedureID, "R")
		ds.SetSequence(tag.RequestAttributesSequence, item)
		return ds
	}
	keys := func(ds *dicom.DataSet) string {
		var out []string
		for e := range ds.All() {
			out = append(out, e.Tag.Keyword())
		}
		return strings.Join(out, " ")
	}
	for _, c := range []struct {
		q    Query
		want string
	}{
		{Query{Level: Studies}, "StudyDescription PatientName StudyInstanceUID"},
		{Query{Level: Series, Within: Resource{Study: "1"}}, "Modality SeriesDescription StudyInstanceUID SeriesInstanceUID RequestAttributesSequence"},
		{Query{Level: Series}, "Modality StudyDescription SeriesDescription PatientName StudyInstanceUID SeriesInstanceUID RequestAttributesSequence"},
		{Query{Level: Studies, Include: []Attribute{{tag.Manufacturer}}}, "Manufacturer StudyDescription PatientName StudyInstanceUID"},
		{Query{Level: Studies, Match: []Match{{Attribute: Attribute{tag.BodyPartExamined}}}}, "StudyDescription PatientName BodyPartExamined StudyInstanceUID"},
		{Query{Level: Studies, All: true}, "Modality Manufacturer StudyDescription SeriesDescription PatientName BodyPartExamined StudyInstanceUID SeriesInstanceUID RequestAttributesSequence"},
	} {
		ds := record()
		c.q.shorten(ds)
		if got := keys(ds); got != c.want {
			t.Errorf("%+v:\n%s", c.q, got)
		}
	}
	ds := record()
	Query{Level: Studies, Include: []Attribute{{tag.RequestAttributesSequence, tag.RequestedProcedureID}}}.shorten(ds)
	if items := ds.Sequence(tag.RequestAttributesSequence); len(items) != 1 || keys(items[0]) != "RequestedProcedureID" {
		t.Errorf("an attribute in a sequence: %s", keys(ds))
	}
}

func TestSetRecord(t *testing.T) {
	ds := dicom.NewDataSet()
	for k, v := range map[string]string{"PatientName": `Møller^Åse`, "ImageType": `ORIGINAL\PRIMARY`, "Rows": "512", "StudyDate": "20200101", "NoSuch": "x",
		"BitsAllocated": "many", "SpecificCharacterSet": "ISO_IR 100", "StudyDescription": "", "PatientComments": `a\b`} {
		SetRecord(ds, k, v)
	}
	if err := ds.Err(); err != nil {
		t.Fatal(err)
	}
	if ds.String(tag.PatientName) != "Møller^Åse" || len(ds.Strings(tag.ImageType)) != 2 || ds.Has(tag.BitsAllocated) || ds.Has(tag.StudyDescription) ||
		ds.String(tag.SpecificCharacterSet) != "ISO_IR 192" || ds.String(tag.PatientComments) != `a\b` {
		t.Errorf("%v", ds.Len())
	}
	if n, _ := ds.Int(tag.Rows); n != 512 {
		t.Errorf("%d rows", n)
	}
}

func FuzzQuery(f *testing.F) {
	for _, s := range []string{"PatientName=Doe*&limit=5", "includefield=all&00080020=2020-&fuzzymatching=true", "limit=0", "a.b.c=1", "StudyInstanceUID=1,2&offset=9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		params, err := url.ParseQuery(s)
		if err != nil {
			return
		}
		q, err := ParseQuery(Instances, Resource{Study: "1"}, params)
		if err != nil {
			if fault.CodeOf(err) != fault.Usage {
				t.Errorf("%v", err)
			}
			return
		}
		again, err := ParseQuery(Instances, Resource{Study: "1"}, q.Values())
		if err != nil {
			t.Fatalf("what was read can't be read again: %v", err)
		}
		if d := cmp.Diff(q.Values(), again.Values()); d != "" {
			t.Errorf("%q:\n%s", s, d)
		}
	})
}
