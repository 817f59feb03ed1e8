package cohort

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/nearest"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/catalog"
	"github.com/cineloop/cineloop/store/ingest"
)

// Answer is an instance that an archive's query gave.
type Answer struct {
	Instance string `json:"sopInstanceUID"`
	Content  string `json:"sha256"` // of its bytes
}

// What an item of an archive is.
const (
	EachSeries   = "series"   // the single slices of a series; every multi-frame instance and every other image by itself
	EachInstance = "instance" // every instance by itself
)

// archiveName stands for the table in messages.
const archiveName = "the archive"

// archiveColumns are those of a scanned folder, by the same rules, and what the catalogue says beside them. file is the item's key: the
// SeriesInstanceUID of slices that are one item, else the SOPInstanceUID. patient is the catalogue's PatientID, else the study's UID.
var archiveColumns = slices.Concat(dicomColumns, slices.Collect(func(yield func(string) bool) {
	for _, c := range catalogColumns {
		if !yield(c.name) {
			return
		}
	}
}))

var catalogColumns = []struct{ name, keyword string }{
	{"accession", "AccessionNumber"}, {"study_date", "StudyDate"}, {"study_description", "StudyDescription"}, {"series_description", "SeriesDescription"},
	{"protocol", "ProtocolName"}, {"site", "InstitutionName"}, {"station", "StationName"}, {"device", "DeviceSerialNumber"},
}

func (s Spec) fromArchive() bool {
	return s.Archive != "" || s.Query != nil || s.Each != "" || s.Labels != nil
}

// tableName is what messages call the table.
func (c *Cohort) tableName() string {
	switch {
	case !c.Spec.fromArchive():
		return c.Spec.Table
	case c.Spec.Labels != nil:
		return archiveName + " with " + filepath.Base(c.Spec.Labels.Table)
	}
	return archiveName
}

// held is an instance of the answer, where it lies, and what its header says.
type held struct {
	scanned
	record catalog.Record
}

// openArchive asks the catalogue, finds the files of what it answers, and joins the labels.
func (c *Cohort) openArchive(ctx context.Context) (*table, error) {
	matches, err := c.checkArchive()
	if err != nil {
		return nil, err
	}
	a, err := store.Open(ctx, c.Spec.Archive, store.Keys{})
	if err != nil {
		return nil, fmt.Errorf("data.archive: %w", err)
	}
	defer a.Close()
	found, err := a.Catalog.Find(ctx, catalog.Query{Level: catalog.Image, Match: matches})
	if err != nil {
		return nil, fmt.Errorf("data.query: %w", err)
	}
	if len(found) == 0 {
		return nil, fault.New(fault.Input, "data.query: the archive has no such instance").WithHint("try it with cineloop archive find")
	}
	inOrder(found)
	found, changed := c.pin(found)
	heads, err := c.locate(ctx, a, found, changed)
	if err != nil {
		return nil, err
	}
	rows := c.items(heads)
	if len(rows) == 0 {
		return nil, fault.New(fault.Input, "data.query: none of the %d instances has a picture", len(found))
	}
	t := &table{name: archiveName, columns: archiveColumns}
	for i, h := range rows {
		rec := record{line: i + 1, path: h.path, broken: h.broken, cells: make([]string, len(archiveColumns))}
		for k, name := range archiveColumns {
			rec.cells[k] = strings.TrimSpace(h.cells[name])
		}
		t.records = append(t.records, rec)
	}
	h := sha256.New()
	digestAnswer(h, c.Spec, found)
	if c.Spec.Labels != nil {
		if err := c.joinLabels(t, rows, h); err != nil {
			return nil, err
		}
	}
	c.Digest = hex.EncodeToString(h.Sum(nil))
	return t, nil
}

