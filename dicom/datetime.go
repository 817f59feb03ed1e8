package dicom

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cineloop/cineloop/dicom/tag"
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
