package learn

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/testdata"
)

// TestKeysAreDocumented: every key of a recipe stands in its section of docs/reference/recipe.md, and every section's keys exist.
func TestKeysAreDocumented(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(testdata.Root(t), "docs/reference/recipe.md"))
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, part := range strings.Split(string(b), "\n## ")[1:] {
		name, body, _ := strings.Cut(part, "\n")
		sections[name] = body
	}
	var walk func(typ reflect.Type, at string)
	walk = func(typ reflect.Type, at string) {
		section := at
		if at == "" {
			section = "The top level"
		}
		body, ok := sections[section]
		if !ok {
			t.Errorf("there is no section %q", section)
			return
		}
		rows := strings.Count(body, "\n| `")
		for i := range typ.NumField() {
			f := typ.Field(i)
			key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if key == "-" || key == "" {
				continue
			}
			rows--
			if !strings.Contains(body, "\n| `"+key+"` | ") {
				t.Errorf("%s: key %s is not documented", section, key)
			}
			path := strings.TrimPrefix(at+"."+key, ".")
			switch ft := f.Type; {
			case key == "planned":
			case ft.Kind() == reflect.Struct:
				walk(ft, path)
			case ft.Kind() == reflect.Pointer && ft.Elem().Kind() == reflect.Struct:
				walk(ft.Elem(), path)
			case ft.Kind() == reflect.Slice && ft.Elem().Kind() == reflect.Struct:
				walk(ft.Elem(), path+"[]")
			}
		}
		if rows != 0 {
			t.Errorf("%s: %d rows too many", section, rows)
		}
		delete(sections, section)
	}
	walk(reflect.TypeOf(Plan{}), "")
	for name := range sections {
		t.Errorf("section %s is of nothing", name)
	}
}
