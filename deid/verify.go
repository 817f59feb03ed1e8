package deid

import (
	"bytes"
	"fmt"
	"sort"
	"strings"
	"unicode/utf16"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
)

// needles are an identity's words as bytes that may stand in binary values: folded ASCII, and UTF-16 in both orders.
type needles struct {
	list   [][]byte
	prefix [1 << 16 / 64]uint64 // two first bytes of some needle
}

func newNeedles(id *identity) *needles {
	set := map[string]bool{}
	add := func(s string) {
		if len(s) >= 5 {
			set[s] = true
			u := utf16.Encode([]rune(s))
			le, be := make([]byte, 0, 2*len(u)), make([]byte, 0, 2*len(u))
			for _, c := range u {
				le, be = append(le, byte(c), byte(c>>8)), append(be, byte(c>>8), byte(c))
			}
			set[string(le)], set[string(be)] = true, true
		}
	}
	for _, list := range [][]string{id.names, id.values, id.ids, id.compact, id.wide} {
		for _, s := range list {
			add(s)
		}
	}
	for w := range id.words {
		add(w)
	}
	n := &needles{}
	for s := range set {
		n.list = append(n.list, []byte(s))
		k := uint(s[0])<<8 | uint(s[1])
		n.prefix[k/64] |= 1 << (k % 64)
	}
	sort.Slice(n.list, func(i, j int) bool { return bytes.Compare(n.list[i], n.list[j]) < 0 })
	return n
}

// inBytes is what kind of needle stands in b, "" for none.
func (n *needles) inBytes(b []byte) string {
	if len(n.list) == 0 || len(b) < 5 {
		return ""
	}
	low := bytes.ToLower(b)
	for i := 0; i+5 <= len(low); i++ {
		k := uint(low[i])<<8 | uint(low[i+1])
		if n.prefix[k/64]&(1<<(k%64)) == 0 {
			continue
		}
		rest := low[i:]
		j := sort.Search(len(n.list), func(j int) bool { return bytes.Compare(n.list[j], rest[:2]) >= 0 })
		for ; j < len(n.list) && n.list[j][0] == rest[0] && n.list[j][1] == rest[1]; j++ {
			if bytes.HasPrefix(rest, n.list[j]) {
				return "one of the patient's own words"
			}
		}
	}
	return ""
}

// Verify reads an output again and searches every value of it, the meta header included, for the patient's own words and the original UIDs. It
// returns where something was found that should not be there, or nil. Pixel data is not searched here.
func (pr *Profile) Verify(k *Key, res *Result, f *dicom.File) error {
	v := verifier{pr: pr, key: k, id: res.id, uids: res.uids}
	if pr.on[RetainUIDs] {
		v.uids = nil
	}
	if f.Incomplete != nil || len(f.Warnings) > 0 {
		return fmt.Errorf("the output reads back with a fault")
	}
	if err := v.set(f.Meta, ""); err != nil {
		return err
	}
	return v.set(f.DataSet, "")
}

type verifier struct {
	pr   *Profile
	key  *Key
	id   *identity
	uids map[string]bool
}

// ours are elements that this program writes itself.
var ours = tagSet(tag.PatientID, tag.PatientName, tag.PatientIdentityRemoved, tag.DeidentificationMethod, tag.DeidentificationMethodCodeSequence,
	tag.LongitudinalTemporalInformationModified, tag.BurnedInAnnotation, tag.SpecificCharacterSet, tag.AccessionNumber, tag.DeviceSerialNumber, tag.StationName,
	0x00120040, tag.ImplementationVersionName)

func (v *verifier) set(ds *dicom.DataSet, path string) error {
	for e := range ds.All() {
		if e.IsSequence() {
			if e.Tag == tag.DeidentificationMethodCodeSequence {
				continue
			}
			for _, item := range e.Items() {
				if err := v.set(item, path+e.Tag.String()+" > "); err != nil {
					return err
				}
			}
			continue
		}
		if why := v.element(e); why != "" {
			return fmt.Errorf("%s%v: %s", path, e.Tag, why)
		}
	}
	return nil
}

func (v *verifier) element(e *dicom.Element) string {
	kind := e.Kind()
	switch {
	case e.Fragments() != nil || e.Tag == tag.PixelData || e.Tag == tag.FloatPixelData || e.Tag == tag.DoubleFloatPixelData, e.Tag.IsPrivateCreator(), ours[e.Tag]:
		return ""
	case kind == vr.UI:
		for _, s := range e.Strings() {
			if v.uids[s] {
				return "an original UID"
			}
		}
		return ""
	case kind == vr.DA || kind == vr.DT || kind == vr.TM || kind == vr.AS:
		return "" // their form was checked when they were shifted
	case kind.IsText():
		s, ok := e.Text()
		if !ok {
			return "text that its character set does not have"
		}
		switch {
		case kind == vr.CS || kind == vr.IS || kind == vr.DS:
			return ""
		case s == dummyText || s == dummyName || strings.TrimRight(s, " ") == dummyText || strings.TrimRight(s, " ") == dummyName:
			return ""
		}
		if v.pr.ruleSets(e.Tag) || e.Tag == 0x00080102 && strings.TrimRight(s, " ") == "DCM" { // of a dummy item
			return ""
		}
		for _, part := range strings.Split(strings.TrimRight(s, " \x00"), `\`) {
			if v.pr.cleanText(v.key, v.id, part, verbatim) != part {
				return "one of the patient's own words"
			}
		}
		return ""
	case e.Len() <= 1<<20 && (kind == vr.OB || kind == vr.UN):
		b, err := e.Bytes()
		if err != nil {
			return "can't be read"
		}
		return v.id.patterns.inBytes(b)
	}
	return ""
}

// ruleSets reports whether the policy itself puts a value there.
func (pr *Profile) ruleSets(t tag.Tag) bool { return pr.rules[t].Action == Set }
