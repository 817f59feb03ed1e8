package strictyaml

import (
	"reflect"
	"strings"
	"time"
)

// field is one key of a struct.
type field struct {
	name  string
	index []int
	typ   reflect.Type
}

// fieldsOf lists t's keys in declaration order: tag names, else the lower-cased Go name as yaml.v3 does; inlined structs unfolded.
func fieldsOf(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, opts, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if !f.IsExported() || name == "-" {
			continue
		}
		if strings.Contains(opts, "inline") && f.Type.Kind() == reflect.Struct {
			for _, g := range fieldsOf(f.Type) {
				g.index = append([]int{i}, g.index...)
				out = append(out, g)
			}
			continue
		}
		if name == "" {
			name = strings.ToLower(f.Name)
		}
		out = append(out, field{name, []int{i}, f.Type})
	}
	return out
}

// findKey is the path of the first struct key called key under t, depth first; "" when there is none. List positions are "0".
func findKey(key string, t reflect.Type, path string, seen map[reflect.Type]bool) string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		if t.Kind() == reflect.Slice {
			path = join(path, "0")
		}
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || seen[t] || t == reflect.TypeFor[time.Time]() {
		return ""
	}
	seen[t] = true
	fields := fieldsOf(t)
	for _, f := range fields {
		if f.name == key {
			return join(path, key)
		}
	}
	for _, f := range fields {
		if p := findKey(key, f.typ, join(path, f.name), seen); p != "" {
			return p
		}
	}
	return ""
}
