package dicom

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cineloop/cineloop/dicom/charset"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
)

// Finding is one departure from the standard. It names the rule, never the value.
type Finding struct {
	Path string // tags from the outermost sequence inwards, "(0008,1115)[0]/(0020,000E)"
	Tag  tag.Tag
	Text string
}

func (f Finding) String() string {
	return fmt.Sprintf("%s %s: %s", f.Path, f.Tag.Keyword(), f.Text)
}

// Validate holds f against PS3.5 and PS3.6: values against the limits and forms of their VR, VRs and numbers of values against the dictionary, text
// against its character set, UIDs, the meta header against the data set, and the attributes that every instance must have. What reading passed over
// is in f.Warnings.
func (f *File) Validate() []Finding {
	v := &validator{}
	v.set(f.DataSet, "")
	if f.DataSet.Has(tag.DirectoryRecordSequence) {
		return v.findings // a media directory is no composite instance
	}
	for _, t := range []tag.Tag{tag.SOPClassUID, tag.SOPInstanceUID, tag.StudyInstanceUID, tag.SeriesInstanceUID, tag.Modality} {
		if f.DataSet.String(t) == "" {
			v.add(t.String(), t, "missing or empty, and every instance needs it")
		}
	}
	for _, t := range []tag.Tag{tag.PatientName, tag.PatientID, tag.PatientBirthDate, tag.PatientSex, tag.StudyDate, tag.StudyTime, tag.ReferringPhysicianName, tag.StudyID, tag.AccessionNumber, tag.SeriesNumber} {
		if !f.DataSet.Has(t) {
			v.add(t.String(), t, "missing: it may be empty, but must be there")
		}
	}
	if class := f.DataSet.String(tag.SOPClassUID); class != "" {
		if in, ok := uid.Lookup(class); !ok {
			v.add(tag.SOPClassUID.String(), tag.SOPClassUID, "not a SOP class of the standard")
		} else if in.Retired {
			v.add(tag.SOPClassUID.String(), tag.SOPClassUID, "a retired SOP class")
		}
	}
	for _, p := range [][2]tag.Tag{{tag.MediaStorageSOPClassUID, tag.SOPClassUID}, {tag.MediaStorageSOPInstanceUID, tag.SOPInstanceUID}} {
		if f.Meta.Len() > 0 && f.Meta.String(p[0]) != f.DataSet.String(p[1]) {
			v.add(p[0].String(), p[0], "not that of the data set")
		}
	}
	if !f.TransferSyntax.Known() {
		v.add(tag.TransferSyntaxUID.String(), tag.TransferSyntaxUID, "not a transfer syntax of the standard")
	}
	return v.findings
}

const maxFindings = 1000

type validator struct{ findings []Finding }

func (v *validator) add(path string, t tag.Tag, format string, args ...any) {
	if len(v.findings) < maxFindings {
		v.findings = append(v.findings, Finding{path, t, fmt.Sprintf(format, args...)})
	}
}

func (v *validator) set(ds *DataSet, prefix string) {
	if e, ok := ds.Get(tag.SpecificCharacterSet); ok {
		if _, err := charset.Parse(e.Strings()); err != nil {
			v.add(prefix+e.Tag.String(), e.Tag, "%v", err)
		}
	}
	for e := range ds.All() {
		path := prefix + e.Tag.String()
		v.element(ds, e, path)
		for i, item := range e.items {
			v.set(item, fmt.Sprintf("%s[%d]/", path, i))
		}
	}
}

