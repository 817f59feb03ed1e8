package catalog

import (
	"fmt"
	"strings"

	"github.com/cineloop/cineloop/dicom/match"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
)

// Match is a condition on one attribute (PS3.4 C.2.2.2). Exactly one of its forms is set.
type Match struct {
	Keyword  string
	OneOf    []string // equals one of these (single value and UID list matching)
	Wildcard string   // * is any text, ? any character
	From, To string   // range, both ends included; an empty end is open
	Fold     bool     // case doesn't count (for OneOf and Wildcard)
	Fuzzy    string   // person names: every word begins some word of the name, whatever the case and accents
}

// ParseMatch reads the value of a query key as C-FIND and QIDO-RS write it: a list with backslashes, a range with a hyphen for
// dates and times, a wildcard. An empty value (and *) matches everything: ok is false then, and there is nothing to ask.
func ParseMatch(keyword, value string) (m Match, ok bool) {
	v := vr.LO
	if t, known := tag.ByKeyword(keyword); known {
		v = t.VR()
	}
	return MatchOf(keyword, match.Parse(v, value))
}

// MatchOf is a key of a query as a condition; ok is false where there is nothing to ask.
func MatchOf(keyword string, k match.Key) (m Match, ok bool) {
	m.Keyword = keyword
	switch k.Kind {
	case match.Single, match.List:
		m.OneOf = k.Values
	case match.Wildcard:
		m.Wildcard = k.Values[0]
	case match.Range:
		m.From, m.To = k.Values[0], k.Values[1]
	default:
		return m, false
	}
	return m, true
}

// columns are the attributes with a column of their own; others are looked up in the record's JSON.
var columns = map[string]string{
	"PatientID": "s.patient_id", "PatientName": "s.name_key", "PatientBirthDate": "s.birth_date", "PatientSex": "s.sex",
	"StudyInstanceUID": "s.study_uid", "StudyDate": "s.study_date", "StudyTime": "s.study_time", "AccessionNumber": "s.accession_number",
	"SeriesInstanceUID": "e.series_uid", "Modality": "e.modality", "ModalitiesInStudy": "e.modality",
	"SOPInstanceUID": "i.sop_instance_uid", "SOPClassUID": "i.sop_class_uid", "SOPClassesInStudy": "i.sop_class_uid",
	"TransferSyntaxUID": "i.transfer_syntax_uid", "AvailableTransferSyntaxUID": "i.transfer_syntax_uid",
}

// Columnar says whether an attribute has a column of its own, so that queries find by it whatever else a record keeps.
func Columnar(keyword string) bool { _, ok := columns[keyword]; return ok }

// place is the expression for an attribute and the level whose table it lives in.
func place(keyword string) (expr string, level Level) {
	if c, ok := columns[keyword]; ok {
		return c, map[byte]Level{'s': Study, 'e': Series, 'i': Image}[c[0]]
	}
	level = max(LevelOf(keyword), Study)
	table := map[Level]string{Study: "s", Series: "e", Image: "i"}[level]
	return fmt.Sprintf("COALESCE(%s.attrs ->> '%s', '')", table, strings.ReplaceAll(keyword, "'", "")), level
}

// condition is the SQL of a match, without the quantifier over lower levels.
func (m Match) condition(expr string) (string, []any) {
	name := m.Keyword == "PatientName"
	key := func(s string) string {
		switch {
		case name:
			return nameKey(s)
		case m.Fold:
			return strings.ToUpper(s)
		}
		return s
	}
	if m.Fold && !name {
		expr = "UPPER(" + expr + ")"
	}
	switch {
	case m.Fuzzy != "":
		var parts []string
		var args []any
		for w := range strings.FieldsFuncSeq(nameKey(m.Fuzzy), func(r rune) bool { return strings.ContainsRune("^= ,", r) }) {
			// a word begins at the start or after one of the separators of a name
			var any []string
			for _, before := range []string{"", "%^", "% ", "%="} {
				any = append(any, expr+` LIKE ? ESCAPE '\'`)
				args = append(args, before+escapeLike(w)+"%")
			}
			parts = append(parts, "("+strings.Join(any, " OR ")+")")
		}
		if len(parts) == 0 {
			return "1 = 1", nil
		}
		return strings.Join(parts, " AND "), args
	case m.Wildcard != "":
		p := strings.NewReplacer("*", "%", "?", "_").Replace(escapeLike(key(m.Wildcard)))
		return expr + ` LIKE ? ESCAPE '\'`, []any{p}
	case m.From != "" || m.To != "":
		// an upper end given to the day (or minute) includes what is finer: 10:30 includes 10:30:59
		c, args := expr+" <> ''", []any(nil)
		if m.From != "" {
			c, args = c+" AND "+expr+" >= ?", append(args, m.From)
		}
		if m.To != "" {
			c, args = c+" AND "+expr+" <= ?", append(args, m.To+"~")
		}
		return c, args
	}
	var args []any
	for _, v := range m.OneOf {
		args = append(args, key(v))
	}
	if len(args) == 0 {
		return "1 = 1", nil
	}
	return expr + " IN (" + strings.TrimSuffix(strings.Repeat("?, ", len(args)), ", ") + ")", args
}

var likeEscapes = strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`)

func escapeLike(s string) string { return likeEscapes.Replace(s) }

// Searchable says whether a query may ask for an attribute by this keyword. Those that instances have beyond what the catalog keeps find
// nothing; a word that could be none is refused.
func Searchable(keyword string) bool {
	if keyword == "" || keyword[0] < 'A' || keyword[0] > 'Z' {
		return false
	}
	for _, c := range keyword {
		if (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}
