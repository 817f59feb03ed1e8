package web

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/uid"
)

func TestParseAccept(t *testing.T) {
	dcm := func(syntax string, q float64) mediaType {
		return mediaType{Type: typeDICOM, Syntax: syntax, Related: true, Q: q}
	}
	for header, want := range map[string][]mediaType{
		"":    nil,
		"*/*": {{Type: "*/*", Q: 1}},
		`multipart/related; type="application/dicom"`:                                         {dcm("", 1)},
		`multipart/related; type=application/dicom; transfer-syntax=*`:                        {dcm("*", 1)}, // without quotes, as many send it
		`Multipart/Related;TYPE="Application/DICOM";Transfer-Syntax="1.2.840.10008.1.2.4.80"`: {dcm("1.2.840.10008.1.2.4.80", 1)},
		`multipart/related; type="application/dicom"; q=0.5, application/dicom+json`:          {{Type: typeJSON, Q: 1}, dcm("", 0.5)},
		`application/dicom;q=0`:                  nil,
		`image/png, image/jpeg;q=0.9, */*;q=0.1`: {{Type: typePNG, Q: 1}, {Type: typeJPEG, Q: 0.9}, {Type: "*/*", Q: 0.1}},
		`multipart/related`:                      {{Type: "*/*", Related: true, Q: 1}},
		`text/html;q=two, image/gif`:             {{Type: typeGIF, Q: 1}},
		`"a,b", image/gif`:                       {{Type: typeGIF, Q: 1}},
		` , ,`:                                   nil,
		`multipart/related; type="image/jls"; transfer-syntax=1.2.840.10008.1.2.4.80;boundary="x,y;z", image/png`: {{Type: "image/jls", Syntax: uid.JPEGLSLossless, Related: true, Q: 1}, {Type: typePNG, Q: 1}},
	} {
		if d := cmp.Diff(want, parseAccept(header)); d != "" {
			t.Errorf("%q:\n%s", header, d)
		}
	}
	if n := len(parseAccept(strings.Repeat("image/png,", 10_000))); n != maxAccepts {
		t.Errorf("%d elements of an endless header", n)
	}
}

func TestPick(t *testing.T) {
	for _, c := range []struct {
		accept string
		stored dicom.TransferSyntax
		want   dicom.TransferSyntax
		ok     bool
	}{
		{`multipart/related; type="application/dicom"`, uid.ExplicitVRLittleEndian, uid.ExplicitVRLittleEndian, true},
		{`multipart/related; type="application/dicom"`, uid.RLELossless, uid.ExplicitVRLittleEndian, true},
		{`multipart/related; type="application/dicom"`, uid.MPEG4HP41, uid.MPEG4HP41, true}, // can't be converted: as it is, and it says so
		{`multipart/related; type="application/dicom"; transfer-syntax=*`, uid.RLELossless, uid.RLELossless, true},
		{`multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.80`, uid.RLELossless, uid.JPEGLSLossless, true},
		{`multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.80`, uid.MPEG4HP41, "", false},
		{`multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.91`, uid.ExplicitVRLittleEndian, "", false}, // not written here
		{`multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.91, multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.5`,
			uid.ExplicitVRLittleEndian, uid.RLELossless, true},
		{`multipart/related; type="application/dicom"; transfer-syntax=9.9`, uid.ExplicitVRLittleEndian, "", false},
		{"*/*", uid.RLELossless, uid.ExplicitVRLittleEndian, true},
	} {
		got, ok := want(parseAccept(c.accept), typeDICOM, true).pick(c.stored)
		if ok != c.ok || ok && got != c.want {
			t.Errorf("%s of %s: %s %t", c.accept, c.stored, got, ok)
		}
	}
}

