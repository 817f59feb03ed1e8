package strictyaml

import "testing"

func TestLineOf(t *testing.T) {
	doc := []byte("version: 1\ndesign: {kind: x}\nitems:\n  - name: a\n    kind: b\n  - {name: c,\n     kind: d}\n")
	for _, c := range []struct {
		path []string
		want int
	}{
		{[]string{"version"}, 1},
		{[]string{"design", "kind"}, 2},
		{[]string{"items"}, 3},
		{[]string{"items", "0", "kind"}, 5},
		{[]string{"items", "1"}, 6},
		{[]string{"items", "1", "kind"}, 7},
		{[]string{"items", "1", "shape"}, 6}, // not there: the item's
		{[]string{"items", "7", "kind"}, 3},
		{[]string{"nothing"}, 0},
		{nil, 0},
	} {
		if got := LineOf(doc, c.path...); got != c.want {
			t.Errorf("%v: line %d, want %d", c.path, got, c.want)
		}
	}
	for _, bad := range []string{"", "a: [", "\x00", "- &a [*a]"} {
		if got := LineOf([]byte(bad), "a"); got != 0 {
			t.Errorf("%q: line %d", bad, got)
		}
	}
}
