package evaluate

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/testdata"
)

// TestKeysAreDocumented: every key of metrics.json and every metric has its place in docs/reference/metrics.md.
func TestKeysAreDocumented(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(testdata.Root(t), "docs/reference/metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	doc := string(b)
	for _, m := range append(protocol, metric{name: "auroc_delong"}) {
		if !strings.Contains(doc, "`"+m.name+"`") {
			t.Errorf("metric %s is not documented", m.name)
		}
	}
	words := strings.FieldsFunc(doc, func(r rune) bool { return !(r == '_' || r >= 'a' && r <= 'z') })
	known := map[string]bool{}
	for _, w := range words {
		known[w] = true
	}
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			walk(typ.Elem())
		case reflect.Struct:
			if seen[typ] {
				return
			}
			seen[typ] = true
			for i := range typ.NumField() {
				key, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
				if !known[key] {
					t.Errorf("key %q of %s is not documented", key, typ)
				}
				walk(typ.Field(i).Type)
			}
		}
	}
	walk(reflect.TypeFor[Report]())
	if len(seen) < 12 {
		t.Errorf("only %d types were looked at", len(seen))
	}
}

// BenchmarkEvaluate judges 50,000 rows of 25,000 patients with 200 resamples.
func BenchmarkEvaluate(b *testing.B) {
	p := study(50_000, 1)
	p.Targets, p.Groups = p.Targets[:1], nil
	for b.Loop() {
		if _, err := Evaluate(b.Context(), p, Options{Resamples: 200}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMetric(b *testing.B) {
	p := study(50_000, 1)
	for _, name := range []string{"auroc", "auprc", "ece_mass", "brier"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := Metric(name, p.Targets[0], p.Truth["event"], p.Score["event"]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
