package deid

import (
	"strings"
	"time"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/vr"
)

// shiftDA moves a date, or a range of dates, by days into the past. ok is false for what is no date.
func shiftDA(s string, days int) (string, bool) {
	s = strings.TrimSpace(s)
	if from, to, ranged := strings.Cut(s, "-"); ranged {
		a, ok1 := shiftDay(from, days)
		b, ok2 := shiftDay(to, days)
		return a + "-" + b, ok1 && ok2 && (from != "" || to != "")
	}
	if s == "" {
		return "", false
	}
	return shiftDay(s, days)
}

func shiftDay(s string, days int) (string, bool) {
	if s == "" {
		return "", true
	}
	t, err := dicom.ParseDA(s)
	if err != nil {
		return "", false
	}
	return t.AddDate(0, 0, -days).Format("20060102"), true
}

// shiftDT moves a date and time by days into the past: the time of day and the zone stay. Year and month alone can't be moved by
// days; they become the year, or year and month, that their middle falls into.
func shiftDT(s string, days int) (string, bool) {
	s = strings.TrimSpace(s)
	d, err := dicom.ParseDT(s)
	if err != nil {
		return "", false
	}
	switch d.Precision {
	case 1:
		return d.AddDate(0, 6, -days).Format("2006") + s[4:], true
	case 2:
		return d.AddDate(0, 0, 14-days).Format("200601") + s[6:], true
	}
	day := time.Date(d.Year(), d.Month(), d.Day(), 0, 0, 0, 0, time.UTC)
	return day.AddDate(0, 0, -days).Format("20060102") + s[8:], true
}

// shiftValue moves a value of VR DA, DT or TM. Times of day are never moved; they are only checked.
func shiftValue(v vr.VR, s string, days int) (string, bool) {
	switch v {
	case vr.DA:
		return shiftDA(s, days)
	case vr.DT:
		if from, to := dicom.ParseRange(s); from != to {
			a, ok1 := "", true
			if from != "" {
				a, ok1 = shiftDT(from, days)
			}
			b, ok2 := "", true
			if to != "" {
				b, ok2 = shiftDT(to, days)
			}
			return a + "-" + b, ok1 && ok2
		}
		return shiftDT(s, days)
	case vr.TM:
		from, to, ranged := strings.Cut(strings.TrimSpace(s), "-")
		for _, p := range []string{from, to} {
			if p == "" && (ranged || p == to) {
				continue
			}
			if _, err := dicom.ParseTM(p); err != nil {
				return "", false
			}
		}
		return strings.TrimSpace(s), true
	}
	return "", false
}

// capAge is an age string with ages above years as that many and one; ok is false for what is no age.
func capAge(s string, years int) (string, bool) {
	s = strings.TrimSpace(s)
	if len(s) != 4 || s[0] < '0' || s[0] > '9' || s[1] < '0' || s[1] > '9' || s[2] < '0' || s[2] > '9' || !strings.ContainsRune("DWMY", rune(s[3])) {
		return "", false
	}
	n := int(s[0]-'0')*100 + int(s[1]-'0')*10 + int(s[2]-'0')
	inYears := n
	switch s[3] {
	case 'D':
		inYears = n / 365
	case 'W':
		inYears = n / 52
	case 'M':
		inYears = n / 12
	}
	if years > 0 && inYears > years {
		return formatAge(years + 1), true
	}
	return s, true
}

func formatAge(years int) string {
	return string([]byte{'0' + byte(years/100%10), '0' + byte(years/10%10), '0' + byte(years%10), 'Y'})
}

// ageAt is the age in whole years between two dates.
func ageAt(birth, at time.Time) int {
	y := at.Year() - birth.Year()
	if at.Month() < birth.Month() || at.Month() == birth.Month() && at.Day() < birth.Day() {
		y--
	}
	return y
}
