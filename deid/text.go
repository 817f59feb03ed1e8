package deid

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Mask stands where text was taken out.
const Mask = "***"

// textKind says how strictly a text is read.
type textKind uint8

const (
	freeText  textKind = iota // only words of the vocabulary stay
	technical                 // names of products, kernels, coils: what no list knows may stay, unless it looks like an identifier
	coded1                    // code strings
	product                   // technical, where the names of makers stand, which places are called after
	place                     // technical, where names and addresses of institutions may stay
	verbatim                  // codes of coding schemes: nothing but the patient's own words is looked for
)

const maxCleaned = 4096 // texts that one identity remembers

// cleanText takes out of s what identifies: the patient's own words in any form, dates, numbers, addresses, and, in free text, every
// word that the vocabulary does not have. It is stable: cleaning what was cleaned changes nothing.
func (pr *Profile) cleanText(k *Key, id *identity, s string, kind textKind) string {
	if s == "" {
		return ""
	}
	memo := string(rune('0'+kind)) + s
	if len(s) <= 256 {
		id.mu.Lock()
		out, ok := id.clean[memo]
		id.mu.Unlock()
		if ok {
			return out
		}
	}
	t := text{pr: pr, key: k, id: id, kind: kind, raw: s, folded: fold(s)}
	if kind == product || kind == place {
		t.kind, t.maker, t.address = technical, true, kind == place
	}
	t.spaced = strings.ReplaceAll(t.folded.text, "_", " ")
	out := t.run()
	if len(s) <= 256 {
		id.mu.Lock()
		if len(id.clean) >= maxCleaned {
			clear(id.clean)
		}
		id.clean[memo] = out
		id.mu.Unlock()
	}
	return out
}

// text is one value while it is cleaned. Marks are made on the folded text and carried over to the original at the end.
type text struct {
	pr      *Profile
	key     *Key
	id      *identity
	kind    textKind
	maker   bool // words of the institution's name may stay
	address bool // streets too
	raw     string
	folded  folded
	spaced  string // folded, with underscores as blanks: what the patterns are looked for in
	spans   []span
	tokens  []token
}

// span is a stretch of the folded text that is taken out, or replaced.
type span struct {
	from, to int
	with     string
	pinned   bool // with is no mask: it stands as it is
}

type token struct {
	from, to int
	w        string
}

func (t *text) run() string {
	t.tokenise()
	pieces := t.pieces()
	if t.kind == verbatim {
		if strings.Count(t.folded.text, ".")+strings.Count(t.folded.text, "-")+strings.Count(t.folded.text, "/") > 1 {
			t.uids()
			t.dates()
		}
	} else {
		t.patterns(pieces)
	}
	t.tokens = slices.DeleteFunc(t.tokens, func(tok token) bool {
		return slices.ContainsFunc(t.spans, func(s span) bool { return s.pinned && tok.from < s.to && tok.to > s.from })
	})
	pieces = slices.DeleteFunc(pieces, func(p piece) bool {
		return slices.ContainsFunc(t.spans, func(s span) bool { return s.pinned && p.from < s.to && p.to > s.from })
	})
	t.own(pieces)
	if t.kind == verbatim {
		return t.render()
	}
	t.titles()
	for _, tok := range t.tokens {
		if !t.allowed(tok) {
			t.mask(tok.from, tok.to)
		}
	}
	return t.render()
}

func (t *text) mask(from, to int) { t.spans = append(t.spans, span{from: from, to: to, with: Mask}) }

func (t *text) replace(from, to int, with string) {
	t.spans = append(t.spans, span{from, to, with, true})
}

func (t *text) tokenise() {
	start := -1
	s := t.folded.text
	for i, r := range s {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Mc, r) {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 {
			t.tokens = append(t.tokens, token{start, i, s[start:i]})
			start = -1
		}
	}
	if start >= 0 {
		t.tokens = append(t.tokens, token{start, len(s), s[start:]})
	}
}

// introducers come before names. Those that are also something else need a point or colon after them.
var introducers = map[string]bool{"dr": true, "prof": true, "professor": true, "doctor": true, "frau": true, "herr": true, "mme": true, "monsieur": true, "madame": true, "mrs": true, "sra": true, "nurse": true,
	"mr": false, "ms": false, "sr": false, "name": false, "patient": false, "pt": false, "physician": false, "radiologist": false, "technologist": false, "tech": false, "operator": false, "by": true, "dear": true,
	"cardiologist": false, "sonographer": false, "surgeon": false, "attn": false, "contact": false, "address": false, "mother": false, "father": false, "wife": false, "husband": false, "referring": false, "requested": false}

// nameJoiners stand between a title and a name.
var nameJoiners = map[string]bool{"med": true, "habil": true, "univ": true, "h": true, "c": true, "phil": true, "dent": true, "van": true, "von": true, "der": true, "den": true, "de": true, "la": true, "di": true, "el": true, "al": true, "st": true}

