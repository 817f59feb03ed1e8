package deid

import (
	"strings"
	"unicode/utf8"
)

// own marks the identity's own words and values, whatever stands between their parts.
func (t *text) own(pieces []piece) {
	id := t.id
	for i, tok := range t.tokens {
		if t.ownWord(tok.w) || t.kind == freeText && (id.places[tok.w] || tok.w == id.birthYear) {
			t.mask(tok.from, tok.to)
		} else if t.kind != verbatim && !t.maker && id.sites[tok.w] {
			t.mask(tok.from, tok.to)
		}
		if t.kind != freeText {
			continue
		}
		// Initials: J.D., J. D., J-D, J.D.S., and JD where the vocabulary doesn't know it.
		for n := 3; n >= 2; n-- {
			if t.letters(i, n) && id.initials[t.joinedWords(i, n)] {
				t.mask(tok.from, t.tokens[i+n-1].to)
				break
			}
		}
		if len(tok.w) > 1 && len(tok.w) <= 3 && id.initials[tok.w] && !t.pr.cleaner.has(tok.w) {
			t.mask(tok.from, tok.to)
		}
	}
	t.ownPieces(pieces)
	t.ownNumbers()
	t.spelled()
	if len(id.compact) > 0 && t.kind != coded1 {
		t.joined(id.compact)
	}
	if len(id.long) > 0 && t.kind == technical {
		t.joined(id.long)
	}
	if len(id.spoken) > 0 && t.kind == freeText {
		t.joined(id.spoken)
	}
	for _, w := range id.wide {
		for at := 0; ; {
			i := strings.Index(t.folded.text[at:], w)
			if i < 0 {
				break
			}
			t.mask(at+i, at+i+len(w))
			at += i + len(w)
		}
	}
}

// ownWord reports whether a whole word is the patient's, in the plural or genitive too.
func (t *text) ownWord(w string) bool {
	id := t.id
	if t.kind == coded1 && definedTerm(w) {
		return false
	}
	switch {
	case id.words[w]:
		return true
	case digits(w):
		return len(w) >= 5 && id.words[strings.TrimLeft(w, "0")] || t.kind != verbatim && id.shortDates[w]
	case len(w) > 4 && w[len(w)-1] == 's' && id.words[w[:len(w)-1]]:
		return true
	}
	return false
}

// ownPieces marks words of which a part is the patient's: Smith2, JSmith_CHEST, SmithJohn, DOB600314, and long names inside words that nobody knows.
func (t *text) ownPieces(pieces []piece) {
	k := 0
	for _, tok := range t.tokens {
		for k < len(pieces) && pieces[k].from < tok.from {
			k++
		}
		first := k
		for k < len(pieces) && pieces[k].to <= tok.to {
			k++
		}
		if t.pr.cleaner.has(tok.w) || t.kind == coded1 && definedTerm(tok.w) {
			continue
		}
		if k-first > 1 {
			for _, p := range pieces[first:k] {
				if (len(p.w) >= 4 || len(p.w) == 3 && !p.digits) && t.ownWord(p.w) {
					t.mask(tok.from, tok.to)
					break
				}
			}
		}
		if len(tok.w) < 7 {
			continue
		}
		for _, long := range t.id.long {
			if strings.Contains(tok.w, long) {
				t.mask(tok.from, tok.to)
				break
			}
		}
	}
}

// letters reports whether n words of one letter begin at i, as initials stand: with points or hyphens between, or blanks and capitals.
func (t *text) letters(i, n int) bool {
	if i+n > len(t.tokens) || i > 0 && len(t.tokens[i-1].w) == 1 && t.close(i-1) {
		return false
	}
	for j := i; j < i+n; j++ {
		if utf8.RuneCountInString(t.tokens[j].w) != 1 {
			return false
		}
		if j+1 < i+n {
			switch sep := t.between(j); {
			case sep == "." || sep == "-" || sep == ".-":
			case sep == "" && t.upper(t.tokens[j].from) && t.upper(t.tokens[j+1].from):
			default:
				return false
			}
		}
	}
	return i+n == len(t.tokens) || len(t.tokens[i+n].w) > 1 || !t.close(i+n-1)
}

func (t *text) joinedWords(i, n int) string {
	var b strings.Builder
	for _, tok := range t.tokens[i : i+n] {
		b.WriteString(tok.w)
	}
	return b.String()
}

// close reports whether at most two characters stand between word i and the next.
func (t *text) close(i int) bool { return t.tokens[i+1].from-t.tokens[i].to <= 2 }

// between is what stands between token i and the next one, without blanks.
func (t *text) between(i int) string {
	return strings.TrimSpace(t.folded.text[t.tokens[i].to:t.tokens[i+1].from])
}

// ownNumbers marks identifiers of digits alone that are broken into groups: 76-54-321, 7 654 321.
func (t *text) ownNumbers() {
	if len(t.id.numbers) == 0 {
		return
	}
	for i := range t.tokens {
		if !digits(t.tokens[i].w) {
			continue
		}
		n := len(t.tokens[i].w)
		for j := i + 1; j < len(t.tokens) && digits(t.tokens[j].w) && t.close(j-1) && n < 24; j++ {
			n += len(t.tokens[j].w)
			if n >= 4 && t.id.numbers[strings.TrimLeft(t.joinedWords(i, j+1-i), "0")] {
				t.mask(t.tokens[i].from, t.tokens[j].to)
			}
		}
	}
}

// spelled marks names written letter by letter, and telephone numbers digit by digit.
func (t *text) spelled() {
	for i := 0; i < len(t.tokens); {
		j := i
		for j < len(t.tokens) && utf8.RuneCountInString(t.tokens[j].w) == 1 && (j == i || t.close(j-1)) {
			j++
		}
		if j-i >= 4 {
			s := t.joinedWords(i, j-i)
			hit := t.kind == freeText && digits(s) && len(s) >= 7
			for w := range t.id.words {
				hit = hit || len(w) >= 4 && strings.Contains(s, w)
			}
			if hit {
				t.mask(t.tokens[i].from, t.tokens[j-1].to)
			}
		}
		i = max(j, i+1)
	}
}

// joined finds values in the text with everything but letters and digits taken away: 123-45-678 is 12345678, and J_o_h_n is John.
func (t *text) joined(values []string) {
	total := 0
	for _, tok := range t.tokens {
		total += len(tok.w)
	}
	if total < 6 {
		return
	}
	var b strings.Builder
	place := make([]int, 0, total)
	for _, tok := range t.tokens {
		b.WriteString(tok.w)
		for i := range len(tok.w) {
			place = append(place, tok.from+i)
		}
	}
	c := b.String()
	for _, w := range values {
		for at := 0; ; {
			i := strings.Index(c[at:], w)
			if i < 0 {
				break
			}
			t.mask(place[at+i], place[at+i+len(w)-1]+1)
			at += i + len(w)
		}
	}
}
