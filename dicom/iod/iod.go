// Package iod knows which modules an information object has and which attributes a module, and holds data sets against that.
//
// An [Object] is an information object definition of PS3.3 annex A: the CT image, the segmentation. A [Use] says that it has a [Module], and
// whether it must: M mandatory, C under a condition, U at the user's choice. An [Attribute] of a module has a type (PS3.5 section 7.4): 1 must be
// there with a value, 2 must be there and may be empty, 3 may be absent; 1C and 2C are 1 and 2 under a condition.
//
// The tables are generated from the standard's; [Check] applies them. Conditions are prose in the standard: those that a data set answers by
// itself are in conditions.go, all others demand nothing. Modules whose attributes the tables don't have are not checked ([Module.Attributes] is nil).
package iod

import (
	"strconv"
	"strings"
	"sync"

	"github.com/cineloop/cineloop/dicom/tag"
)

// Object is an information object definition.
type Object struct {
	Name string // "ultrasound-multi-frame-image"
	Uses []Use
}

// Use is a module in an object.
type Use struct {
	Usage  byte // 'M', 'C' or 'U'
	Module *Module
}

// Module is a list of attributes.
type Module struct {
	Name       string // "GeneralSeries"
	Attributes []Attribute
}

// Attribute is one attribute of a module or of the items of a sequence in it.
type Attribute struct {
	Tag   tag.Tag
	Type  Type
	Items []Attribute // what items of a sequence have, nil if the table doesn't say
}

// Type is an attribute's type.
type Type byte

// The types of PS3.5 section 7.4.
const (
	Type1  Type = '1'
	Type1C Type = 'a'
	Type2  Type = '2'
	Type2C Type = 'b'
	Type3  Type = '3'
)

func (t Type) String() string {
	switch t {
	case Type1C:
		return "1C"
	case Type2C:
		return "2C"
	}
	return string(rune(t))
}

// ForClass is the object that instances of a SOP class are of.
func ForClass(sopClassUID string) (*Object, bool) {
	name, ok := classes[sopClassUID]
	if !ok {
		return nil, false
	}
	o, ok := parsed().objects[name]
	return o, ok
}

// Classes are the SOP classes that the tables know.
func Classes() (uids []string) {
	for u := range classes {
		uids = append(uids, u)
	}
	return uids
}

// conditional is the type of an attribute of a macro that is only there under a condition.
func (t Type) conditional() Type {
	switch t {
	case Type1:
		return Type1C
	case Type2:
		return Type2C
	}
	return t
}

type tables struct {
	objects map[string]*Object
	modules map[string]*Module
}

var parsed = sync.OnceValue(func() *tables { return parse(objects, lists) })

// parse expands the two texts of tables.go.
func parse(objects, lists string) *tables {
	text := map[string]string{}
	for line := range strings.Lines(lists) {
		name, entries, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		text[name] = entries
	}
	x := expander{text: text, done: map[string][]Attribute{}}
	t := &tables{objects: map[string]*Object{}, modules: map[string]*Module{}}
	for line := range strings.Lines(objects) {
		name, uses, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !ok {
			continue
		}
		o := &Object{Name: name}
		for _, u := range strings.Fields(uses) {
			m := strings.TrimPrefix(u[1:], "?")
			if t.modules[m] == nil {
				t.modules[m] = &Module{Name: m, Attributes: x.list(m)}
			}
			o.Uses = append(o.Uses, Use{u[0], t.modules[m]})
		}
		t.objects[name] = o
	}
	return t
}

type expander struct {
	text map[string]string
	done map[string][]Attribute
	busy []string // macros being expanded: one that holds itself is cut
}

func (x *expander) list(name string) []Attribute {
	if a, ok := x.done[name]; ok {
		return a
	}
	entries, ok := x.text[name]
	if !ok {
		return nil
	}
	for _, b := range x.busy {
		if b == name {
			return nil
		}
	}
	x.busy = append(x.busy, name)
	tokens := strings.Fields(entries)
	a := x.attributes(&tokens)
	x.busy = x.busy[:len(x.busy)-1]
	x.done[name] = a
	return a
}

// attributes reads tokens up to the brace that closes the list, or the end.
func (x *expander) attributes(tokens *[]string) (out []Attribute) {
	for len(*tokens) > 0 {
		tok := (*tokens)[0]
		*tokens = (*tokens)[1:]
		if tok == "}" {
			break
		}
		if tok[0] == '@' || tok[0] == '?' {
			for _, a := range x.list(tok[1:]) {
				if tok[0] == '?' {
					a.Type = a.Type.conditional()
				}
				out = append(out, a)
			}
			continue
		}
		n, err := strconv.ParseUint(tok[:8], 16, 32)
		if err != nil {
			panic("iod: the table has no tag in " + tok)
		}
		a := Attribute{Tag: tag.Tag(n), Type: Type(tok[8])}
		if strings.HasSuffix(tok, "{") {
			a.Items = x.attributes(tokens)
		}
		out = append(out, a)
	}
	return out
}
