package web

import (
	"fmt"
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
)

// Attribute is one attribute: the last tag, in items of the sequences before it.
type Attribute []tag.Tag

// maxAttributeDepth is how many sequences an attribute of a query may be in.
const maxAttributeDepth = 8

// ParseAttribute reads {attributeID} of PS3.18 section 8.3.4.1: keywords or eight hexadecimal digits, joined by dots.
func ParseAttribute(s string) (Attribute, error) {
	var a Attribute
	for part := range strings.SplitSeq(s, ".") {
		t, err := tag.Parse(part)
		if err != nil || strings.ContainsAny(part, "(,)") {
			return nil, fmt.Errorf("%.64q is neither a keyword nor a tag of eight hexadecimal digits", part)
		}
		if a = append(a, t); len(a) > maxAttributeDepth {
			return nil, fmt.Errorf("an attribute inside more than %d sequences", maxAttributeDepth-1)
		}
	}
	for _, t := range a[:len(a)-1] {
		if t.VR() != vr.SQ && !t.IsPrivate() {
			return nil, fmt.Errorf("%v is no sequence", t)
		}
	}
	return a, nil
}

// Keyword is the keyword of an attribute outside of sequences, or "".
func (a Attribute) Keyword() string {
	if len(a) != 1 {
		return ""
	}
	return a[0].Keyword()
}

func (a Attribute) String() string {
	parts := make([]string, len(a))
	for i, t := range a {
		if parts[i] = t.Keyword(); parts[i] == "" {
			parts[i] = fmt.Sprintf("%08X", uint32(t))
		}
	}
	return strings.Join(parts, ".")
}

// Text is the values of the attribute in ds as text, joined by backslashes; of a sequence's items the first is taken.
func (a Attribute) Text(ds *dicom.DataSet) string {
	for _, t := range a[:len(a)-1] {
		items := ds.Sequence(t)
		if len(items) == 0 {
			return ""
		}
		ds = items[0]
	}
	return strings.Join(ds.Strings(a[len(a)-1]), `\`)
}
