package dicom

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
)

// DateTime is a moment as far as a DT, DA or TM value gives it.
type DateTime struct {
	time.Time
	Precision int  // components given: 1 year, 2 month, 3 day, 4 hour, 5 minute, 6 second, 7 fraction
	Zoned     bool // the value names its offset from UTC; else the time is in UTC for want of better
}

var errDateTime = errors.New("not a date and time")

// ParseDT reads YYYY[MM[DD[HH[MM[SS[.F]]]]]][±ZZXX] (VR DT). What isn't given is 1 January, midnight.
func ParseDT(s string) (DateTime, error) {
	s = strings.TrimRight(s, " \x00")
	zone := time.UTC
	out := DateTime{}
	if i := strings.LastIndexAny(s, "+-"); i >= 4 {
		z := s[i:]
		if len(z) != 5 || !digits(z[1:]) {
			return out, errDateTime
		}
		h, _ := strconv.Atoi(z[1:3])
		m, _ := strconv.Atoi(z[3:])
		if h > 14 || m > 59 {
			return out, errDateTime
		}
		off := h*3600 + m*60
		if z[0] == '-' {
			off = -off
		}
		zone, out.Zoned, s = time.FixedZone("", off), true, s[:i]
	}
	whole, frac, dot := strings.Cut(s, ".")
	if !digits(whole) || len(whole) < 4 || len(whole) > 14 || len(whole)%2 != 0 || dot && (len(whole) != 14 || len(frac) > 6 || !digits(frac)) {
		return out, errDateTime
	}
	part := [6]int{1, 1, 1, 0, 0, 0}
	part[0], _ = strconv.Atoi(whole[:4])
	out.Precision = 1
	for i := 4; i < len(whole); i += 2 {
		part[out.Precision], _ = strconv.Atoi(whole[i : i+2])
		out.Precision++
	}
	nano := 0
	if dot {
		nano, _ = strconv.Atoi((frac + "000000000")[:9])
		out.Precision = 7
	}
	if part[3] > 23 || part[4] > 59 || part[5] > 60 {
		return out, errDateTime
	}
	out.Time = time.Date(part[0], time.Month(part[1]), part[2], part[3], part[4], part[5], nano, zone)
	if part[1] < 1 || part[1] > 12 || part[2] < 1 || out.Day() != part[2] && part[5] < 60 {
		return out, errDateTime
	}
	return out, nil
}

// ParseDA reads YYYYMMDD, and YYYY.MM.DD of ACR-NEMA.
func ParseDA(s string) (time.Time, error) {
	s = strings.TrimSpace(s)
	if len(s) == 10 && s[4] == '.' && s[7] == '.' {
		s = s[:4] + s[5:7] + s[8:]
	}
	t, err := time.Parse("20060102", s)
	if err != nil {
		return t, errors.New("not a date")
	}
	return t, nil
}

// ParseTM reads HH[MM[SS[.F]]], and HH:MM:SS of ACR-NEMA, as the time since midnight.
func ParseTM(s string) (time.Duration, error) {
	s = strings.ReplaceAll(strings.TrimSpace(s), ":", "")
	if !validTime(s) {
		return 0, errors.New("not a time of day")
	}
	whole, frac, _ := strings.Cut(s, ".")
	var d time.Duration
	for i, unit := range []time.Duration{time.Hour, time.Minute, time.Second} {
		if 2*i < len(whole) {
			n, _ := strconv.Atoi(whole[2*i : 2*i+2])
			d += time.Duration(n) * unit
		}
	}
	if frac != "" {
		n, _ := strconv.Atoi((frac + "000000000")[:9])
		d += time.Duration(n)
	}
	return d, nil
}

// ParseRange splits a query's range of dates or times, "A-B", "A-" or "-B"; a single value is a range of one. A minus that begins a DT's
// zone is no range.
func ParseRange(s string) (from, to string) {
	for i := 0; i < len(s); i++ {
		if s[i] != '-' {
			continue
		}
		rest := s[i+1:]
		if len(rest) == 4 && digits(rest) && i >= 8 || len(rest) >= 5 && rest[4] == '-' && digits(rest[:4]) && i >= 8 {
			continue // ±ZZXX at the end, or before the range's own minus
		}
		return s[:i], rest
	}
	return s, s
}

// isRange reports whether s is a query's range of dates, times or both (PS3.4 C.2.2.2.5) of values of VR v.
func isRange(v vr.VR, s string) bool {
	from, to := ParseRange(s)
	if from == s {
		return false
	}
	for _, part := range []string{from, to} {
		if part != "" && checkForm(v, part) != nil {
			return false
		}
	}
	return from != "" || to != ""
}

// Interval is a stretch of time from From up to but not including To; a zero time is open.
type Interval struct{ From, To time.Time }

// Contains reports whether at lies in the interval.
func (i Interval) Contains(at time.Time) bool {
	return (i.From.IsZero() || !at.Before(i.From)) && (i.To.IsZero() || at.Before(i.To))
}