func TestFormOf(t *testing.T) {
	for _, c := range []struct {
		accept string
		stored dicom.TransferSyntax
		want   form
	}{
		{"", uid.ImplicitVRLittleEndian, form{kind: typeBytes, syntax: uid.ExplicitVRLittleEndian, decode: true, related: true}},
		{"", uid.JPEGBaseline8Bit, form{kind: typeBytes, syntax: uid.ExplicitVRLittleEndian, decode: true, related: true}},
		{"*/*", uid.JPEGBaseline8Bit, form{kind: typeJPEG, syntax: uid.JPEGBaseline8Bit, related: true}},
		{`multipart/related; type="application/octet-stream"; transfer-syntax=*`, uid.JPEGLSLossless, form{kind: typeBytes, syntax: uid.JPEGLSLossless, related: true}},
		{`multipart/related; type="image/jpeg"`, uid.JPEGBaseline8Bit, form{kind: typeJPEG, syntax: uid.JPEGBaseline8Bit, related: true}},
		{`multipart/related; type="image/jls"`, uid.ExplicitVRLittleEndian, form{kind: "image/jls", syntax: uid.JPEGLSLossless, encode: true, related: true}},
		{`multipart/related; type="image/dicom-rle"; transfer-syntax=1.2.840.10008.1.2.5`, uid.JPEGLSLossless, form{kind: "image/dicom-rle", syntax: uid.RLELossless, encode: true, related: true}},
		{`application/octet-stream`, uid.RLELossless, form{kind: typeBytes, syntax: uid.ExplicitVRLittleEndian, decode: true}},
		{`multipart/related; type="video/mp4"`, uid.MPEG4HP41, form{kind: "video/mp4", syntax: uid.MPEG4HP41, related: true}},
		{`multipart/related; type="image/jphc", multipart/related; type="application/octet-stream"`, uid.ExplicitVRLittleEndian,
			form{kind: typeBytes, syntax: uid.ExplicitVRLittleEndian, decode: true, related: true}},
	} {
		got, err := formOf(parseAccept(c.accept), c.stored)
		if err != nil || got != c.want {
			t.Errorf("%q of %s: %+v, %v", c.accept, c.stored, got, err)
		}
	}
	for accept, stored := range map[string]dicom.TransferSyntax{
		`multipart/related; type="image/jphc"`:                             uid.ExplicitVRLittleEndian,
		`multipart/related; type="image/jpeg"`:                             uid.MPEG4HP41,
		`text/html`:                                                        uid.ExplicitVRLittleEndian,
		`multipart/related; type="video/mp4"`:                              uid.JPEGBaseline8Bit,
		`application/octet-stream;transfer-syntax=1.2.840.10008.1.2.4.102`: uid.JPEGBaseline8Bit,
	} {
		if f, err := formOf(parseAccept(accept), stored); statusOf(err) != 406 {
			t.Errorf("%s of %s: %+v, %v", accept, stored, f, err)
		}
	}
}

func TestParseFrames(t *testing.T) {
	got, err := parseFrames("1,3,2")
	if err != nil || !cmp.Equal(got, []int{0, 2, 1}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "0", "1,", "-1", "1-3", "x", "1,,2", "99999999999", strings.Repeat("1,", maxFrames) + "1"} {
		if _, err := parseFrames(bad); statusOf(err) != 400 {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
}

func FuzzAccept(f *testing.F) {
	for _, s := range []string{"*/*", `multipart/related; type="application/dicom"; transfer-syntax=*;q=0.1, image/png`, `a/b;c="\",d"`, ";,=\"", "multipart/related;type=image/jls"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		list := parseAccept(s)
		if len(list) > maxAccepts {
			t.Errorf("%d elements", len(list))
		}
		for i, m := range list {
			if !(m.Q > 0 && m.Q <= 1) || i > 0 && m.Q > list[i-1].Q {
				t.Errorf("order or q: %+v", list)
			}
		}
		for _, stored := range []dicom.TransferSyntax{uid.ExplicitVRLittleEndian, uid.JPEGBaseline8Bit, uid.MPEG4HP41, "9.9"} {
			if form, err := formOf(list, stored); err == nil && (form.kind == "" || strings.Contains(form.kind, "*")) {
				t.Errorf("%q: %+v", s, form)
			}
			want(list, typeDICOM, true).pick(stored)
		}
	})
}
