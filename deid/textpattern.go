package deid

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// patterns marks what identifies by its form: addresses of mail, web and hosts, UIDs, dates, telephone numbers, streets, high ages.
// Dates move with the patient's other dates where the policy keeps dates; a birth date never does.
func (t *text) patterns(pieces []piece) {
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
	if nDigits >= 2 {
		t.ages()
		t.labelled()
	}
	if nDigits >= 1 && len(s) >= 8 && !t.address {
		t.maskAll(streetPattern)
	}
	if strings.Count(s, ":") >= 4 || strings.Count(s, "-") >= 5 {
		t.maskAll(hardwarePattern)
	}
	if !hosted && strings.Contains(s, ".") {
		t.maskAll(hostPattern)
	}
	if nDigits < 3 {
		return
	}
	if nDigits >= 6 && strings.Count(s, ".") >= 2 && (t.kind == freeText || nDigits > 15 || strings.Count(s, ".") > 5) {
		t.uids()
	}
	if strings.Count(s, ".") >= 3 {
		t.addresses()
	}
	t.dates()
	t.monthDates(pieces)
	if nDigits >= 7 {
		t.phones()
	}
}

var (
	mailPattern = regexp.MustCompile(`[^\s<>"']+@[^\s<>"']+`)
	urlPattern  = regexp.MustCompile(`(?:[a-z][a-z0-9+.-]*://|www\.)[^\s<>"']+`)
	pathPattern = regexp.MustCompile(`(?:\\\\|[a-z]:[\\/]|(?:^|\s)/)[^\s<>"']+(?:[\\/][^\s<>"']+)+`)
	uidPattern  = regexp.MustCompile(`[0-2](?:\.\d+){3,}`)
	rootPattern = regexp.MustCompile(`2\.25\.\d{12,39}`)
	ipPattern   = regexp.MustCompile(`\d{1,3}(?:\.\d{1,3}){3}`)
	hostPattern = regexp.MustCompile(`\b[a-z0-9-]{2,}(?:\.[a-z0-9-]+)*\.(?:com|org|net|edu|gov|mil|local|lan|intra|nhs)\b(?:/\S*)?|\b[a-z0-9-]+(?:\.[a-z0-9-]+)+\.(?:de|uk|fr|es|nl|eu|dk|fi|pl|jp|cn|kr|br|au|ca)\b(?:/\S*)?`)
	// Addresses of network hardware, and IPv6.
	hardwarePattern = regexp.MustCompile(`\b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b|\b[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){4,7}\b`)
	phonePattern    = regexp.MustCompile(`(?:\+|\(|\b)\d[\d()]*(?:[ \t./()-]{1,3}\d+){1,6}\b`)
	// Telephone and social security numbers by their groups, which no version or size has.
	groupPattern  = regexp.MustCompile(`\d{3}[-. ]\d{3}[-. ]\d{4}|\d{3}[- ]\d{2}[- ]\d{4}|00\d{1,3}[-/ ]\d{2,4}[-/ ]\d{4,}|0\d{2,4}[-/]\d{5,}`)
	streetPattern = regexp.MustCompile(`\b\d{1,5}[a-z]?[ ,]+(?:[a-z.']+ ){1,3}(?:street|st|road|rd|avenue|ave|lane|ln|drive|boulevard|blvd|court|square|way|place|terrace|crescent|parkway|highway)\b(?:, ?[a-z'.-]+){0,2}|\b[a-z.']+ (?:street|road|avenue|lane|drive|boulevard|blvd) \d{1,5}\b|\b[a-z]+(?:strasse|str\.|weg|platz|gasse|allee|straat|laan|plein)\s*\d{1,4}\b|\b(?:rue|via|calle|avenida|rua|place|viale|piazza) (?:[a-z']+ ){0,3}[a-z']+,? *\d{1,4}\b|\b\d{1,4},? (?:rue|avenue|boulevard|place|chemin) (?:[a-z']+ ){0,3}[a-z']+`)
	agePattern    = regexp.MustCompile(`(\d{2,3})\s*-?\s*(?:y/o|y\.\s?o|yo|yrs?|years?|y|jahre|jahrige|jahriger|j|ans|anos|anni|jaar|lat|лет|год|岁|歳|才|세)(?:\b|[^a-z]|$)`)
	agedPattern   = regexp.MustCompile(`\b(?:aged?|alter|edad|eta|leeftijd|idade)\s*[:=]?\s*(\d{2,3})\b`)
	sexedPattern  = regexp.MustCompile(`(?:^|[^\w.])(9\d|1[0-2]\d)\s?[mfw](?:[^\w]|$)`)

	isoDate   = regexp.MustCompile(`((?:18|19|20)\d\d)([-/._ ]?)(0[1-9]|1[0-2])([-/._ ]?)(0[1-9]|[12]\d|3[01])(?:(?:[t _])?((?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d(?:\.\d+)?)?))?`)
	pointDate = regexp.MustCompile(`(0?[1-9]|[12]\d|3[01])([-/. ])(0?[1-9]|[12]\d|3[01])([-/. ])((?:18|19|20)?\d\d)`)
)

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

