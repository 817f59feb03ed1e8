package deid

import (
	"bytes"
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
)

// typed is a private element whose VR the file does not tell with the VR that Table E.3.10-1 gives it, or that its value reads as, so that text in it is cleaned, dates are
// shifted and UIDs are mapped as they would be anywhere else. Bytes that may be a sequence are none of these: nil.
func (w *walker) typed(ds *dicom.DataSet, e *dicom.Element, creator string) *dicom.Element {
	b, err := e.Bytes()
	if err != nil || e.BigEndian() || e.Fragments() != nil {
		return nil
	}
	v := safeVR()[privateKey{creator, e.Tag.Group(), uint8(e.Tag)}]
	switch {
	case v == vr.SQ || bytes.Contains(b, []byte("\xfe\xff\x00\xe0")):
		return nil
	case !v.Known() || v == vr.UN:
		if v = readsAs(b); v == vr.UN && speaks(b) {
			return nil
		}
	case v.WordSize() > 1 && len(b)%v.WordSize() != 0:
		return nil
	}
	alone := dicom.NewDataSet()
	for at := ds; at != nil; at = at.Parent() {
		if terms := at.Strings(tag.SpecificCharacterSet); len(terms) > 0 {
			alone.SetText(tag.SpecificCharacterSet, vr.CS, terms...)
			break
		}
	}
	alone.SetBytes(e.Tag, v, b)
	out, ok := alone.Get(e.Tag)
	if !ok {
		return nil
	}
	return out
}

// readsAs is the VR of bytes that read as text, UN for those that don't.
func readsAs(b []byte) vr.VR {
	s := strings.TrimRight(string(b), " \x00")
	if s == "" {
		return vr.LO
	}
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\r' && c != '\n' && c != '\t' || c == 0x7F {
			return vr.UN
		}
	}
	switch {
	case len(s) > 10 && strings.Count(s, ".") > 2 && uid.Valid(s):
		return vr.UI
	case len(s) <= 64 && !strings.ContainsAny(s, "\r\n"):
		return vr.LO
	}
	return vr.UT
}

// speaks reports whether bytes have a word in them: eight letters, digits and marks in a row that text is made of.
func speaks(b []byte) bool {
	run := 0
	for _, c := range b {
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == ' ' || c == '^' || c == '.' || c == '-' || c == ',' {
			if run++; run >= 8 {
				return true
			}
			continue
		}
		run = 0
	}
	return false
}