// ParseInterval is what a value of VR DA, TM or DT covers, or a range of them as queries have it: "2026" is the whole year as DT, "20261123" a day, "10-1215" of TM from ten to
// the end of 12:15. Both ends belong to a range, as far as they are precise. Times of day are counted from midnight of 1 January of year 1, UTC; a DT without a zone, and
// a DA, is in zone, or in UTC if that is nil.
func ParseInterval(v vr.VR, s string, zone *time.Location) (Interval, error) {
	if zone == nil {
		zone = time.UTC
	}
	s = strings.TrimSpace(s)
	from, to := s, s
	if v != vr.DT || !zoned(s) { // 1993+0100 or 1993-0500 is one moment
		from, to = ParseRange(s)
	}
	var out Interval
	if from == "" && to == "" {
		return out, errDateTime
	}
	for i, part := range []string{from, to} {
		if part == "" {
			continue
		}
		begin, end, err := covered(v, part, zone)
		switch {
		case err != nil:
			return Interval{}, err
		case i == 0:
			out.From = begin
		default:
			out.To = end
		}
	}
	if !out.From.IsZero() && !out.To.IsZero() && !out.From.Before(out.To) {
		return Interval{}, errors.New("a range that ends before it begins")
	}
	return out, nil
}

// zoned reports whether s is one DT with a zone.
func zoned(s string) bool {
	d, err := ParseDT(s)
	return err == nil && d.Zoned
}

// covered is the time from the beginning of a value to its end.
func covered(v vr.VR, s string, zone *time.Location) (begin, end time.Time, err error) {
	switch v {
	case vr.DA:
		d, err := ParseDA(s)
		if err != nil {
			return begin, end, err
		}
		begin = time.Date(d.Year(), d.Month(), d.Day(), 0, 0, 0, 0, zone)
		return begin, begin.AddDate(0, 0, 1), nil
	case vr.TM:
		d, err := ParseTM(s)
		if err != nil {
			return begin, end, err
		}
		begin = time.Time{}.Add(d)
		whole, frac, _ := strings.Cut(strings.ReplaceAll(strings.TrimSpace(s), ":", ""), ".")
		return begin, begin.Add(unit(len(whole), len(frac))), nil
	case vr.DT:
		d, err := ParseDT(s)
		if err != nil {
			return begin, end, err
		}
		begin = d.Time
		if !d.Zoned {
			begin = time.Date(d.Year(), d.Month(), d.Day(), d.Hour(), d.Minute(), d.Second(), d.Nanosecond(), zone)
		}
		switch d.Precision {
		case 1:
			return begin, begin.AddDate(1, 0, 0), nil
		case 2:
			return begin, begin.AddDate(0, 1, 0), nil
		case 3:
			return begin, begin.AddDate(0, 0, 1), nil
		}
		_, frac, _ := strings.Cut(s, ".")
		frac, _, _ = strings.Cut(strings.NewReplacer("+", "-").Replace(frac), "-")
		return begin, begin.Add(unit(2*(d.Precision-3), len(frac))), nil
	}
	return begin, end, fmt.Errorf("VR %v is no date or time", v)
}

// unit is the time that a clock of so many digits, before and behind the point, tells apart.
func unit(whole, frac int) time.Duration {
	switch {
	case frac > 0:
		d := time.Second
		for range frac {
			d /= 10
		}
		return d
	case whole <= 2:
		return time.Hour
	case whole <= 4:
		return time.Minute
	}
	return time.Second
}

// SetDate sets t, of VR DA, to the day of at.
func (ds *DataSet) SetDate(t tag.Tag, at time.Time) { ds.SetText(t, vr.DA, at.Format("20060102")) }

// SetClock sets t, of VR TM, to the time of day of at, with microseconds if it has some.
func (ds *DataSet) SetClock(t tag.Tag, at time.Time) {
	ds.SetText(t, vr.TM, at.Format("150405")+fraction(at))
}

// SetDateTime sets t, of VR DT, to at with its offset from UTC, and with microseconds if it has some.
func (ds *DataSet) SetDateTime(t tag.Tag, at time.Time) {
	ds.SetText(t, vr.DT, at.Format("20060102150405")+fraction(at)+at.Format("-0700"))
}

func fraction(at time.Time) string {
	if us := at.Nanosecond() / 1000; us != 0 {
		return fmt.Sprintf(".%06d", us)
	}
	return ""
}

// Moment joins a date and a time attribute and the data set's zone, Timezone Offset From UTC (0008,0201).
func (ds *DataSet) Moment(date, clock tag.Tag) (DateTime, error) {
	d, err := ParseDA(ds.String(date))
	if err != nil {
		return DateTime{}, fmt.Errorf("%v: %w", date, err)
	}
	out := DateTime{Time: d, Precision: 3}
	if s := ds.String(clock); s != "" {
		t, err := ParseTM(s)
		if err != nil {
			return out, fmt.Errorf("%v: %w", clock, err)
		}
		out.Time, out.Precision = d.Add(t), 6
	}
	if z := ds.String(tag.TimezoneOffsetFromUTC); len(z) == 5 {
		if at, err := ParseDT(out.Format("20060102150405") + z); err == nil {
			out.Time, out.Zoned = at.Add(time.Duration(out.Nanosecond())), true
		}
	}
	return out, nil
}
