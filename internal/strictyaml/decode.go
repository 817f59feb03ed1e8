package strictyaml

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/nearest"
)

// maxNodes bounds the work that one document may ask for: aliases can make a small file expand without end.
const maxNodes = 200_000

// maxFaults is how many faults of one document are listed.
const maxFaults = 10

// ReadFile decodes the YAML file at path into v, a pointer to a struct. Values that the file does not name keep what v holds.
func ReadFile(path string, v any) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return fault.New(fault.NotFound, "%s: no such file", path)
	}
	if err != nil {
		return fault.New(fault.Input, "reading %s: %w", path, err)
	}
	return Unmarshal(path, data, v)
}

// Unmarshal decodes data into v, a pointer to a struct; file names the source in errors. On an error v may be partly filled.
func Unmarshal(file string, data []byte, v any) error {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); err == io.EOF {
		return nil
	} else if err != nil {
		return fault.New(fault.Usage, "%s: %s", file, syntaxMessage(err))
	}
	if err := dec.Decode(new(yaml.Node)); err != io.EOF {
		if err != nil {
			return fault.New(fault.Usage, "%s: %s", file, syntaxMessage(err))
		}
		return fault.New(fault.Usage, "%s: more than one document (a second \"---\")", file)
	}
	d := &decoder{file: file, root: reflect.TypeOf(v).Elem()}
	d.value(&doc, reflect.ValueOf(v).Elem(), "")
	return d.err()
}

func syntaxMessage(err error) string { return strings.TrimPrefix(err.Error(), "yaml: ") }

type decoder struct {
	file   string
	root   reflect.Type // whose keys are searched when an unknown key belongs elsewhere
	faults []string
	nodes  int
	depth  int
}

func (d *decoder) err() error {
	if len(d.faults) == 0 {
		return nil
	}
	shown := d.faults
	if len(shown) > maxFaults {
		shown = append(shown[:maxFaults:maxFaults], fmt.Sprintf("and %d more", len(d.faults)-maxFaults))
	}
	return fault.New(fault.Usage, "%s", strings.Join(shown, "\n"))
}

func (d *decoder) fault(n *yaml.Node, path, format string, args ...any) {
	where := d.file
	if n.Line > 0 {
		where = fmt.Sprintf("%s:%d", d.file, n.Line)
	}
	if path != "" {
		where += ": " + path
	}
	d.faults = append(d.faults, where+": "+fmt.Sprintf(format, args...))
}

// value decodes n into dst. Every branch that cannot reports a fault and returns.
func (d *decoder) value(n *yaml.Node, dst reflect.Value, path string) {
	d.nodes++
	d.depth++
	defer func() { d.depth-- }()
	if d.nodes > maxNodes || d.depth > 100 {
		if d.nodes <= maxNodes+1 || d.depth == 101 {
			d.fault(n, path, "the document is too large or too deep")
		}
		return
	}
	switch {
	case n.Kind == yaml.DocumentNode:
		d.value(n.Content[0], dst, path)
		return
	case n.Kind == yaml.AliasNode:
		d.value(n.Alias, dst, path)
		return
	case strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!"):
		d.fault(n, path, "%q is a YAML tag: put a value that begins with ! in quotes", n.Tag)
		return
	case isNull(n):
		if dst.Kind() == reflect.Pointer || dst.Kind() == reflect.Slice || dst.Kind() == reflect.Map {
			dst.SetZero()
		}
		return
	}
	if dst.Kind() == reflect.Pointer {
		fresh := reflect.New(dst.Type().Elem())
		if !dst.IsNil() {
			fresh.Elem().Set(dst.Elem())
		}
		d.value(n, fresh.Elem(), path)
		dst.Set(fresh)
		return
	}
	if d.custom(n, dst, path) {
		return
	}
	switch dst.Kind() {
	case reflect.Struct:
		d.mapping(n, dst, path)
	case reflect.Map:
		d.dict(n, dst, path)
	case reflect.Slice:
		d.list(n, dst, path)
	case reflect.Interface:
		var v any
		if err := n.Decode(&v); err != nil {
			d.fault(n, path, "%s", syntaxMessage(err))
		} else {
			dst.Set(reflect.ValueOf(v))
		}
	default:
		d.scalar(n, dst, path)
	}
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// custom decodes types that know their own text form.
func (d *decoder) custom(n *yaml.Node, dst reflect.Value, path string) bool {
	switch u := dst.Addr().Interface().(type) {
	case yaml.Unmarshaler:
		if err := u.UnmarshalYAML(n); err != nil {
			d.fault(n, path, "%s", syntaxMessage(err))
		}
		return true
	case *time.Duration:
		v, err := time.ParseDuration(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil {
			d.fault(n, path, "want a duration such as 90s or 2h30m, have %s", describe(n))
			return true
		}
		*u = v
		return true
	case encoding.TextUnmarshaler:
		if n.Kind != yaml.ScalarNode {
			d.fault(n, path, "want one value, have %s", describe(n))
		} else if err := u.UnmarshalText([]byte(n.Value)); err != nil {
			d.fault(n, path, "%s", err)
		}
		return true
	}
	return false
}

// pairs checks that n is a mapping of plain, distinct keys and calls f for each.
func (d *decoder) pairs(n *yaml.Node, path string, f func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		d.fault(n, path, "want keys and values, have %s", describe(n))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		switch {
		case key.Kind != yaml.ScalarNode:
			d.fault(key, path, "a key must be one word")
		case key.Tag == "!!merge":
			d.fault(key, path, "merge keys (<<) are not supported: write the keys out")
		case seen[key.Value] > 0:
			d.fault(key, join(path, key.Value), "given twice, first on line %d", seen[key.Value])
		default:
			seen[key.Value] = key.Line
			f(key, n.Content[i+1])
		}
	}
}

func (d *decoder) mapping(n *yaml.Node, dst reflect.Value, path string) {
	fields := fieldsOf(dst.Type())
	d.pairs(n, path, func(key, value *yaml.Node) {
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == key.Value })
		if i < 0 {
			d.fault(key, path, "unknown key %q (%s)", key.Value, unknownHint(key.Value, dst.Type(), d.root))
			return
		}
		d.value(value, dst.FieldByIndex(fields[i].index), join(path, key.Value))
	})
}