// checkArchive fills the keys' defaults and reads the query.
func (c *Cohort) checkArchive() (matches []catalog.Match, err error) {
	s := &c.Spec
	switch {
	case s.Archive == "":
		return nil, fault.New(fault.Usage, "data.query, data.each and data.labels belong to data.archive, which is not set")
	case s.Table != "" || s.File != "":
		return nil, fault.New(fault.Usage, "data.archive stands in place of data.table and data.file").WithHint("to join a table's columns write data.labels")
	case strings.Contains(s.Archive, "://"):
		return nil, fault.New(fault.Usage, "data.archive is a folder with an %s, not a URL", store.ConfigFile).
			WithHint("that file may name a bucket for the contents and a server for the catalog: see cineloop archive init --help")
	}
	switch s.Each {
	case "":
		s.Each = EachSeries
	case EachSeries, EachInstance:
	case "study":
		return nil, fault.New(fault.Usage, "data.each is %q: a study has several files", s.Each).WithHint("write data.views: {study: study}, which makes an item of a study's clips")
	default:
		return nil, fault.New(fault.Usage, "data.each is %q (%s)", s.Each, nearest.Hint(s.Each, []string{EachSeries, EachInstance}))
	}
	if s.Archive, err = ResolvePath(s.Archive, s.Base); err != nil {
		return nil, fmt.Errorf("data.archive: %w", err)
	}
	if s.Root == "" {
		s.Root = s.Base
	}
	if s.Root, err = ResolvePath(s.Root, s.Base); err != nil {
		return nil, fmt.Errorf("data.root: %w", err)
	}
	if s.ID == "" {
		s.ID = "file"
	}
	if s.Patient == "" {
		s.Patient = "patient"
	}
	for _, k := range slices.Sorted(maps.Keys(s.Query)) {
		if !catalog.Searchable(k) || !ingest.Keeps(k) && !catalog.Columnar(k) {
			return nil, fault.New(fault.Usage, "data.query: an archive keeps no attribute %q (%s)", k, nearest.Hint(k, catalog.Keywords()))
		}
		if m, ok := catalog.ParseMatch(k, s.Query[k]); ok {
			matches = append(matches, m)
		}
	}
	return matches, nil
}

// inOrder sorts an answer: databases differ in how they order text.
func inOrder(found []catalog.Record) {
	number := func(r catalog.Record) int {
		n, err := strconv.Atoi(strings.TrimSpace(r.Attributes["InstanceNumber"]))
		if err != nil {
			return 1 << 31
		}
		return n
	}
	slices.SortFunc(found, func(a, b catalog.Record) int {
		return cmp.Or(cmp.Compare(a.StudyUID, b.StudyUID), cmp.Compare(a.SeriesUID, b.SeriesUID), cmp.Compare(number(a), number(b)),
			cmp.Compare(a.SOPInstanceUID, b.SOPInstanceUID))
	})
}

// pin keeps what the run was planned with: an archive goes on growing while a run is trained, interrupted and judged. changed are the
// instances that have another content now.
func (c *Cohort) pin(found []catalog.Record) (kept []catalog.Record, changed map[string]bool) {
	changed = map[string]bool{}
	content := map[string]string{}
	for _, p := range c.Spec.Pinned {
		content[p.Instance] = p.Content
	}
	came := 0
	for _, r := range found {
		want, known := content[r.SOPInstanceUID]
		switch {
		case c.Spec.Pinned == nil:
		case !known:
			came++
			continue
		case want != r.Instance.Digest.String():
			changed[r.SOPInstanceUID] = true
		}
		kept = append(kept, r)
		c.Answer = append(c.Answer, Answer{r.SOPInstanceUID, r.Instance.Digest.String()})
	}
	if came > 0 {
		c.Warnings = append(c.Warnings, fmt.Sprintf("data.archive: %d instances came after the run was planned and are left out", came))
	}
	if gone := len(content) - len(kept); gone > 0 {
		c.Warnings = append(c.Warnings, fmt.Sprintf("data.archive: %d instances that the run was planned with are gone from the archive, or from what the query answers", gone))
	}
	if len(changed) > 0 {
		c.Warnings = append(c.Warnings, fmt.Sprintf("data.archive: %d instances have another content than when the run was planned", len(changed)))
	}
	return kept, changed
}

// digestAnswer adds query and answer to h: of every instance its UID, its content, and what the catalogue says of it.
func digestAnswer(h hash.Hash, s Spec, found []catalog.Record) {
	fmt.Fprintf(h, "archive 1\n%s\n", s.Each)
	for _, k := range slices.Sorted(maps.Keys(s.Query)) {
		fmt.Fprintf(h, "%q %q\n", k, s.Query[k])
	}
	for _, r := range found {
		fmt.Fprintf(h, "%q %s %q", r.SOPInstanceUID, r.Instance.Digest, r.Attributes["PatientID"])
		for _, c := range catalogColumns {
			fmt.Fprintf(h, " %q", r.Attributes[c.keyword])
		}
		fmt.Fprintln(h)
	}
}

