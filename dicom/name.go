package dicom

import "strings"

// PersonName is a PN value in its component groups (PS3.5 section 6.2.1).
type PersonName struct {
	Alphabetic, Ideographic, Phonetic NameComponents
}

// NameComponents are the five parts of a component group.
type NameComponents struct{ Family, Given, Middle, Prefix, Suffix string }

// ParsePN takes a name apart.
func ParsePN(s string) PersonName {
	var n PersonName
	for i, g := range strings.SplitN(s, "=", 3) {
		*[]*NameComponents{&n.Alphabetic, &n.Ideographic, &n.Phonetic}[i] = parseComponents(g)
	}
	return n
}

func parseComponents(s string) NameComponents {
	p := append(strings.SplitN(s, "^", 5), "", "", "", "")
	return NameComponents{p[0], p[1], p[2], p[3], p[4]}
}

// String is the name as a PN value, without empty parts at the end.
func (n PersonName) String() string {
	return strings.TrimRight(n.Alphabetic.String()+"="+n.Ideographic.String()+"="+n.Phonetic.String(), "=")
}

func (c NameComponents) String() string {
	return strings.TrimRight(strings.Join([]string{c.Family, c.Given, c.Middle, c.Prefix, c.Suffix}, "^"), "^")
}

// Formatted is the group as people read it: prefix, given, middle and family name, suffix.
func (c NameComponents) Formatted() string {
	return strings.Join(strings.Fields(strings.Join([]string{c.Prefix, c.Given, c.Middle, c.Family, c.Suffix}, " ")), " ")
}
