package deid

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
)

// icc is a profile of the tags given, laid out as ISO 15076-1 has it: 128 bytes of header, the count, rows of signature, place and length, then the data.
func icc(tags ...[]byte) []byte {
	be := binary.BigEndian.AppendUint32
	at := 132 + 12*len(tags)
	b := bytes.Repeat([]byte("J.Roe"), 30)[:128] // whatever the header can hold
	copy(b[36:], "acsp")
	b = be(b, uint32(len(tags)))
	for _, t := range tags {
		b = be(be(append(b, "sig1"...), uint32(at)), uint32(len(t)))
		at += len(t)
	}
	for _, t := range tags {
		b = append(b, t...)
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)))
	return b
}

// Curves and matrices stay byte for byte; text, descriptions, dates, unknown tags and what stands behind the profile go; every place stays where it was.
func TestICCProfiles(t *testing.T) {
	curve, matrix := []byte("curv\x00\x00\x00\x00\x00\x00\x00\x01\x01\x80"), []byte("XYZ \x00\x00\x00\x00ABCDEFGHIJKL")
	text := []byte("text\x00\x00\x00\x00for Jane Roe\x00")
	desc := []byte("desc\x00\x00\x00\x00\x00\x00\x00\x09Jane Roe\x00")
	mluc := []byte("mluc\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x0cenUSJ\x00a\x00n\x00e\x00")
	date := []byte("dtim\x00\x00\x00\x00\x07\xe4\x00\x03\x00\x0a\x00\x00\x00\x00\x00\x00")
	other := []byte("ACMEpatient Jane Roe")
	in := icc(curve, text, desc, matrix, mluc, date, other)
	got, err := cleanICC(append(slices.Clone(in), "Jane Roe, behind"...))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(in) || !bytes.Equal(got[:24], in[:24]) || string(got[36:40]) != "acsp" || !bytes.Equal(got[128:132+12*7], in[128:132+12*7]) {
		t.Error("another size, or the header or the table differ")
	}
	for _, zero := range [][2]int{{24, 36}, {48, 56}, {80, 128}} {
		if !bytes.Equal(got[zero[0]:zero[1]], make([]byte, zero[1]-zero[0])) {
			t.Errorf("bytes %d to %d of the header stay: %q", zero[0], zero[1], got[zero[0]:zero[1]])
		}
	}
	want := map[string]string{
		string(curve): string(curve), string(matrix): string(matrix),
		string(text):  "text\x00\x00\x00\x00------------\x00",
		string(desc):  "desc\x00\x00\x00\x00\x00\x00\x00\x01" + string(make([]byte, 9)),
		string(mluc):  "mluc\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0c" + string(make([]byte, len(mluc)-16)),
		string(date):  "dtim\x00\x00\x00\x00" + string(make([]byte, 12)),
		string(other): "ACME" + string(make([]byte, len(other)-4)),
	}
	at := 132 + 12*7
	for _, tag := range [][]byte{curve, text, desc, matrix, mluc, date, other} {
		if is := string(got[at : at+len(tag)]); is != want[string(tag)] {
			t.Errorf("%q became %q, want %q", tag, is, want[string(tag)])
		}
		at += len(tag)
	}
	for _, no := range []string{"Jane", "J\x00a\x00n", "Roe"} {
		if bytes.Contains(got[80:], []byte(no)) {
			t.Errorf("%q is still there", no)
		}
	}
	again, err := cleanICC(got)
	if err != nil || !bytes.Equal(again, got) {
		t.Errorf("a second time it changes: %v", err)
	}
}

// What does not hold together is no profile: the whole value goes then.
func TestICCProfilesThatAreNone(t *testing.T) {
	good := icc([]byte("curv\x00\x00\x00\x00\x00\x00\x00\x00"))
	if _, err := cleanICC(good); err != nil {
		t.Fatal(err)
	}
	set := func(at int, v uint32) []byte {
		b := slices.Clone(good)
		binary.BigEndian.PutUint32(b[at:], v)
		return b
	}
	for what, b := range map[string][]byte{
		"empty": nil, "short": good[:131], "cut off": good[:len(good)-1], "another magic": set(36, 0), "larger than it is": set(0, 1<<31), "smaller than its header": set(0, 100), "many tags": set(128, 1001),
		"a count beyond the end": set(128, 3), "a tag in the table": set(136, 10), "a tag behind the end": set(136, uint32(len(good))), "a tag over the end": set(140, 13), "a tag of nothing": set(140, 7), "a place that overflows": set(136, 0xFFFFFFFF),
	} {
		if _, err := cleanICC(b); err == nil {
			t.Errorf("%s passes", what)
		}
	}
}

func FuzzICC(f *testing.F) {
	f.Add(icc([]byte("text\x00\x00\x00\x00x\x00"), []byte("mluc\x00\x00\x00\x00")))
	f.Add([]byte("acsp"))
	f.Fuzz(func(t *testing.T, b []byte) {
		before := slices.Clone(b)
		got, err := cleanICC(b)
		if !bytes.Equal(b, before) {
			t.Fatal("the input was changed")
		}
		if err == nil && len(got) > len(b) {
			t.Fatalf("%d bytes of %d", len(got), len(b))
		}
	})
}