// bounded reports whether no digits go on before or after a match, nor a number with a fraction or a UID.
func (t *text) bounded(from, to int) bool {
	s := t.folded.text
	digit := func(i int) bool { return i >= 0 && i < len(s) && s[i] >= '0' && s[i] <= '9' }
	return !digit(from-1) && !digit(to) && !(digit(from-2) && s[from-1] == '.') && !(digit(to+1) && s[to] == '.')
}

// uids replaces UIDs by what the key makes of them, so that text that points to an object still does.
func (t *text) uids() {
	for _, m := range uidPattern.FindAllStringIndex(t.folded.text, -1) {
		u := t.folded.text[m[0]:m[1]]
		switch {
		case m[0] > 0 && (t.folded.text[m[0]-1] == '.' || t.folded.text[m[0]-1] >= '0' && t.folded.text[m[0]-1] <= '9'):
		case strings.Count(u, ".") == 3 && len(u) <= 15, len(u) < 10: // an IPv4 address, or a version
		case t.pr.on[RetainUIDs] || t.kind == verbatim:
			t.replace(m[0], m[1], u)
		default:
			t.replace(m[0], m[1], t.key.UID(u))
		}
	}
	for _, m := range rootPattern.FindAllStringIndex(t.folded.text, -1) { // 2.25 and a number
		if !t.covered(m[0], m[1]) && !t.pr.on[RetainUIDs] && t.kind != verbatim && t.bounded(m[0], m[1]) {
			t.replace(m[0], m[1], t.key.UID(t.folded.text[m[0]:m[1]]))
		}
	}
}

