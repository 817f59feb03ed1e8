// Package code has the coded concepts of PS3.16 and the context groups they are in.
//
// A [Concept] is what a code sequence's item says: a value, the scheme that defines it and its meaning in words. The table has the
// schemes that the standard uses (DCM, SCT, LN, UCUM, MDC and others), in the edition of 2026; it is kept deflated in the program and is expanded
// at the first use, once.
package code

import (
	"bytes"
	"compress/flate"
	_ "embed"
	"io"
	"sort"
	"strconv"
	"strings"
	"sync"
)

// Concept is one coded concept.
type Concept struct {
	Scheme  string // coding scheme designator (0008,0102): "DCM", "SCT", "UCUM"
	Value   string // code value (0008,0100)
	Meaning string // code meaning (0008,0104)
}

// Group is a context group: the concepts that the standard offers in one place.
type Group struct {
	ID       int    // context identifier, 3 for CID 3
	Keyword  string // "LateralityModifier"
	Concepts []Concept
}

//go:embed concepts.flate
var packed []byte

type tables struct {
	concepts []Concept // by scheme and value; several of one value are its meanings, the preferred one first
	groups   map[int]*Group
	ids      []int
}

var load = sync.OnceValue(func() *tables {
	text, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err != nil {
		panic("code: the embedded table is damaged: " + err.Error())
	}
	return parse(string(text))
})

// parse reads the table that dicom/internal/gen writes.
func parse(text string) *tables {
	t := &tables{groups: map[int]*Group{}}
	group := func(s string) *Group {
		id, _ := strconv.Atoi(s)
		if t.groups[id] == nil {
			t.groups[id] = &Group{ID: id}
			t.ids = append(t.ids, id)
		}
		return t.groups[id]
	}
	scheme := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if s, ok := strings.CutPrefix(line, "="); ok {
			scheme = s
			continue
		}
		field := strings.Split(line, "\t")
		if id, ok := strings.CutPrefix(field[0], "#"); ok && len(field) == 2 {
			group(id).Keyword = field[1]
			continue
		}
		if len(field) != 3 {
			continue
		}
		c := Concept{scheme, field[0], field[1]}
		t.concepts = append(t.concepts, c)
		for _, id := range strings.Fields(field[2]) {
			g := group(id)
			g.Concepts = append(g.Concepts, c)
		}
	}
	sort.Ints(t.ids)
	return t
}

// Lookup finds a concept by its scheme and value. Where the standard gives one value several meanings, it is that of the
// most context groups.
func Lookup(scheme, value string) (Concept, bool) {
	if m := all(scheme, value); len(m) > 0 {
		return m[0], true
	}
	return Concept{}, false
}

// Meanings are all words that the standard has for a value, the preferred ones first.
func Meanings(scheme, value string) (words []string) {
	for _, c := range all(scheme, value) {
		words = append(words, c.Meaning)
	}
	return words
}

func all(scheme, value string) []Concept {
	list := load().concepts
	i := sort.Search(len(list), func(i int) bool {
		return list[i].Scheme > scheme || list[i].Scheme == scheme && list[i].Value >= value
	})
	j := i
	for j < len(list) && list[j].Scheme == scheme && list[j].Value == value {
		j++
	}
	return list[i:j]
}

// ContextGroup is CID id. Its concepts are those the group lists itself; groups that it includes have their own entries.
func ContextGroup(id int) (Group, bool) {
	g, ok := load().groups[id]
	if !ok {
		return Group{}, false
	}
	return *g, true
}

// Groups are the numbers of all context groups, ascending.
func Groups() []int { return load().ids }

// Has reports whether the group lists a value of a scheme.
func (g Group) Has(scheme, value string) bool {
	for _, c := range g.Concepts {
		if c.Scheme == scheme && c.Value == value {
			return true
		}
	}
	return false
}
