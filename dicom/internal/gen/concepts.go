package main

import (
	"bytes"
	"compress/flate"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// concepts writes code/concepts.flate: the coded concepts of PS3.16 annex D and its context groups, as deflated text. Schemes are
// lines of "=scheme", concepts below them lines of value, meaning and context groups between tabs, in the order of the values (one value has
// a line for each of its meanings, that of most context groups first); context groups are lines of "#number", tab, keyword.
func concepts(dir string) error {
	rows, err := table(dir, "concepts.csv")
	if err != nil {
		return err
	}
	groups, err := table(dir, "context_groups.csv")
	if err != nil {
		return err
	}
	sort.SliceStable(rows, func(i, j int) bool {
		if rows[i][0] != rows[j][0] {
			return rows[i][0] < rows[j][0]
		}
		if rows[i][1] != rows[j][1] {
			return rows[i][1] < rows[j][1]
		}
		return len(strings.Fields(rows[i][3])) > len(strings.Fields(rows[j][3])) // the meaning that most context groups have
	})
	var text bytes.Buffer
	scheme := ""
	for _, r := range rows {
		for _, field := range r {
			if strings.ContainsAny(field, "\t\n") {
				return fmt.Errorf("concepts.csv: %q holds a separator", field)
			}
		}
		if r[0] != scheme {
			scheme = r[0]
			fmt.Fprintf(&text, "=%s\n", scheme)
		}
		if r[1] == "" {
			continue // the table has a meaning without a value
		}
		cids := strings.FieldsFunc(r[3], func(c rune) bool { return c < '0' || c > '9' })
		fmt.Fprintf(&text, "%s\t%s\t%s\n", r[1], r[2], strings.Join(cids, " "))
	}
	sort.Slice(groups, func(i, j int) bool {
		a, _ := strconv.Atoi(groups[i][0])
		b, _ := strconv.Atoi(groups[j][0])
		return a < b
	})
	for _, g := range groups {
		fmt.Fprintf(&text, "#%s\t%s\n", g[0], g[1])
	}
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		return err
	}
	if _, err := w.Write(text.Bytes()); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "gen: %d concepts, %d bytes, deflated %d\n", len(rows), text.Len(), out.Len())
	return os.WriteFile(filepath.Join("..", "code", "concepts.flate"), out.Bytes(), 0o644)
}
