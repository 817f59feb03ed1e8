// Package tag names the attributes of PS3.6: a constant for every keyword, and what the dictionary says about each tag.
//
// A [Tag] is group and element in one word, so tags sort as data sets do. The tables are generated from the standard's own
// (go generate); attributes of repeating groups (60xx,3000) are found by any member, and private ones by their creator.
package tag

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/dicom/vr"
)

//go:generate go run ../internal/gen

// Tag is a data element's tag: group in the high 16 bits, element in the low.
type Tag uint32

// The tags that structure data sets (PS3.5 section 7.5).
const (
	Item                     Tag = 0xFFFEE000
	ItemDelimitationItem     Tag = 0xFFFEE00D
	SequenceDelimitationItem Tag = 0xFFFEE0DD
)

// New joins group and element.
func New(group, element uint16) Tag { return Tag(group)<<16 | Tag(element) }

// Group is the group number.
func (t Tag) Group() uint16 { return uint16(t >> 16) }

// Element is the element number in the group.
func (t Tag) Element() uint16 { return uint16(t) }

// IsPrivate reports whether the group is odd.
func (t Tag) IsPrivate() bool { return t&0x10000 != 0 }

// IsPrivateCreator reports whether t reserves a private block: (gggg,0010-00FF), g odd.
func (t Tag) IsPrivateCreator() bool { return t.IsPrivate() && t&0xFFFF >= 0x10 && t&0xFFFF <= 0xFF }

// Creator is the tag whose value names the owner of the private element t; 0 if t isn't one in a block.
func (t Tag) Creator() Tag {
	if !t.IsPrivate() || t&0xFFFF < 0x1000 {
		return 0
	}
	return t&0xFFFF0000 | t>>8&0xFF
}

// IsGroupLength reports whether the element number is 0.
func (t Tag) IsGroupLength() bool { return t&0xFFFF == 0 }

// String is "(gggg,eeee)" in hexadecimal.
func (t Tag) String() string {
	const hex = "0123456789ABCDEF"
	b := [11]byte{0: '(', 5: ',', 10: ')'}
	for i, at := range [8]int{9, 8, 7, 6, 4, 3, 2, 1} {
		b[at] = hex[t>>(4*i)&0xF]
	}
	return string(b[:])
}

// Keyword is the dictionary's keyword, or "".
func (t Tag) Keyword() string {
	in, _ := Lookup(t)
	return in.Keyword
}

// Info is a dictionary entry.
type Info struct {
	VR      vr.VR   // the first, where the standard leaves a choice; UN for item delimiters
	Choices []vr.VR // all of them, where there are several
	VM      string  // value multiplicity: "1", "2-n", "3-3n"
	Name    string
	Keyword string // "" for private attributes
	Retired bool
}

type entry struct {
	tag               Tag
	vr                string // "US" or "US or SS"
	vm, name, keyword string
	retired           bool
	mask              Tag // repeating groups: the bits that count; 0 elsewhere
}

func (e *entry) info() Info {
	in := Info{VM: e.vm, Name: e.name, Keyword: e.keyword, Retired: e.retired, VR: vr.UN}
	if len(e.vr) >= 2 && e.vr != "NONE" {
		in.VR = vr.VR(e.vr[0])<<8 | vr.VR(e.vr[1])
		if len(e.vr) > 2 {
			for _, s := range strings.Split(e.vr, " or ") {
				in.Choices = append(in.Choices, vr.VR(s[0])<<8|vr.VR(s[1]))
			}
		}
	}
	return in
}

func find(t Tag) *entry {
	i, j := 0, len(attributes)
	for i < j {
		h := int(uint(i+j) >> 1)
		if attributes[h].tag < t {
			i = h + 1
		} else {
			j = h
		}
	}
	if i < len(attributes) && attributes[i].tag == t {
		return &attributes[i]
	}
	for i := range repeating {
		if e := &repeating[i]; t&e.mask == e.tag {
			return e
		}
	}
	return nil
}

// Lookup is the dictionary's entry for t, also for members of repeating groups, group lengths and private creators.
func Lookup(t Tag) (Info, bool) {
	if e := find(t); e != nil && (!t.IsPrivate() || e.mask == 0) {
		return e.info(), true
	}
	switch {
	case t.IsGroupLength():
		return Info{VR: vr.UL, VM: "1", Name: "Group Length", Keyword: "GroupLength", Retired: true}, true
	case t.IsPrivateCreator():
		return Info{VR: vr.LO, VM: "1", Name: "Private Creator", Keyword: "PrivateCreator"}, true
	}
	return Info{VR: vr.UN}, false
}

// VR is the dictionary's VR for t, the first where there is a choice; UN for what it doesn't have.
func (t Tag) VR() vr.VR {
	if e := find(t); e != nil && (!t.IsPrivate() || e.mask == 0) {
		if len(e.vr) < 2 || e.vr == "NONE" {
			return vr.UN
		}
		return vr.VR(e.vr[0])<<8 | vr.VR(e.vr[1])
	}
	switch {
	case t.IsGroupLength():
		return vr.UL
	case t.IsPrivateCreator():
		return vr.LO
	}
	return vr.UN
}

// ByKeyword finds a tag by its keyword. Attributes of repeating groups give the first member.
func ByKeyword(keyword string) (Tag, bool) {
	i := sort.Search(len(keywords), func(i int) bool { return attributes[keywords[i]].keyword >= keyword })
	if i < len(keywords) && attributes[keywords[i]].keyword == keyword {
		return attributes[keywords[i]].tag, true
	}
	for i := range repeating {
		if repeating[i].keyword == keyword {
			return repeating[i].tag, true
		}
	}
	return 0, false
}

// Parse reads a tag: a keyword, "gggg,eeee", "(gggg,eeee)" or "ggggeeee".
func Parse(s string) (Tag, error) {
	if t, ok := ByKeyword(s); ok {
		return t, nil
	}
	h := strings.NewReplacer("(", "", ")", "", ",", "").Replace(s)
	if len(h) == 8 {
		if n, err := strconv.ParseUint(h, 16, 32); err == nil {
			return Tag(n), nil
		}
	}
	return 0, fmt.Errorf("%q is neither a tag (gggg,eeee) nor a keyword of the dictionary", s)
}

// LookupPrivate is what is known of the private element t in a block owned by creator.
func LookupPrivate(creator string, t Tag) (Info, bool) {
	if !t.IsPrivate() || t&0xFFFF < 0x1000 {
		return Info{VR: vr.UN}, false
	}
	// Entries are by creator, group and the element's low byte: the block is wherever the creator reserved it.
	key := uint32(t>>16)<<8 | uint32(t&0xFF)
	c := sort.SearchStrings(privateCreators, creator)
	if c == len(privateCreators) || privateCreators[c] != creator {
		return Info{VR: vr.UN}, false
	}
	from, to := privateFrom[c], len(privates)
	if c+1 < len(privateFrom) {
		to = privateFrom[c+1]
	}
	list := privates[from:to]
	i := sort.Search(len(list), func(i int) bool { return list[i].key >= key })
	if i == len(list) || list[i].key != key {
		return Info{VR: vr.UN}, false
	}
	p := list[i]
	e := entry{vr: p.vr, vm: p.vm, name: p.name}
	return e.info(), true
}

type private struct {
	key          uint32 // group<<8 | low byte of the element
	vr, vm, name string
}
