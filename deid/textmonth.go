package deid

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// monthNames are the months as they are written in dates, folded, in the languages that hospitals of Europe and the Americas write in: full forms, genitives and
// abbreviations. Those of fewer than four letters count only with a day and a year beside them.
const monthNames = `jan january januar janvier enero ene gennaio gen janeiro januari stycznia styczen января ocak jän janner
feb february februar fevrier fev febrero febbraio fevereiro februari lutego luty февраля subat
mar march marz mars marzo marco maart mrt marca marzec марта mart maerz
apr april avril avr abril abr aprile kwietnia kwiecien апреля nisan
may mai mayo maggio mag maio mei maj maja мая mayis
jun june juni juin junio giugno giu junho czerwca czerwiec июня haziran
jul july juli juillet juil julio luglio lug julho lipca lipiec июля temmuz
aug august aout agosto ago augustus augusti sierpnia sierpien августа agustos
sep sept september septembre septiembre setiembre settembre set setembro wrzesnia wrzesien сентября eylul
oct october okt oktober octobre octubre ottobre ott outubro out pazdziernika pazdziernik октября ekim
nov november novembre noviembre novembro listopada listopad ноября kasim
dec december dez dezember decembre diciembre dic dicembre dezembro grudnia grudzien декабря aralik`

var months = sync.OnceValue(func() map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(monthNames) {
		m[fold(w).text] = true
	}
	return m
})

// romanMonths count only between a day and a year of four digits: 17 III 1931.
var romanMonths = map[string]bool{"i": true, "ii": true, "iii": true, "iv": true, "v": true, "vi": true, "vii": true, "viii": true, "ix": true, "x": true, "xi": true, "xii": true}

// between parts of a date: 12 de marzo de 2019, March 3rd, the 4th of May.
var dateJoiners = map[string]bool{"de": true, "del": true, "of": true, "the": true, "st": true, "nd": true, "rd": true, "th": true, "do": true, "er": true, "year": true, "г": true}

// piece is a run of letters or of digits inside a word, or a part of a word that begins with a capital: DrSmith2019 has three.
type piece struct {
	from, to int
	w        string
	digits   bool
}

// pieces are those of all words, in order.
func (t *text) pieces() []piece {
	out := make([]piece, 0, len(t.tokens))
	for _, tok := range t.tokens {
		out = t.split(out, tok)
	}
	return out
}

func (t *text) split(out []piece, tok token) []piece {
	start, lastDigit, lastLower := tok.from, false, false
	for i, r := range tok.w {
		digit := unicode.IsDigit(r)
		upper := false
		if r >= 'a' && r <= 'z' {
			upper = t.upper(tok.from + i)
		}
		if i > 0 && (digit != lastDigit || upper && lastLower) {
			out = append(out, piece{start, tok.from + i, t.folded.text[start : tok.from+i], lastDigit})
			start = tok.from + i
		}
		lastDigit, lastLower = digit, !digit && !upper
	}
	return append(out, piece{start, tok.to, t.folded.text[start:tok.to], lastDigit})
}

// upper reports whether byte i of the folded text was a capital.
func (t *text) upper(i int) bool {
	r, _ := utf8.DecodeRuneInString(t.raw[t.folded.at(i):])
	return unicode.IsUpper(r)
}

// monthDates masks dates with the month in letters, in any order: 14MAR2019, March 3rd, 2019, 12 de marzo de 2019, 2019-Mar-14, 17 III 1931, March 2019.
func (t *text) monthDates(pieces []piece) {
	for i, p := range pieces {
		roman := romanMonths[p.w]
		if p.digits || !roman && !months()[p.w] {
			continue
		}
		before, b := t.datePart(pieces, i, -1)
		after, a := t.datePart(pieces, i, 1)
		from, to := p.from, p.to
		switch {
		case roman:
			if before != "day" || after != "year" {
				continue
			}
			from, to = pieces[b].from, pieces[a].to
		case before == "year" && after == "day": // 2019-Mar-14
			from, to = pieces[b].from, pieces[a].to
		case after == "both": // MAR142019
			to = pieces[a].to
		case before == "day" && (after == "year" || after == "day"): // the second may be a year of two digits
			from, to = pieces[b].from, pieces[a].to
		case after == "day":
			third, c := t.datePart(pieces, a, 1)
			switch {
			case third == "year" || third == "day":
				to = pieces[c].to
			case len(p.w) > 3 && t.kind == freeText && p.w != "mars" && p.w != "mart":
				to = pieces[a].to
			default:
				continue
			}
		case after == "year" && len(p.w) >= 3:
			to = pieces[a].to
		case before == "year" && len(p.w) >= 3:
			from = pieces[b].from
		case before == "day" && len(p.w) > 3 && t.kind == freeText:
			from = pieces[b].from
		default:
			continue
		}
		if !t.covered(from, to) {
			t.mask(from, to)
		}
	}
}

// datePart says whether the number beside piece i, words that join dates apart, may be a day or a year, and which piece it is.
func (t *text) datePart(pieces []piece, i, step int) (kind string, at int) {
	for skipped := 0; skipped < 4; skipped++ {
		j := i + step
		if j < 0 || j >= len(pieces) {
			return "", 0
		}
		lo, hi := pieces[min(i, j)].to, pieces[max(i, j)].from
		if gap := t.folded.text[lo:hi]; len(gap) > 3 || strings.Trim(gap, " -/.,_'") != "" {
			return "", 0
		}
		p := pieces[j]
		if !p.digits {
			if !dateJoiners[p.w] {
				return "", 0
			}
			i = j
			continue
		}
		switch n := number(p.w); {
		case len(p.w) <= 2 && n >= 1 && n <= 31, len(p.w) == 2:
			return "day", j
		case len(p.w) == 6 && step > 0 && number(p.w[:2]) <= 31 && number(p.w[2:]) >= 1800 && number(p.w[2:]) < 2100:
			return "both", j
		case len(p.w) == 4 && n >= 1800 && n < 2100:
			return "year", j
		}
		return "", 0
	}
	return "", 0
}