func (d *decoder) dict(n *yaml.Node, dst reflect.Value, path string) {
	if dst.Type().Key().Kind() != reflect.String {
		panic(fmt.Sprintf("strictyaml: %s: map keys must be strings", dst.Type()))
	}
	out := reflect.MakeMap(dst.Type())
	d.pairs(n, path, func(key, value *yaml.Node) {
		elem := reflect.New(dst.Type().Elem()).Elem()
		d.value(value, elem, join(path, key.Value))
		out.SetMapIndex(reflect.ValueOf(key.Value).Convert(dst.Type().Key()), elem)
	})
	dst.Set(out)
}

func (d *decoder) list(n *yaml.Node, dst reflect.Value, path string) {
	if n.Kind != yaml.SequenceNode {
		d.fault(n, path, "want a list, have %s", describe(n))
		return
	}
	out := reflect.MakeSlice(dst.Type(), len(n.Content), len(n.Content))
	for i, c := range n.Content {
		d.value(c, out.Index(i), join(path, strconv.Itoa(i)))
	}
	dst.Set(out)
}

func (d *decoder) scalar(n *yaml.Node, dst reflect.Value, path string) {
	if n.Kind != yaml.ScalarNode {
		d.fault(n, path, "want %s, have %s", wanted(dst.Kind()), describe(n))
		return
	}
	ok := true
	switch k := dst.Kind(); k {
	case reflect.String:
		// As written: `positive: 1` and `positive: yes` mean the words that stand in the table.
		dst.SetString(n.Value)
	case reflect.Bool:
		var b bool
		if ok = n.ShortTag() == "!!bool" && n.Decode(&b) == nil; ok {
			dst.SetBool(b)
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		var i int64
		if i, ok = wholeNumber(n); ok {
			if ok = !dst.OverflowInt(i); ok {
				dst.SetInt(i)
			}
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		var u uint64
		if ok = n.ShortTag() == "!!int" && n.Decode(&u) == nil && !dst.OverflowUint(u); ok {
			dst.SetUint(u)
		}
	case reflect.Float32, reflect.Float64:
		var f float64
		tag := n.ShortTag()
		if ok = (tag == "!!float" || tag == "!!int") && n.Decode(&f) == nil; ok {
			dst.SetFloat(f)
		}
	default:
		panic(fmt.Sprintf("strictyaml: %s: fields of type %s cannot be decoded", path, dst.Type()))
	}
	if !ok {
		d.fault(n, path, "want %s, have %s", wanted(dst.Kind()), describe(n))
	}
}

// wholeNumber accepts 3, 0x10, 1e3 and 3.0; 3.5 is refused rather than cut.
func wholeNumber(n *yaml.Node) (int64, bool) {
	switch n.ShortTag() {
	case "!!int":
		var i int64
		err := n.Decode(&i)
		return i, err == nil
	case "!!float":
		var f float64
		if n.Decode(&f) == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			return int64(f), true
		}
	}
	return 0, false
}

func wanted(k reflect.Kind) string {
	switch k {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number from 0 up"
	}
	return "a whole number"
}

func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys and values"
	case yaml.SequenceNode:
		return "a list"
	}
	v := n.Value
	if len(v) > 40 {
		v = v[:40] + "…"
	}
	return strconv.Quote(v)
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// unknownHint names the known key that was most likely meant: one of t itself, or one of that name elsewhere under root.
func unknownHint(key string, t, root reflect.Type) string {
	var names []string
	for _, f := range fieldsOf(t) {
		names = append(names, f.name)
	}
	if w, ok := nearest.Word(key, names); ok {
		return fmt.Sprintf("did you mean %q?", w)
	}
	if p := findKey(key, root, "", map[reflect.Type]bool{}); p != "" {
		return fmt.Sprintf("did you mean %q?", p)
	}
	return nearest.Hint(key, names)
}
