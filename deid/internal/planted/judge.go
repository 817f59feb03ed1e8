package planted

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"compress/flate"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
)

// Verdict is what the judge found in an output.
type Verdict struct {
	Planted     int
	Inputs      int
	Outputs     int
	Quarantined int
	Silent      int // inputs that are neither written nor in quarantine
	Leaks       []string
	OldUIDs     []string
	Broken      []string // references to objects of the set that lead nowhere
	Shifts      []string // dates that moved by another number of days than the patient's
	Identities  []string // patients with several pseudonyms, or pseudonyms with several patients
	Pixels      []string // decoded pixels that changed
	Moved       int      // dates that were held against the shift
	Followed    int      // references that were followed
	Same        int      // objects whose pixels are as they were
	Kept, Asked int      // research attributes that stayed, of those that were there
	Lost        map[string]int
}

// research are the attributes that studies need, besides pixels.
var research = []tag.Tag{tag.Modality, tag.SOPClassUID, tag.BodyPartExamined, tag.Rows, tag.Columns, tag.NumberOfFrames, tag.BitsStored, tag.PixelSpacing, tag.SliceThickness,
	tag.Manufacturer, tag.ManufacturerModelName, tag.KVP, tag.FrameTime, tag.CineRate, tag.RescaleSlope, tag.RescaleIntercept, tag.ImageOrientationPatient, tag.ImagePositionPatient,
	tag.RepetitionTime, tag.EchoTime, tag.InversionTime, tag.FlipAngle, tag.ScanningSequence, tag.SequenceVariant, tag.ImageType, tag.ViewPosition, tag.ConvolutionKernel, tag.PatientSex}

type line struct {
	Input  string `json:"input"`
	Status string `json:"status"`
	Output string `json:"output"`
	Digest string `json:"output_digest"`
}

