package cohort

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// digestFiles digests key and part of every row's file, in the order of rows.
func (c *Cohort) digestFiles(ctx context.Context, rows []int, workers int, part func(path string) string) (string, error) {
	files := c.filesOf(rows)
	sums := make([]string, len(files))
	parallel(workers, len(files), func(i int) {
		if ctx.Err() == nil {
			sums[i] = part(files[i].Path)
		}
	})
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("reading the fingerprint: %w", err)
	}
	h := sha256.New()
	for i, f := range files {
		fmt.Fprintf(h, "%q %s\n", f.ID, sums[i])
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// file is one clip of an item.
type file struct {
	ClipOf
	row int
}

// files are the clips of all rows, in the order of rows and slots.
func (c *Cohort) files() []file { return c.filesOf(c.All()) }

func (c *Cohort) filesOf(rows []int) []file {
	out := make([]file, 0, len(rows))
	for _, r := range rows {
		for _, f := range c.Rows[r].Files() {
			out = append(out, file{f, r})
		}
	}
	return out
}

// plainPath is the file or folder of a path that may have a fragment.
func plainPath(path string) string {
	if i := strings.LastIndexByte(path, '#'); i > 0 {
		if _, err := os.Stat(path); err != nil {
			return path[:i]
		}
	}
	return path
}

// fileSize is the size of a file, or of the files directly in a folder, in bytes.
func fileSize(path string) string {
	size := int64(0)
	eachFile(path, func(_ string, info fs.FileInfo) { size += info.Size() })
	return fmt.Sprint(size)
}

// contentOf is the SHA-256 of a file, or over the names and contents of the files directly in a folder.
func contentOf(path string) string {
	h := sha256.New()
	eachFile(path, func(file string, info fs.FileInfo) {
		sum, err := fileDigest(file)
		if err != nil {
			sum = "unreadable"
		}
		fmt.Fprintf(h, "%q %s\n", info.Name(), sum)
	})
	io.WriteString(h, path[len(plainPath(path)):]) // the fragment
	return hex.EncodeToString(h.Sum(nil))
}

func eachFile(path string, f func(file string, info fs.FileInfo)) {
	path = plainPath(path)
	st, err := os.Stat(path)
	if err != nil {
		return
	}
	if !st.IsDir() {
		f(path, st)
		return
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return
	}
	for _, e := range entries {
		file := filepath.Join(path, e.Name()) // links count as what they lead to, as they do when the series is read
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			f(file, info)
		}
	}
}

// fileDigest is the SHA-256 of a file in hex.
func fileDigest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
