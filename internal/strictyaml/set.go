package strictyaml

import (
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/cineloop/cineloop/internal/fault"
)

// Set applies one assignment "path=value" to v, a pointer to a struct. Path is the keys joined by dots, list positions counted
// from 0 ("splits.0.folds=5"); the position one past the end appends. Value is YAML: "[40, 400]" is a list, and an empty value
// clears the field. For a text field everything after the "=" is the text as it stands, unless it is quoted.
func Set(v any, assignment string) error {
	path, text, ok := strings.Cut(assignment, "=")
	path = strings.TrimSpace(path)
	if !ok || path == "" {
		return fault.New(fault.Usage, "--set %q: want key=value", assignment)
	}
	s := &setter{decoder: decoder{file: "--set", root: reflect.TypeOf(v).Elem()}, text: strings.TrimSpace(text)}
	s.walk(reflect.ValueOf(v).Elem(), strings.Split(path, "."), "")
	return s.err()
}

type setter struct {
	decoder
	text string
}

// walk goes down keys from dst, whose own path is path, and assigns at the end. Containers on the way are replaced by changed
// copies only when everything below them decoded, so that a failed assignment leaves v as it was.
func (s *setter) walk(dst reflect.Value, keys []string, path string) {
	if len(keys) == 0 {
		s.assign(dst, path)
		return
	}
	nowhere := &yaml.Node{}
	key := keys[0]
	at := join(path, key)
	switch dst.Kind() {
	case reflect.Pointer:
		fresh := reflect.New(dst.Type().Elem())
		if !dst.IsNil() {
			fresh.Elem().Set(dst.Elem())
		}
		s.walk(fresh.Elem(), keys, path)
		s.put(dst, fresh)
	case reflect.Struct:
		for _, f := range fieldsOf(dst.Type()) {
			if f.name == key {
				s.walk(dst.FieldByIndex(f.index), keys[1:], at)
				return
			}
		}
		s.fault(nowhere, path, "unknown key %q (%s)", key, unknownHint(key, dst.Type(), s.root))
	case reflect.Map:
		elem := reflect.New(dst.Type().Elem()).Elem()
		k := reflect.ValueOf(key).Convert(dst.Type().Key())
		if old := dst.MapIndex(k); old.IsValid() {
			elem.Set(old)
		}
		s.walk(elem, keys[1:], at)
		fresh := reflect.MakeMap(dst.Type())
		for it := dst.MapRange(); it.Next(); {
			fresh.SetMapIndex(it.Key(), it.Value())
		}
		fresh.SetMapIndex(k, elem)
		s.put(dst, fresh)
	case reflect.Slice:
		i, err := strconv.Atoi(key)
		if (err != nil || i != 0) && dst.Len() == 0 {
			s.fault(nowhere, path, "%q is no position in an empty list (0 appends)", key)
			return
		}
		if err != nil || i < 0 || i > dst.Len() {
			s.fault(nowhere, path, "%q is no position in a list of %d (0 to %d; %d appends)", key, dst.Len(), dst.Len()-1, dst.Len())
			return
		}
		fresh := reflect.MakeSlice(dst.Type(), max(dst.Len(), i+1), max(dst.Len(), i+1))
		reflect.Copy(fresh, dst)
		s.walk(fresh.Index(i), keys[1:], at)
		s.put(dst, fresh)
	default:
		s.fault(nowhere, path, "is one value and has no key %q", key)
	}
}

func (s *setter) put(dst, fresh reflect.Value) {
	if len(s.faults) == 0 {
		dst.Set(fresh)
	}
}

func (s *setter) assign(dst reflect.Value, path string) {
	if s.text == "" {
		dst.SetZero()
		return
	}
	base := dst.Type()
	for base.Kind() == reflect.Pointer {
		base = base.Elem()
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s.text}
	if base.Kind() != reflect.String || s.text[0] == '"' || s.text[0] == '\'' {
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(s.text), &doc); err != nil {
			s.fault(&yaml.Node{}, path, "%s", syntaxMessage(err))
			return
		}
		if n = &doc; len(doc.Content) == 0 {
			dst.SetZero()
			return
		}
	}
	clearLines(n, 0)
	fresh := reflect.New(dst.Type()).Elem()
	if base.Kind() == reflect.Struct {
		fresh.Set(dst)
	}
	s.value(n, fresh, path)
	s.put(dst, fresh)
}

// clearLines removes line numbers, which mean nothing on a command line.
func clearLines(n *yaml.Node, depth int) {
	n.Line = 0
	if depth > 100 {
		return
	}
	for _, c := range n.Content {
		clearLines(c, depth+1)
	}
}
