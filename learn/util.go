package learn

import (
	"maps"
	"slices"
)

// sortedKeys gives maps one order, so that equal content gives equal bytes.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