// locate finds the files of the answer's pictures and reads their headers.
func (c *Cohort) locate(ctx context.Context, a *store.Archive, found []catalog.Record, changed map[string]bool) ([]held, error) {
	plain := 0
	var out []held
	for _, r := range found {
		if n, err := strconv.Atoi(r.Attributes["Rows"]); err != nil || n <= 0 { // a report, a presentation state
			plain++
			continue
		}
		out = append(out, held{record: r})
	}
	if plain > 0 {
		c.Warnings = append(c.Warnings, fmt.Sprintf("data.query: %d instances have no picture and are passed over", plain))
	}
	at := &contents{archive: a}
	errs := make([]error, len(out))
	parallel(runtime.GOMAXPROCS(0), len(out), func(i int) {
		h := &out[i]
		if errs[i] = ctx.Err(); errs[i] != nil {
			return
		}
		path, broken, err := at.file(ctx, h.record.Instance)
		if errs[i] = err; err != nil {
			return
		}
		if h.scanned = (scanned{path: path, broken: broken}); broken == "" {
			h.scanned = scanHeader(path)
		}
		h.describe()
		if changed[h.record.SOPInstanceUID] {
			h.broken = "its content in the archive is another than when the run was planned"
		}
	})
	for _, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("data.archive: %w", err)
		}
	}
	if at.fetched > 0 {
		c.Warnings = append(c.Warnings, fmt.Sprintf("data.archive: %d contents were fetched into the cache", at.fetched))
	}
	return out, nil
}

// describe adds what the catalogue says.
func (h *held) describe() {
	if h.cells == nil {
		h.cells = map[string]string{"study": h.record.StudyUID, "series": h.record.SeriesUID}
	}
	attrs := h.record.Attributes
	for _, c := range catalogColumns {
		h.cells[c.name] = attrs[c.keyword]
	}
	h.cells["file"] = h.record.SOPInstanceUID
	patient := firstOf(attrs["PatientID"], h.record.StudyUID)
	if own := h.cells["patient"]; own != "" && own != patient && own != h.record.StudyUID && h.broken == "" {
		h.broken = "its header and the catalogue name different patients (" + tag.PatientID.Keyword() + ")"
	}
	h.cells["patient"] = patient
}

// items makes one item of the single slices of a series, as a scanned folder does, unless every instance is to be one.
func (c *Cohort) items(heads []held) []held {
	type series struct{ study, series string }
	at := map[series]int{}
	var rows []held
	members := map[int][]string{}
	lost := map[series]string{} // series with a slice that cannot be used: a stack must not have a gap that nobody sees
	for _, h := range heads {
		key := series{h.record.StudyUID, h.record.SeriesUID}
		if h.broken != "" {
			lost[key] = h.broken
		}
		if c.Spec.Each == EachInstance || !h.place || h.cells["frames"] != "1" {
			rows = append(rows, h)
			continue
		}
		i, known := at[key]
		if !known {
			i = len(rows)
			at[key] = i
			rows = append(rows, h)
		}
		members[i] = append(members[i], h.path)
	}
	for key, i := range at {
		if why := lost[key]; why != "" {
			rows[i].broken = "an instance of the series: " + why
		}
	}
	studies := map[string]int{} // of one series UID: it should be one, and is not everywhere
	for key := range at {
		studies[key.series]++
	}
	for i, paths := range members {
		if len(paths) < 2 {
			continue
		}
		r := &rows[i]
		r.cells["file"], r.cells["frames"] = r.record.SeriesUID, strconv.Itoa(len(paths))
		if studies[r.record.SeriesUID] > 1 {
			r.cells["file"] = r.record.StudyUID + "/" + r.record.SeriesUID
		}
		if r.broken != "" {
			continue
		}
		folder, err := stack(paths)
		if err != nil {
			r.broken = WithoutPath(err, folder)
			continue
		}
		r.path = folder + "#" + r.cells["series"]
	}
	return rows
}
