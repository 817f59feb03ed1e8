package protocol

import (
	"slices"
	"testing"
)

// TestCheckNamesLines: every fault of a protocol comes with the line where whoever writes it looks.
func TestCheckNamesLines(t *testing.T) {
	for _, c := range []struct {
		name, yaml string
		want       []Finding
	}{
		{"whole", "version: 1\nrevision: 1\ndesign: {kind: panel}\nitems:\n  - {name: a, kind: text}\n", nil},
		{"an unknown key", "version: 1\nrevison: 1\ndesign: {kind: panel}\nitems:\n  - {name: a, kind: text}\n",
			[]Finding{{2, "", `unknown key "revison" (did you mean "revision"?)`}}},
		{"a wrong type", "version: one\nrevision: 1\ndesign: {kind: panel}\nitems:\n  - {name: a, kind: text}\n", []Finding{{Line: 1, Key: "version"}}},
		{"checks", "version: 1\nrevision: 0\ndesign:\n  kind: sequential\nitems:\n  - name: a\n    kind: choice\n  - {name: a, kind: text}\n", []Finding{
			{2, "revision", "the first is 1"},
			{3, "design.ai", "a sequential design needs the member whose readings are shown"},
			{6, "items[0].options", "choices have two or more, others none"},
			{8, "items[1].name", "there is one already"}}},
		{"no YAML", "version: 1\n  revision: [", []Finding{{Line: 2}}},
		{"empty", "", []Finding{{Line: 0, Key: "version"}, {Line: 0, Key: "revision"}, {Line: 0, Key: "design.kind"}, {Line: 0, Key: "items"}}},
	} {
		p, got := Check([]byte(c.yaml))
		if (p == nil) != (len(c.want) > 0) {
			t.Errorf("%s: a protocol %v with findings %v", c.name, p != nil, got)
		}
		if !slices.EqualFunc(got, c.want, func(a, b Finding) bool {
			return a.Line == b.Line && a.Key == b.Key && (b.Text == "" || a.Text == b.Text)
		}) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func FuzzCheck(f *testing.F) {
	f.Add([]byte("version: 1\nrevision: 1\ndesign: {kind: panel}\nitems:\n  - {name: a, kind: text}\n"))
	f.Add([]byte("items: [{name: a, kind: choice}]\n"))
	f.Add([]byte("a: *b"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, faults := Check(b)
		if (p == nil) != (len(faults) > 0) {
			t.Errorf("%d faults, protocol %v", len(faults), p != nil)
		}
		for _, x := range faults {
			if x.Line < 0 || x.Line > len(b)+1 {
				t.Errorf("line %d", x.Line)
			}
		}
	})
}
