// Package strictyaml reads and writes recipes and plans: YAML decoded into Go structs without a chance to be misread.
//
// An unknown key, a repeated key, a value of another kind than the field's, a fraction where a whole number belongs: each is an
// error (code [fault.Usage]) with file and line, the path of the key ("train.epochs") and, for unknown keys, the nearest known
// one. All faults of a file are reported at once. [Set] changes one value by its path under the same rules, and [Marshal] writes
// a value so that equal values give equal bytes and decoding gives the value back.
//
// Field names come from `yaml:"name"` tags; "-" hides a field. Merge keys (<<) and custom tags (!x) are refused: a recipe says
// what it means in one place.
package strictyaml