// addresses masks IPv4 addresses. Where versions of programs stand, only those of private networks are taken for some.
func (t *text) addresses() {
	for _, m := range ipPattern.FindAllStringIndex(t.folded.text, -1) {
		u := t.folded.text[m[0]:m[1]]
		if t.bounded(m[0], m[1]) && isAddress(u) && !t.covered(m[0], m[1]) && (t.kind == freeText || strings.HasPrefix(u, "10.") && len(u) > 9 || strings.HasPrefix(u, "192.168.") || strings.HasPrefix(u, "172.")) {
			t.mask(m[0], m[1])
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
	t.each(isoDate, func(m []int) bool {
		if s[m[4]:m[5]] != s[m[8]:m[9]] || t.covered(m[0], m[1]) || !t.bounded(m[0], m[1]) {
			return false
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
		return true
	})
	if t.kind == verbatim {
		return
	}
	t.each(pointDate, func(m []int) bool {
		if s[m[4]:m[5]] != s[m[8]:m[9]] || t.covered(m[0], m[1]) || !t.bounded(m[0], m[1]) {
			return false
		}
		a, b, y := number(s[m[2]:m[3]]), number(s[m[6]:m[7]]), s[m[10]:m[11]]
		sep := s[m[4]:m[5]]
		switch {
		case a > 12 && b > 12:
			return false
		case (sep == " " || sep == "_") && len(y) == 2, sep == "." && len(y) == 2 && m[1]-m[0] < 8: // 1 2 34 and 1.2.34 are mostly no dates, but may be the patient's
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
		return true
	})
}

// each calls f with the matches of re in the spaced text. After one that f refuses the search goes on behind its first character, because another may begin inside it:
// V1 22.01.1950.
func (t *text) each(re *regexp.Regexp, f func(m []int) bool) {
	for at := 0; at < len(t.spaced); {
		m := re.FindStringSubmatchIndex(t.spaced[at:])
		if m == nil {
			return
		}
		for i := range m {
			if m[i] >= 0 {
				m[i] += at
			}
		}
		if f(m) {
			at = m[1]
		} else {
			at = m[0] + 1
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
	t.each(groupPattern, func(m []int) bool {
		if !t.bounded(m[0], m[1]) {
			return false
		}
		if !t.covered(m[0], m[1]) {
			t.mask(m[0], m[1])
		}
		return true
	})
	s := t.spaced
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

// ages masks ages above the cap.
func (t *text) ages() {
	if t.pr.Policy.AgeCap == 0 || !strings.ContainsAny(t.spaced, "9123") {
		return
	}
	for _, re := range []*regexp.Regexp{agePattern, agedPattern, sexedPattern} {
		if re == sexedPattern && t.kind != freeText {
			continue
		}
		for _, m := range re.FindAllStringSubmatchIndex(t.spaced, -1) {
			before := m[2] > 0 && (t.spaced[m[2]-1] == '.' || t.spaced[m[2]-1] >= '0' && t.spaced[m[2]-1] <= '9' && !(t.spaced[m[2]-1] == '0' && m[2] == 1))
			if n := number(t.spaced[m[2]:m[3]]); n > t.pr.Policy.AgeCap && n < 130 && !before {
				t.mask(min(m[0], m[2]), m[3])
			}
		}
	}
}

// labels come before numbers that identify.
var labels = map[string]bool{"mrn": true, "ssn": true, "nhs": true, "nhi": true, "pid": true, "dob": true, "tel": true, "telefon": true, "phone": true, "fax": true, "ssid": true, "svnr": true, "bsn": true, "cpr": true, "kvnr": true,
	"mobile": false, "cell": false, "pager": false, "ext": false, "acc": false, "accession": false, "acct": false, "account": false, "chart": false, "insurance": false, "passport": false, "license": false, "licence": false, "geb": false,
	"id": false, "room": false, "bed": false, "badge": false, "box": false, "member": false, "employee": false, "visit": false, "encounter": false, "case": false, "order": false}

// labelled masks the number after a label such as MRN or Tel. In names of products only labels that are nothing else count.
func (t *text) labelled() {
	for i := 0; i+1 < len(t.tokens); i++ {
		always, known := labels[t.tokens[i].w]
		if !known || !always && t.kind != freeText {
			continue
		}
		j := i + 1
		for j < len(t.tokens) && j < i+3 && (t.tokens[j].w == "no" || t.tokens[j].w == "nr" || t.tokens[j].w == "number" || t.tokens[j].w == "is") {
			j++
		}
		first, n := j, 0
		for j < len(t.tokens) && j < first+6 && hasDigit(t.tokens[j].w) && t.tokens[j].from-t.tokens[j-1].to <= 3 {
			n += len(t.tokens[j].w)
			j++
		}
		if n >= 3 || n > 0 && always {
			t.mask(t.tokens[first].from, t.tokens[j-1].to)
		}
	}
}

func hasDigit(s string) bool { return strings.ContainsAny(s, "0123456789") }
