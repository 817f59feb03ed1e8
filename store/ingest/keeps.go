package ingest

import (
	"slices"
	"strings"

	"github.com/cineloop/cineloop/store/catalog"
)

var kept = func() map[string]bool {
	m := map[string]bool{}
	for _, k := range slices.Concat(catalog.Keywords(), strings.Fields(imageKeywords)) {
		m[k] = true
	}
	return m
}()

// Keeps reports whether records hold the attribute with this keyword, so that it can be searched by.
func Keeps(keyword string) bool { return kept[keyword] }
