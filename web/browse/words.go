package browse

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cineloop/cineloop/dicom"
)

// nameOf shows a person name (PS3.5 section 6.2) as people write it: "Doe, Jane"; another script's form follows in brackets.
func nameOf(pn string) string {
	var out []string
	for i, group := range strings.SplitN(pn, "=", 3) {
		if i == 2 {
			break // phonetic
		}
		c := strings.Split(group, "^")
		for len(c) < 5 {
			c = append(c, "")
		}
		for k := range c {
			c[k] = strings.TrimSpace(c[k])
		}
		given := strings.Join(strings.Fields(c[3]+" "+c[1]+" "+c[2]+" "+c[4]), " ")
		switch {
		case c[0] == "" && given == "":
		case given == "":
			out = append(out, c[0])
		case c[0] == "":
			out = append(out, given)
		case i == 0:
			out = append(out, c[0]+", "+given)
		default:
			out = append(out, c[0]+" "+given)
		}
	}
	switch len(out) {
	case 0:
		return ""
	case 1:
		return out[0]
	}
	return out[0] + " (" + out[1] + ")"
}

// dateOf shows a DA value.
func dateOf(da string) string {
	t, err := dicom.ParseDA(strings.TrimSpace(da))
	if err != nil {
		return ""
	}
	return t.Format("2006-01-02")
}

// clockOf shows hours and minutes of a TM value.
func clockOf(tm string) string {
	d, err := dicom.ParseTM(strings.TrimSpace(tm))
	if err != nil || tm == "" {
		return ""
	}
	return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60)
}

// ageOf is the age in years, months or days at a date.
func ageOf(birth, at string) string {
	b, err1 := dicom.ParseDA(strings.TrimSpace(birth))
	t, err2 := dicom.ParseDA(strings.TrimSpace(at))
	if err1 != nil || err2 != nil || t.Before(b) {
		return ""
	}
	months := (t.Year()-b.Year())*12 + int(t.Month()) - int(b.Month())
	if t.Day() < b.Day() {
		months--
	}
	switch {
	case months >= 24:
		return strconv.Itoa(months/12) + " y"
	case months >= 1:
		return strconv.Itoa(months) + " m"
	}
	return strconv.Itoa(int(t.Sub(b)/(24*time.Hour))) + " d"
}

var sexes = map[string]string{"F": "female", "M": "male", "O": "other"}

// plural is "1 image", "2 images".
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if one == "series" {
		return s + " series"
	}
	return s + " " + one + "s"
}