func (v *validator) element(ds *DataSet, e *Element, path string) {
	if e.Len()%2 == 1 {
		v.add(path, e.Tag, "a value of odd length")
	}
	in, known := tag.Lookup(e.Tag)
	switch {
	case e.Tag.Creator() != 0 && ds.String(e.Tag.Creator()) == "":
		v.add(path, e.Tag, "a private element without its creator")
	case !known && !e.Tag.IsPrivate():
		v.add(path, e.Tag, "not in the dictionary")
	}
	if known && !e.Tag.IsPrivate() && !e.Tag.IsGroupLength() {
		if !e.in.implicit && e.VR != in.VR && !hasChoice(e.Tag, e.VR) && e.VR != vr.UN {
			v.add(path, e.Tag, "VR %v where the dictionary has %v", e.VR, in.VR)
		}
		if n := multiplicity(e); n > 0 && !fits(n, in.VM) {
			v.add(path, e.Tag, "%d values where the dictionary allows %s", n, in.VM)
		}
	}
	kind := e.Kind()
	if !kind.IsText() {
		if w := int64(kind.WordSize()); !e.sequence && e.frags == nil && w > 1 && e.Len()%w != 0 {
			v.add(path, e.Tag, "%d bytes are not whole values of VR %v", e.Len(), kind)
		}
		return
	}
	if _, ok := e.Text(); !ok {
		v.add(path, e.Tag, "bytes outside of the declared character set")
		return
	}
	for i, s := range e.Strings() {
		if err := checkForm(kind, s); err != nil {
			v.add(path, e.Tag, "value %d: %v", i+1, err)
		}
	}
}

// multiplicity is the number of values, 0 where it can't be told.
func multiplicity(e *Element) int {
	k := e.Kind()
	switch {
	case e.sequence || e.Len() == 0 || isBinary(k):
		return 0
	case k == vr.AT:
		return int(e.Len() / 4)
	case !k.IsText():
		return int(e.Len()) / max(k.WordSize(), 1)
	}
	return len(e.Strings())
}

// fits reports whether n values are allowed by a value multiplicity: "1", "1-3", "2-n", "3-3n".
func fits(n int, vm string) bool {
	lo, hi, ranged := strings.Cut(vm, "-")
	least, err := strconv.Atoi(strings.TrimSuffix(lo, "n"))
	if err != nil {
		return true // a form that this program doesn't know: nothing to say
	}
	switch {
	case !ranged:
		return n == least
	case hi == "n":
		return n >= least
	case strings.HasSuffix(hi, "n"):
		step, err := strconv.Atoi(strings.TrimSuffix(hi, "n"))
		return err != nil || n >= least && n%max(step, 1) == 0
	}
	most, err := strconv.Atoi(hi)
	return err != nil || n >= least && n <= most
}

// checkForm holds one value against the form of its VR (PS3.5 table 6.2-1).
func checkForm(v vr.VR, s string) error {
	if s == "" {
		return nil
	}
	if err := checkText(v, s); err != nil {
		return err
	}
	ok := true
	switch v {
	case vr.UI:
		ok = uid.Valid(s)
	case vr.CS:
		for _, c := range s {
			ok = ok && (c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == ' ' || c == '_')
		}
	case vr.AS:
		n, err := strconv.Atoi(s[:max(len(s)-1, 0)])
		ok = len(s) == 4 && err == nil && n >= 0 && strings.ContainsRune("DWMY", rune(s[3]))
	case vr.DA:
		_, err := time.Parse("20060102", s)
		ok = err == nil
	case vr.TM:
		ok = validTime(s)
	case vr.DT:
		_, err := ParseDT(s)
		ok = err == nil
	}
	if !ok {
		return fmt.Errorf("not of the form of VR %v", v)
	}
	return nil
}

// validTime is HH[MM[SS[.F{1,6}]]], seconds to 60 for leap seconds.
func validTime(s string) bool {
	whole, frac, dot := strings.Cut(s, ".")
	if len(whole)%2 != 0 || len(whole) < 2 || len(whole) > 6 || dot && (len(whole) != 6 || len(frac) < 1 || len(frac) > 6 || !digits(frac)) || !digits(whole) {
		return false
	}
	for i, most := range []string{"23", "59", "60"} {
		if 2*i < len(whole) && whole[2*i:2*i+2] > most {
			return false
		}
	}
	return true
}

func digits(s string) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}
