// Package planted hides invented identities in real files, everywhere where identities are found, and counts what is left of them in an output.
//
// Every planted word is unique and starts with letters that no other word has, so that finding it anywhere in the output's bytes, in any encoding, is a leak.
// The same seed plants the same.
package planted

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/cineloop/cineloop/stats"
)

// mark begins every invented word; ids and telephone numbers are told by their own forms.
const mark = "Zq"

// person is an invented patient.
type person struct {
	family, given, middle string
	id, accession, phone  string
	street, city, mail    string
	birth                 time.Time
	seen                  time.Time // the first study
}

// maker invents.
type maker struct {
	rng    *rand.Rand
	Words  map[string]string // every planted word, folded, and where it was planted last
	Digits map[string]string // the same for numbers of six digits or more
	// Literals are dates, numbers and names in forms of their own, which may not be found as they are, in lower case.
	Literals map[string]string
}

func newMaker(seed uint64) *maker {
	return &maker{rng: stats.Seed(seed).Stream("planted"), Words: map[string]string{}, Digits: map[string]string{}, Literals: map[string]string{}}
}

var syllables = strings.Fields("ba be bi bo da de do fa fe ga go ha ke ki ko la le li lo ma me mi mo na ne ni no pa pe po ra re ri ro sa se so ta te ti to va ve vo za")

// word is a fresh invented word.
func (m *maker) word(where string) string {
	for {
		w := mark
		for range 4 {
			w += syllables[m.rng.IntN(len(syllables))]
		}
		if l := strings.ToLower(w); m.Words[l] == "" {
			m.Words[l] = where
			return w
		}
	}
}

// number is a fresh number of n digits that begins with 7 to 9, as no date does.
func (m *maker) number(n int, where string) string {
	for {
		s := fmt.Sprint(7 + m.rng.IntN(3))
		for len(s) < n {
			s += fmt.Sprint(m.rng.IntN(10))
		}
		if m.Digits[s] == "" {
			m.Digits[s] = where
			return s
		}
	}
}

func (m *maker) person() person {
	day := func(year, span int) time.Time {
		return time.Date(year+m.rng.IntN(span), time.Month(1+m.rng.IntN(12)), 1+m.rng.IntN(28), 0, 0, 0, 0, time.UTC)
	}
	return person{
		family: m.word("family name"), given: m.word("given name"), middle: m.word("middle name"),
		id: m.number(8, "patient id"), accession: m.number(9, "accession"), phone: m.number(10, "phone"),
		street: m.word("street"), city: m.word("city"), mail: m.word("mail"),
		birth: day(1930, 70), seen: day(2015, 8),
	}
}

// forms are the ways in which a person's words stand in text.
func (m *maker) form(p *person) string {
	switch m.rng.IntN(28) {
	case 0:
		return p.given + " " + p.family
	case 1:
		return strings.ToUpper(p.family + ", " + p.given)
	case 2:
		return "seen by Dr. " + m.word("physician in text") + " " + m.word("physician in text")
	case 3:
		return "DOB " + p.birth.Format("02.01.2006") + " MRN " + p.id
	case 4:
		return "tel +1 " + p.phone[:3] + "-" + p.phone[3:6] + "-" + p.phone[6:]
	case 5:
		return strings.ToLower(p.family + "_" + p.given)
	case 6:
		return "ID " + p.id[:4] + "-" + p.id[4:]
	case 7:
		return p.mail + "@" + p.city + ".org"
	case 8:
		return "12 " + p.street + " Street, " + p.city
	case 9:
		return "acc#" + p.accession + ";" + p.family
	case 10:
		return p.given[:1] + ". " + p.family + " " + p.birth.Format("2006-01-02")
	case 11:
		return "http://" + p.city + ".example.org/" + p.id
	case 12:
		return "https://pacs." + p.city + ".org?pid=" + p.id + "&n=" + p.family
	case 13:
		return p.family + p.given
	}
	return m.moreForms(p)
}
