package audit

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/testdata"
)

// Every key of audit.json and frontier.json, and every metric and gap, stands in docs/reference/audit.md.
func TestKeysAreDocumented(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(testdata.Root(t), "docs/reference/audit.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(".", "`", "[]", "`", "{", "`", ",", "`").Replace(string(b))
	has := func(name string) {
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("%s is not documented", name)
		}
	}
	var walk func(typ reflect.Type)
	walk = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			walk(typ.Elem())
		case reflect.Struct:
			for i := range typ.NumField() {
				f := typ.Field(i)
				if key, _, _ := strings.Cut(f.Tag.Get("json"), ","); key != "" {
					has(key)
				}
				walk(f.Type)
			}
		}
	}
	walk(reflect.TypeOf(Report{}))
	walk(reflect.TypeOf(Frontier{}))
	for _, kind := range []evaluate.Kind{evaluate.Binary, evaluate.Class, evaluate.MultiLabel, evaluate.Regression, evaluate.TimeToEvent} {
		protocol, shares := metricsOf(kind)
		for _, m := range append(protocol, shares...) {
			has(m.name)
		}
		for _, g := range gapsOf(kind) {
			has(g.name)
		}
	}
	for name := range extraNames {
		has(name)
	}
}
