package browse

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/web"
	"github.com/cineloop/cineloop/internal/fault"
)

// rowsPerPage is how many studies one page of the list shows.
const rowsPerPage = 50

// row is one study of the list.
type row struct {
	UID, Name, Who, Date, When string // Who and When are the smaller words below
	NoName                     bool
	Modalities                 []string
	Description                string
	Counts                     string
}

// listing is the list as the templates see it.
type listing struct {
	Title              string
	Rows               []row
	Found              string
	Prev, Next         int // offsets; -1: there is none
	Form               map[string]string
	Modalities         []string
	Filtered, SignedIn bool
}

// modalities are offered in the form: what hearts, and then bodies, are looked at with.
var modalities = []string{"US", "CT", "MR", "XA", "NM", "PT", "CR", "DX", "MG", "ECG", "SR", "SEG", "OT"}

// list shows studies: all of them for a GET, those that match the form for a POST. With the header X-Part only the rows are sent.
func (p *Page) list(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	if err := r.ParseForm(); err != nil {
		return fault.New(fault.Usage, "the form is too large, or none")
	}
	l := listing{Title: "Studies", Form: map[string]string{}, Prev: -1, Next: -1, Modalities: modalities}
	for _, k := range []string{"name", "id", "description", "modality", "from", "to"} {
		v := strings.TrimSpace(r.PostForm.Get(k))
		l.Form[k] = v
		l.Filtered = l.Filtered || v != ""
	}
	q, err := query(l.Form)
	if err != nil {
		return err
	}
	if q.Offset, err = strconv.Atoi("0" + r.PostForm.Get("offset")); err != nil {
		q.Offset = 0
	}
	page, err := p.backend.Search(r.Context(), q)
	if err != nil {
		return err
	}
	for _, ds := range page.Records {
		l.Rows = append(l.Rows, rowOf(ds))
	}
	l.found(q.Offset, page.More)
	_, l.SignedIn = signedIn(r)
	name := "list.html"
	if r.Header.Get("X-Part") != "" {
		name = "rows"
	}
	return p.render(w, name, l)
}

func signedIn(r *http.Request) (string, bool) {
	for _, c := range r.Cookies() {
		if strings.HasSuffix(c.Name, "cineloop") {
			return c.Name, true
		}
	}
	return "", false
}

func (l *listing) found(offset, more int) {
	n := len(l.Rows)
	switch total := offset + n + more; {
	case n == 0:
		l.Found = "no study"
	case total <= rowsPerPage:
		l.Found = plural(total, "study")
		l.Found = strings.Replace(l.Found, "studys", "studies", 1)
	default:
		l.Found = fmt.Sprintf("%d–%d of %s", offset+1, offset+n, strings.Replace(plural(total, "study"), "studys", "studies", 1))
	}
	if offset > 0 {
		l.Prev = max(0, offset-rowsPerPage)
	}
	if more > 0 {
		l.Next = offset + n
	}
}

var formDate = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)

// query is the search that a form asks for.
func query(form map[string]string) (web.Query, error) {
	q := web.Query{Level: web.Studies, Limit: rowsPerPage, Fuzzy: true}
	add := func(keyword, value string) {
		if value != "" {
			_ = q.Where(keyword, value) // the keywords are the dictionary's
		}
	}
	add("PatientName", form["name"])
	for field, keyword := range map[string]string{"id": "PatientID", "description": "StudyDescription"} {
		if v := form[field]; v != "" {
			add(keyword, "*"+v+"*")
			q.Match[len(q.Match)-1].Loose = true
		}
	}
	if m := form["modality"]; m != "" {
		if len(m) > 16 || strings.ContainsAny(m, `\*?`) {
			return q, fault.New(fault.Usage, "this is no modality")
		}
		add("ModalitiesInStudy", m)
	}
	from, to := form["from"], form["to"]
	for _, d := range []string{from, to} {
		if d != "" && !formDate.MatchString(d) {
			return q, fault.New(fault.Usage, "dates are as 2026-01-31")
		}
	}
	if from != "" || to != "" {
		add("StudyDate", strings.ReplaceAll(from, "-", "")+"-"+strings.ReplaceAll(to, "-", ""))
	}
	return q, nil
}

func rowOf(ds *dicom.DataSet) row {
	one := func(t tag.Tag) string { return strings.TrimSpace(ds.String(t)) }
	birth := dateOf(one(tag.PatientBirthDate))
	if birth != "" {
		birth = "born " + birth
	}
	r := row{
		UID: one(tag.StudyInstanceUID), Name: nameOf(one(tag.PatientName)), Date: dateOf(one(tag.StudyDate)),
		Who:  dots(one(tag.PatientID), sexes[one(tag.PatientSex)], ageOf(one(tag.PatientBirthDate), one(tag.StudyDate)), birth),
		When: dots(clockOf(one(tag.StudyTime)), one(tag.AccessionNumber)), Modalities: ds.Strings(tag.ModalitiesInStudy), Description: one(tag.StudyDescription),
	}
	series, _ := ds.Int(tag.NumberOfStudyRelatedSeries)
	instances, _ := ds.Int(tag.NumberOfStudyRelatedInstances)
	r.Counts = plural(series, "series") + ", " + plural(instances, "object")
	if r.Name == "" {
		r.Name, r.NoName = "no name", true
	}
	return r
}

// dots joins what there is.
func dots(words ...string) string {
	return strings.Join(slices.DeleteFunc(words, func(s string) bool { return s == "" }), " · ")
}
