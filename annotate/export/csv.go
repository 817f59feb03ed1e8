package export

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/annotate"
)

var readingsHeader = []string{"case", "patient", "file", "item", "image", "frame", "to", "reader", "ai", "arm", "session", "choice", "value", "unit", "scale_from", "region",
	"confidence", "cannot_assess", "text", "notes", "seconds", "reading", "method", "derived_from"}

// readingsCSV is one row an answer, in the order in which readings were opened. Numbers are those of record.
func readingsCSV(o io.Writer, r *annotate.Records) error {
	c := csv.NewWriter(o)
	_ = c.Write(readingsHeader) // an error is sticky
	for _, x := range r.Readings {
		of := r.Case(x.Case)
		for _, a := range x.Answers {
			file, image, frame, to := "", "", "", ""
			if a.Image > 0 {
				file, image, frame = of.Images[a.Image-1].File, strconv.Itoa(a.Image), strconv.Itoa(a.Frame)
			}
			if a.To > 0 {
				to = strconv.Itoa(a.To)
			}
			source, region, notes := "", "", []string{}
			for _, res := range a.Results {
				source = res.Source
				if res.Region > 0 {
					region = strconv.Itoa(res.Region)
				}
				notes = append(notes, res.Notes...)
			}
			confidence := ""
			if a.Confidence != nil {
				confidence = strconv.Itoa(*a.Confidence)
			}
			_ = c.Write([]string{x.Case, plain(of.Patient), plain(file), a.Item, image, frame, to, x.Reader, yes(x.AI), x.Arm, strconv.Itoa(x.Session), strings.Join(a.Choice, "|"),
				number(a.Value), a.Unit, source, region, confidence, a.CannotAssess, plain(a.Text), strings.Join(notes, "; "), number(&x.Seconds), x.ID, x.Method,
				strings.Join(x.DerivedFrom, "|")})
		}
	}
	c.Flush()
	return c.Error()
}

func number(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'g', -1, 64)
}

func yes(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// plain keeps a spreadsheet from taking text for a formula.
func plain(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
