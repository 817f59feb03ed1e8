package batch

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
)

// Names in many character sets, declared and undeclared, right and wrong: written in other attributes in the same set, in other sets, and as they are spelled
// without accents. None of it may be found in the bytes of the output.
func TestNamesInEveryCharacterSet(t *testing.T) {
	cases := []struct {
		declared []string
		name     string
		spelled  []string
	}{
		{[]string{"ISO_IR 100"}, "M\xfcller^J\xf6rg", []string{"M\xfcller", "Müller", "Mueller", "MULLER", "J\xf6rg"}},
		{[]string{"ISO_IR 144"}, "\xbb\xee\xda\xe1\xe3\xd1\xe0\xd3", nil},
		{[]string{"", "ISO 2022 IR 87"}, "Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B", []string{"Yamada", "Tarou", "\x1b$B;3ED\x1b(B"}},
		{[]string{"GB18030"}, "Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab", []string{"XiaoDong", "\xd0\xa1\xb6\xab"}},
		{[]string{"ISO_IR 192"}, "Łukasiewicz^Żaneta", []string{"Łukasiewicz", "Lukasiewicz", "ŻANETA", "zaneta"}},
		{nil, "Bj\xf8rnsen^\xc5se", []string{"Bj\xf8rnsen", "\xc5se", "bjornsen", "Bjoernsen"}},
		{[]string{"ISO_IR 126"}, "\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", []string{"Dionysios"}},
	}
	dir := t.TempDir()
	n := 0
	for i, c := range cases {
		for _, where := range []tag.Tag{tag.SeriesDescription, tag.ImageComments, tag.Manufacturer, 0x00100218, 0x00400280, tag.StationName} {
			for _, w := range append(c.spelled, c.name) {
				n++
				ds := ct(fmt.Sprint("P", i), fmt.Sprint(n))
				if c.declared != nil {
					ds.SetText(tag.SpecificCharacterSet, vr.CS, c.declared...)
				}
				ds.SetBytes(tag.PatientName, vr.PN, []byte(c.name))
				ds.SetBytes(where, where.VR(), []byte("CT of "+w+" chest"))
				put(t, filepath.Join(dir, "in", fmt.Sprint(n)), ds, "")
			}
		}
	}
	out := filepath.Join(dir, "out")
	s, err := Run(context.Background(), Options{In: filepath.Join(dir, "in"), Out: out, Profile: profile(t, "research"), Key: testKey, Workers: 2})
	if err != nil || s.Written != n {
		t.Fatalf("%v: %d of %d written: %v", err, s.Written, n, s.Reasons)
	}
	for name, text := range contents(t, out) {
		low := asciiLower(text)
		for _, c := range cases {
			for _, w := range append(c.spelled, c.name) {
				for part := range strings.FieldsFuncSeq(w, func(r rune) bool { return r == '^' || r == '=' }) {
					if len(part) > 2 && bytes.Contains(low, asciiLower(part)) {
						t.Errorf("%s has %q", name, part)
					}
				}
			}
		}
	}
}

// asciiLower leaves bytes that are no UTF-8 as they are, which bytes.ToLower does not.
func asciiLower(s string) []byte {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return b
}