// titles marks the words after a title or a word such as "name:", up to three, as long as they begin with a capital.
func (t *text) titles() {
	if t.kind == coded1 {
		return
	}
	for i := 0; i+1 < len(t.tokens); i++ {
		alone, known := introducers[t.tokens[i].w]
		if !known {
			continue
		}
		if w := t.tokens[i].w; w == "mr" || w == "ms" { // Mr is a title, MR a modality
			alone = t.upper(t.tokens[i].from) && !t.upper(t.tokens[i].from+1)
		}
		sep := t.folded.text[t.tokens[i].to:t.tokens[i+1].from]
		if !alone && !strings.ContainsAny(sep, ".:=") {
			continue
		}
		joiners := 0
		for j := i + 1; j < len(t.tokens) && j <= i+3+joiners; j++ {
			if _, again := introducers[t.tokens[j].w]; again || nameJoiners[t.tokens[j].w] && joiners < 3 {
				joiners++
				continue
			}
			r, _ := utf8.DecodeRuneInString(t.raw[t.folded.at(t.tokens[j].from):])
			if unicode.IsLower(r) || !unicode.IsLetter(r) || j > i+1 && strings.ContainsAny(t.folded.text[t.tokens[j-1].to:t.tokens[j].from], ";:\n\r|()") {
				break
			}
			t.mask(t.tokens[j].from, t.tokens[j].to)
		}
	}
}

// allowed reports whether a word may stay for what it is.
func (t *text) allowed(tok token) bool {
	w := tok.w
	switch {
	case w == "ninety" || w == "nonagenarian" || w == "centenarian":
		return t.kind != freeText || t.pr.Policy.AgeCap == 0
	case digits(w):
		return len(w) < 5 || t.kind == coded1 && len(w) < 7 || t.kind == technical && len(w) < 8
	case t.pr.cleaner.has(w):
		return true
	case isName()[w]:
		return false
	case t.kind == technical:
		return t.technicalWord(tok)
	case t.kind == coded1:
		return t.technicalWord(tok)
	case len(w) == 1:
		return true
	}
	return t.mixedWord(w) || t.camelCase(tok)
}

// mixedWord allows words of letters and digits whose letters the vocabulary knows, or are few: t1w, b1000, 3d, te30, 5mm.
func (t *text) mixedWord(w string) bool {
	run, letters, digitRun, hasDigit := 0, 0, 0, false
	for i, r := range w {
		switch {
		case r >= '0' && r <= '9':
			if run > 0 && !t.knownRun(w[i-run:i]) {
				return false
			}
			run = 0
			digitRun++
			hasDigit = true
			if digitRun > 4 {
				return false
			}
		case r >= 'a' && r <= 'z':
			run++
			letters++
			digitRun = 0
		default:
			return false
		}
	}
	return hasDigit && (run == 0 || t.knownRun(w[len(w)-run:]))
}

func (t *text) knownRun(s string) bool { return len(s) <= 2 || t.pr.cleaner.has(s) }

// technicalWord allows what names of products are made of; identifiers have long numbers or look like dates.
func (t *text) technicalWord(tok token) bool {
	for _, c := range []byte(t.raw[t.folded.at(tok.from):t.folded.end(tok.to)]) {
		if c >= utf8.RuneSelf { // products have plain names; bytes of another set than the declared one don't
			return false
		}
	}
	n := 0
	for i := 0; i < len(tok.w); i++ {
		if tok.w[i] >= '0' && tok.w[i] <= '9' {
			if n++; n >= 8 {
				return false
			}
		}
	}
	return true
}

// camelCase allows words joined as keywords are, if the vocabulary has each: ImagePositionPatient.
func (t *text) camelCase(tok token) bool {
	raw := t.raw[t.folded.at(tok.from):t.folded.end(tok.to)]
	if len(raw) != len(tok.w) || len(raw) < 6 {
		return false
	}
	start, parts := 0, 0
	for i := 1; i <= len(raw); i++ {
		if i < len(raw) && !(raw[i] >= 'A' && raw[i] <= 'Z' && (raw[i-1] < 'A' || raw[i-1] > 'Z')) {
			continue
		}
		if w := tok.w[start:i]; len(w) < 2 || !t.pr.cleaner.has(w) {
			return false
		}
		start = i
		parts++
	}
	return parts > 1
}

// render carries the marks over to the original. Marks that touch, or with nothing but punctuation between them, become one.
func (t *text) render() string {
	if len(t.spans) == 0 {
		return t.raw
	}
	sortSpans(t.spans)
	var b strings.Builder
	last := 0 // in the original
	masked := -1
	for i := 0; i < len(t.spans); i++ {
		sp := t.spans[i]
		for i+1 < len(t.spans) && t.spans[i+1].from < sp.to { // overlapping: a mask wins over a replacement
			if !t.spans[i+1].pinned {
				sp.pinned, sp.with = false, Mask
			}
			sp.to = max(sp.to, t.spans[i+1].to)
			i++
		}
		from, to := t.folded.at(sp.from), t.folded.end(sp.to)
		if from < last {
			from = last
		}
		gap := t.raw[last:from]
		if masked == b.Len() && !sp.pinned && masked > 0 && strings.Trim(gap, " ,.;:^=/-_") == "" {
			last = max(last, to)
			continue
		}
		b.WriteString(gap)
		b.WriteString(sp.with)
		if !sp.pinned {
			masked = b.Len()
		}
		last = max(last, to)
	}
	b.WriteString(t.raw[last:])
	return b.String()
}

func sortSpans(s []span) {
	slices.SortStableFunc(s, func(a, b span) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to)) })
}
