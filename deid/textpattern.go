package deid

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// patterns marks what identifies by its form: addresses of mail, web and hosts, UIDs, dates, telephone numbers, streets, high ages.
// Dates move with the patient's other dates where the policy keeps dates; a birth date never does.
func (t *text) patterns() {
	s := t.folded.text
	nDigits := 0
	for i := 0; i < len(s); i++ {
		if s[i] >= '0' && s[i] <= '9' {
			nDigits++
		}
	}
	hosted := t.kind == technical && strings.Contains(s, "github.com") // programs name themselves by where their source is
	if strings.Contains(s, "@") && !hosted {
		t.maskAll(mailPattern)
	}
	if (strings.Contains(s, "://") || strings.Contains(s, "www.")) && !hosted {
		t.maskAll(urlPattern)
	}
	if !hosted && (strings.Contains(s, `\\`) || strings.Contains(s, ":/") || strings.Contains(s, `:\`) || strings.HasPrefix(s, "/")) {
		t.maskAll(pathPattern)
	}
	if nDigits >= 2 && hasAge(s) {
		t.ages()
	}
	if nDigits >= 1 && len(s) >= 8 {
		t.maskAll(streetPattern)
	}
	if nDigits < 3 {
		return
	}
	if nDigits >= 6 && strings.Count(s, ".") >= 3 && (t.kind == freeText || nDigits > 15) {
		t.uids()
	}
	t.dates()
	if nDigits >= 7 {
		t.phones()
	}
}

var (
	mailPattern   = regexp.MustCompile(`[^\s<>"']+@[^\s<>"']+`)
	urlPattern    = regexp.MustCompile(`(?:[a-z][a-z0-9+.-]*://|www\.)[^\s<>"']+`)
	pathPattern   = regexp.MustCompile(`(?:\\\\|[a-z]:[\\/]|(?:^|\s)/)[^\s<>"']+(?:[\\/][^\s<>"']+)+`)
	uidPattern    = regexp.MustCompile(`\b[0-2](?:\.\d+){3,}\b`)
	phonePattern  = regexp.MustCompile(`(?:\+|\(|\b)\d[\d()]*(?:[ \t./()-]{1,3}\d+){1,6}\b`)
	streetPattern = regexp.MustCompile(`\b\d{1,5}[a-z]?[ ,]+(?:[a-z.']+ ){1,3}(?:street|st|road|rd|avenue|ave|lane|ln|drive|boulevard|blvd|court|square|way|place|terrace|crescent|parkway|highway)\b|\b[a-z]+(?:strasse|str\.|weg|platz|gasse|allee|straat|laan|plein)\s*\d{1,4}\b|\b(?:rue|via|calle|avenida|rua|place|viale|piazza) (?:[a-z']+ ){0,3}[a-z']+,? *\d{1,4}\b|\b\d{1,4},? (?:rue|avenue|boulevard|place|chemin) (?:[a-z']+ ){0,3}[a-z']+`)
	agePattern    = regexp.MustCompile(`\b(\d{2,3})\s*-?\s*(?:y/o|yo|yrs?|years?|y|jahre|ans)\b`)

	isoDate   = regexp.MustCompile(`\b((?:18|19|20)\d\d)([-/._ ]?)(0[1-9]|1[0-2])([-/._ ]?)(0[1-9]|[12]\d|3[01])(?:(?:[t _])?((?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d(?:\.\d+)?)?))?(?:\b|z\b)`)
	pointDate = regexp.MustCompile(`\b(0?[1-9]|[12]\d|3[01])([-/. ])(0?[1-9]|[12]\d|3[01])([-/. ])((?:18|19|20)?\d\d)\b`)
	wordDate  = regexp.MustCompile(`\b(0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th|\.)?([-/ ]{1,2}(?:of )?)(` + monthWords + `)([-/., ]{1,2})((?:18|19|20)?\d\d)\b`)
	monthDate = regexp.MustCompile(`\b(` + monthWords + `)([-/. ]{1,2})(0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?([-/, ]{1,2})((?:18|19|20)\d\d)\b`)
	monthYear = regexp.MustCompile(`\b(?:` + monthWords + `)[-/., ]{1,2}(?:18|19|20)\d\d\b`)
)

const monthWords = `jan(?:uary|uar|vier)?|feb(?:ruary|ruar)?|mar(?:ch|s)?|marz|apr(?:il)?|may|mai|june?|juni|july?|juli|aug(?:ust)?|sep(?:t|tember)?|oct(?:ober)?|okt(?:ober)?|nov(?:ember)?|dec(?:ember)?|dez(?:ember)?`

func (t *text) maskAll(re *regexp.Regexp) {
	for _, m := range re.FindAllStringIndex(t.folded.text, -1) {
		t.mask(m[0], m[1])
	}
}

// covered reports whether a stretch is marked already.
func (t *text) covered(from, to int) bool {
	for _, s := range t.spans {
		if from < s.to && to > s.from {
			return true
		}
	}
	return false
}

// uids replaces UIDs by what the key makes of them, so that text that points to an object still does.
func (t *text) uids() {
	for _, m := range uidPattern.FindAllStringIndex(t.folded.text, -1) {
		u := t.folded.text[m[0]:m[1]]
		switch {
		case strings.Count(u, ".") == 3 && len(u) <= 15: // an IPv4 address, or a version
			if isAddress(u) {
				t.mask(m[0], m[1])
			}
		case len(u) < 10:
		case t.pr.on[RetainUIDs] || t.kind == verbatim:
			t.replace(m[0], m[1], u)
		default:
			t.replace(m[0], m[1], t.key.UID(u))
		}
	}
}

func isAddress(s string) bool {
	big := 0
	for p := range strings.SplitSeq(s, ".") {
		n, err := strconv.Atoi(p)
		if err != nil || n > 255 {
			return false
		}
		if n > 9 {
			big++
		}
	}
	return big >= 2
}

// dates shifts dates whose order of parts is certain, and masks the others.
func (t *text) dates() {
	s := t.folded.text
	for _, m := range isoDate.FindAllStringSubmatchIndex(s, -1) {
		if s[m[4]:m[5]] != s[m[8]:m[9]] || t.covered(m[0], m[1]) {
			continue
		}
		y, mo, d := number(s[m[2]:m[3]]), number(s[m[6]:m[7]]), number(s[m[10]:m[11]])
		sep := s[m[4]:m[5]]
		t.date(m[0], m[11], y, mo, d, "2006"+sep+"01"+sep+"02")
		if m[12] >= 0 && m[12] == m[11] { // the time of day is joined to it
			sp := &t.spans[len(t.spans)-1]
			if sp.pinned {
				sp.with += s[m[12]:m[1]]
			}
			sp.to = m[1]
		}
	}
	if t.kind == verbatim {
		return
	}
	for _, m := range wordDate.FindAllStringSubmatchIndex(s, -1) {
		if !t.covered(m[0], m[1]) {
			t.mask(m[0], m[1])
		}
	}
	for _, re := range []*regexp.Regexp{monthDate, monthYear} {
		for _, m := range re.FindAllStringIndex(s, -1) {
			if !t.covered(m[0], m[1]) {
				t.mask(m[0], m[1])
			}
		}
	}
	for _, m := range pointDate.FindAllStringSubmatchIndex(s, -1) {
		if s[m[4]:m[5]] != s[m[8]:m[9]] || t.covered(m[0], m[1]) {
			continue
		}
		a, b, y := number(s[m[2]:m[3]]), number(s[m[6]:m[7]]), s[m[10]:m[11]]
		sep := s[m[4]:m[5]]
		switch {
		case a > 12 && b > 12:
			continue
		case sep == " " && len(y) == 2, sep == "." && len(y) == 2 && m[1]-m[0] < 8: // 1 2 34 and 1.2.34 are mostly no dates, but may be the patient's
			if t.ownDate(a, b, number(y)) {
				t.mask(m[0], m[1])
			}
		case sep == "." && len(y) == 4 && b <= 12 && m[5]-m[2] >= 2:
			layout := "02.01.2006"
			if m[3]-m[2] == 1 || m[7]-m[6] == 1 {
				layout = "2.1.2006"
			}
			t.date(m[0], m[1], number(y), b, a, layout)
		default:
			t.mask(m[0], m[1])
		}
	}
}

func (t *text) ownDate(a, b, yy int) bool {
	for d := range t.id.dates {
		if len(d) == 8 && number(d[2:4]) == yy%100 && (number(d[4:6]) == a && number(d[6:8]) == b || number(d[4:6]) == b && number(d[6:8]) == a) {
			return true
		}
	}
	return false
}

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// date replaces one date by the shifted one, or masks it.
func (t *text) date(from, to, year, month, day int, layout string) {
	d := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	valid := d.Day() == day && int(d.Month()) == month
	switch {
	case t.kind == verbatim && valid: // its numbers are no words
		t.replace(from, to, t.folded.text[from:to])
	case !valid || d.Equal(t.id.birth):
		t.mask(from, to)
	case t.pr.on[RetainFullDates]:
		t.replace(from, to, t.folded.text[from:to])
	case t.pr.on[RetainModifiedDates]:
		t.replace(from, to, d.AddDate(0, 0, -t.id.days).Format(layout))
	default:
		t.mask(from, to)
	}
}

// phones masks numbers in groups of seven digits or more.
func (t *text) phones() {
	s := t.folded.text
	for _, m := range phonePattern.FindAllStringIndex(s, -1) {
		p := s[m[0]:m[1]]
		n, long := 0, false
		for _, g := range strings.FieldsFunc(p, func(r rune) bool { return r < '0' || r > '9' }) {
			n += len(g)
			long = long || len(g) >= 3
		}
		if n < 7 || !long || t.covered(m[0], m[1]) {
			continue
		}
		if p[0] != '+' && p[0] != '(' && t.kind != freeText {
			continue
		}
		if p[0] != '+' && p[0] != '(' && !strings.ContainsAny(p, "-()/") && n < 9 { // a list of numbers
			continue
		}
		if strings.Count(p, ".") > 0 && !strings.ContainsAny(p, "-()/ +") && strings.Count(p, ".") < 2 { // a number with a fraction
			continue
		}
		t.mask(m[0], m[1])
	}
}

func hasAge(s string) bool {
	return strings.Contains(s, "y") || strings.Contains(s, "jahre") || strings.Contains(s, "ans")
}

// ages masks ages above the cap.
func (t *text) ages() {
	if t.pr.Policy.AgeCap == 0 {
		return
	}
	for _, m := range agePattern.FindAllStringSubmatchIndex(t.folded.text, -1) {
		if n := number(t.folded.text[m[2]:m[3]]); n > t.pr.Policy.AgeCap {
			t.mask(m[0], m[1])
		}
	}
}