// Judge reads every byte of the output folder and holds it against what was planted.
func (s *Set) Judge(out string) (*Verdict, error) {
	s.index()
	v := &Verdict{Planted: len(s.Words) + len(s.Digits) + len(s.Literals), Inputs: s.Files, Lost: map[string]int{}}
	f, err := os.Open(filepath.Join(out, "manifest.jsonl"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	written := map[string]*dicom.File{}
	accounted := 0
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 16<<20)
	for sc.Scan() {
		var l line
		if err := json.Unmarshal(sc.Bytes(), &l); err != nil {
			return nil, err
		}
		accounted++
		switch l.Status {
		case "written":
			v.Outputs++
			raw, err := os.ReadFile(filepath.Join(out, filepath.FromSlash(l.Output)))
			if err != nil {
				return nil, err
			}
			if written[l.Input], err = dicom.ReadBytes(raw); err != nil {
				return nil, fmt.Errorf("output of %s: %w", s.Objects[l.Input].Source, err)
			}
		case "quarantined":
			v.Quarantined++
		}
	}
	v.Silent = s.Files - accounted
	if err := s.search(out, v); err != nil {
		return nil, err
	}
	s.compare(written, v)
	return v, nil
}

// search looks for every planted word and number and every old UID in names and bytes of all files, as they are and without the zero bytes that
// 16-bit characters have, and inflated where a data set is deflated.
func (s *Set) search(out string, v *Verdict) error {
	return filepath.WalkDir(out, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(out, path)
		s.bytes([]byte(rel), "the name of "+rel, v)
		if d.IsDir() {
			return nil
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		s.bytes(raw, rel, v)
		if bytes.IndexByte(raw, 0) >= 0 {
			s.bytes(bytes.ReplaceAll(raw, []byte{0}, nil), rel+" in 16 bits", v)
		}
		if f, err := dicom.ReadBytes(raw); err == nil && f.TransferSyntax.IsDeflated() {
			for at := 132; at < min(len(raw), 1024); at++ { // where the stream begins is not told
				z := flate.NewReader(bytes.NewReader(raw[at:]))
				if b, _ := io.ReadAll(io.LimitReader(z, 64<<20)); len(b) > 1000 {
					s.bytes(b, rel+" inflated", v)
					break
				}
			}
		}
		return nil
	})
}

func (s *Set) bytes(b []byte, where string, v *Verdict) {
	low := lower(b)
	s.literals(low, where, v)
	m := []byte(strings.ToLower(mark))
	for at := 0; ; {
		i := bytes.Index(low[at:], m)
		if i < 0 {
			break
		}
		i += at
		at = i + 2
		for n := 10; n >= 8 && i+n <= len(low); n-- {
			if from, ok := s.Words[string(low[i:i+n])]; ok && !s.kept(from) {
				v.Leaks = append(v.Leaks, fmt.Sprintf("%s: a word planted in %s", where, from))
				break
			}
		}
	}
	for i := 0; i < len(b); i++ {
		if b[i] < '0' || b[i] > '9' || i > 0 && (b[i-1] >= '0' && b[i-1] <= '9' || b[i-1] == '.') {
			continue
		}
		j := i
		for j < len(b) && (b[j] >= '0' && b[j] <= '9' || b[j] == '.') {
			j++
		}
		run := string(b[i:j])
		if from, ok := s.Digits[run]; ok && !s.kept(from) {
			v.Leaks = append(v.Leaks, fmt.Sprintf("%s: a number planted in %s", where, from))
		}
		if from, ok := s.UIDs[strings.Trim(run, ".")]; ok && j-i > 8 && !s.retains(deid.RetainUIDs) {
			v.OldUIDs = append(v.OldUIDs, fmt.Sprintf("%s: a UID that stood in %s", where, from))
		}
	}
}

// lower is b with small letters of ASCII; bytes that are no UTF-8 stay what they are.
func lower(b []byte) []byte {
	out := bytes.Clone(b)
	for i, c := range out {
		if c >= 'A' && c <= 'Z' {
			out[i] = c + 'a' - 'A'
		}
	}
	return out
}

// index readies the literals for search.
func (s *Set) index() {
	s.byStart = map[[4]byte][]string{}
	for l := range s.Literals {
		k := [4]byte([]byte(l))
		s.byStart[k] = append(s.byStart[k], l)
	}
}

// literals looks for dates, numbers and names in forms of their own.
func (s *Set) literals(low []byte, where string, v *Verdict) {
	for i := 0; i+8 <= len(low); i++ {
		list := s.byStart[[4]byte(low[i:])]
		for _, l := range list {
			if len(low)-i >= len(l) && string(low[i:i+len(l)]) == l && (i == 0 || l[0] > '9' || low[i-1] < '0' || low[i-1] > '9') {
				v.Leaks = append(v.Leaks, fmt.Sprintf("%s: %q planted as %s", where, l, s.Literals[l]))
			}
		}
	}
}

func (s *Set) retains(o deid.Option) bool {
	return s.Profile != nil && slices.Contains(s.Profile.Policy.Options, o)
}

// kept reports whether the profile's options keep what was planted in an attribute on purpose.
func (s *Set) kept(from string) bool {
	if (from == "street" || from == "city") && s.retains(deid.RetainInstitution) { // in an institution's address
		return true
	}
	if s.Profile == nil || len(from) != 11 || from[0] != '(' {
		return false
	}
	t, err := deid.ParseTag(from)
	if err != nil {
		return false
	}
	return s.Profile.Rule(t, t.VR()).Action == deid.Keep
}

// compare holds each output against its input.
func (s *Set) compare(written map[string]*dicom.File, v *Verdict) {
	newUID := map[string]string{} // of instances
	for in, f := range written {
		if o := s.Objects[in]; o != nil {
			newUID[o.Instance] = f.DataSet.String(tag.SOPInstanceUID)
		}
	}
	shifts, codes, people := map[int]int{}, map[int]string{}, map[string]int{}
	for _, in := range sortedKeys(written) {
		f, o := written[in], s.Objects[in]
		if o == nil {
			continue
		}
		before, after := o.DataSet.DataSet, f.DataSet
		if c := after.String(tag.PatientID); codes[o.Patient] == "" {
			codes[o.Patient] = c
			if who, taken := people[c]; taken && who != o.Patient {
				v.Identities = append(v.Identities, fmt.Sprintf("patients %d and %d have one pseudonym", who, o.Patient))
			}
			people[c] = o.Patient
		} else if codes[o.Patient] != c {
			v.Identities = append(v.Identities, fmt.Sprintf("patient %d has two pseudonyms", o.Patient))
		}
		s.dates(before, after, o, shifts, v)
		s.references(before, after, newUID, o, v)
		for _, t := range research {
			want := strings.Join(before.Strings(t), `\`)
			if strings.Trim(want, `\ `) == "" {
				continue
			}
			v.Asked++
			if have := strings.Join(after.Strings(t), `\`); have == want {
				v.Kept++
			} else {
				v.Lost[fmt.Sprintf("%s: %q became %q", t.Keyword(), want, have)]++
			}
		}
		if o.Pixels != "" {
			if d, partial, err := pixel.Digest(f); err != nil || partial != nil || d != o.Pixels {
				v.Pixels = append(v.Pixels, o.Source)
			} else {
				v.Same++
			}
		}
	}
}

func sortedKeys[T any](m map[string]T) []string {
	var k []string
	for s := range m {
		k = append(k, s)
	}
	slices.Sort(k)
	return k
}

// dates holds every date that stayed, at any depth, against the patient's shift.
func (s *Set) dates(before, after *dicom.DataSet, o *Object, shifts map[int]int, v *Verdict) {
	if !s.Dates && !s.Full {
		return
	}
	for e := range after.All() {
		was, ok := before.Get(e.Tag)
		if !ok {
			continue
		}
		if e.IsSequence() {
			if a, b := was.Items(), e.Items(); len(a) == len(b) {
				for i := range a {
					s.dates(a[i], b[i], o, shifts, v)
				}
			}
			continue
		}
		if k := e.Kind(); k != vr.DA && k != vr.DT {
			continue
		}
		a, b := was.Strings(), e.Strings()
		for i := range min(len(a), len(b)) {
			x, err1 := time.Parse("20060102", a[i][:min(8, len(a[i]))])
			y, err2 := time.Parse("20060102", b[i][:min(8, len(b[i]))])
			if err1 != nil || err2 != nil || strings.HasPrefix(b[i], "19000101") {
				continue
			}
			v.Moved++
			days := int(x.Sub(y).Hours() / 24)
			if known, ok := shifts[o.Patient]; !ok {
				shifts[o.Patient] = days
			} else if known != days {
				v.Shifts = append(v.Shifts, fmt.Sprintf("%s: %v moved by %d days, others of the patient by %d", o.Source, e.Tag, days, known))
			}
			if (days == 0) != s.Full {
				v.Shifts = append(v.Shifts, fmt.Sprintf("%s: %v moved by %d days", o.Source, e.Tag, days))
			}
		}
	}
}

// references follows every reference to an object of the set at its place.
func (s *Set) references(before, after *dicom.DataSet, newUID map[string]string, o *Object, v *Verdict) {
	for e := range after.All() {
		was, ok := before.Get(e.Tag)
		if !ok {
			continue
		}
		if e.IsSequence() {
			a, b := was.Items(), e.Items()
			if len(a) == len(b) {
				for i := range a {
					s.references(a[i], b[i], newUID, o, v)
				}
			}
			continue
		}
		if e.Kind() != vr.UI {
			continue
		}
		a, b := was.Strings(), e.Strings()
		for i := range min(len(a), len(b)) {
			if _, known := uid.Lookup(a[i]); known && a[i] != b[i] {
				v.Broken = append(v.Broken, fmt.Sprintf("%s: %v: a registered UID changed", o.Source, e.Tag))
			}
			if newUID[a[i]] != "" {
				v.Followed++
			}
			if want := newUID[a[i]]; want != "" && want != b[i] {
				v.Broken = append(v.Broken, fmt.Sprintf("%s: %v: a reference leads nowhere", o.Source, e.Tag))
			}
		}
	}
}
