package uid

import (
	"sort"
	"strings"
	"testing"
)

func TestRegistry(t *testing.T) {
	if !sort.SliceIsSorted(registry[:], func(i, j int) bool { return registry[i].UID < registry[j].UID }) {
		t.Fatal("not sorted")
	}
	for _, in := range registry {
		if got, ok := Lookup(in.UID); !ok || got != in {
			t.Fatalf("%s: %+v", in.UID, got)
		}
		if !Valid(in.UID) {
			t.Errorf("%s is not valid", in.UID)
		}
	}
	if in, ok := Lookup(ExplicitVRBigEndian); !ok || !in.Retired || in.Type != "Transfer Syntax" || Name(JPEGLSLossless) == JPEGLSLossless {
		t.Errorf("%+v %v", in, ok)
	}
	if Name("1.2.3") != "1.2.3" {
		t.Error("an unknown UID's name is itself")
	}
}

func TestNewAndDerive(t *testing.T) {
	a, b := New(), New()
	if a == b || !Valid(a) || !strings.HasPrefix(a, "2.25.") {
		t.Errorf("%s %s", a, b)
	}
	if d := Derive("study", "1"); d != Derive("study", "1") || d == Derive("study", "2") || d == Derive("study1") || !Valid(d) {
		t.Errorf("%s", d)
	}
	// Worked by hand: a UUID of zeros with version 8 and the variant's bits is 0x00000000_0000_8000_8000_000000000000.
	if got, want := from([16]byte{}), "2.25.604472133179351442128896"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestValid(t *testing.T) {
	for s, want := range map[string]bool{
		"1.2.3": true, "0.1": true, "1.02": false, "": false, "1..2": false, ".1": false, "1.": false, "1.2a": false, "1.2 ": false,
		strings.Repeat("1.", 31) + "12": true, strings.Repeat("1.", 32) + "1": false, "../etc/passwd": false,
	} {
		if Valid(s) != want {
			t.Errorf("Valid(%q) = %v", s, !want)
		}
	}
}
